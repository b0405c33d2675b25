/**
 * Any function that asks a service, at the pace of its limits: for clients that take no `fetch`.
 *
 *   const search = paced(pace, "search.example.com", (words: string) => client.search(words));
 *
 * Turn off the client's own tries, or they multiply with those that are made here.
 */
import { checkFunction, checkMethods, checkNames, checkText } from "../argument.ts";
import type { Pace, RunOptions } from "../pace.ts";
import type { Cost } from "../quota/reading.ts";

export interface PacedOptions<Given extends readonly unknown[], Result>
  extends Pick<RunOptions<Result>, "isIdempotent" | "model" | "told"> {
  /** What a call will take, as far as can be told; one request unless said. */
  readonly guess?: ((...given: Given) => Cost) | undefined;
  readonly signal?: ((...given: Given) => AbortSignal | undefined) | undefined;
}

/** Each of its calls is one of `pace.run`, and throws what that throws. Throws `bad-argument`. */
export function paced<Given extends readonly unknown[], Result>(
  pace: Pick<Pace, "run">,
  partition: string,
  ask: (...given: Given) => PromiseLike<Result>,
  options: PacedOptions<Given, Result> = {},
): (...given: Given) => Promise<Result> {
  checkMethods("a pace", pace, ["run"]);
  checkText("the name of the quotas", partition);
  checkFunction("what is paced", ask);
  checkNames("paced", options, ["guess", "signal", "model", "isIdempotent", "told"]);
  const { guess, signal, ...rest } = options;
  if (guess !== undefined) checkFunction("guess", guess);
  if (signal !== undefined) checkFunction("signal", signal);
  return async (...given) =>
    await pace.run(partition, () => ask(...given), { ...rest, guess: guess?.(...given), signal: signal?.(...given) });
}
