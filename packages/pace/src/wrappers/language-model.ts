/**
 * A middleware for language models of the AI SDK, of the form that its sixth and seventh majors take:
 *
 *   const model = wrapLanguageModel({ model: provider("name"), middleware: paceMiddleware(pace) });
 *   await generateText({ model, prompt, providerOptions: { pace: { class: "interactive" } } });
 *
 * For models whose provider takes no `fetch`; where it does, `clientFetch` is better, as it sees every field. Nothing of the SDK is imported: of models, parameters and results only
 * what is read here is described.
 */
import { checkMethods, checkOneOf } from "../argument.ts";
import type { Pace } from "../pace.ts";
import type { CallTraits } from "../policy.ts";
import { guessedCost } from "../providers/cost.ts";
import { ASKED_AGAIN } from "../providers/verdict.ts";
import type { Cost } from "../quota/reading.ts";
import { meteredStream } from "./model-stream.ts";

interface Parameters {
  readonly prompt: unknown;
  readonly maxOutputTokens?: number | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  readonly providerOptions?: Readonly<Record<string, unknown>> | undefined;
}

interface Model {
  readonly provider: string;
  readonly modelId: string;
}

interface Wrapped {
  readonly params: Parameters;
  readonly model: Model;
}

export interface LanguageModelMiddleware<Version extends string> {
  readonly specificationVersion: Version;
  wrapGenerate<Result extends object>(options: Wrapped & { readonly doGenerate: () => PromiseLike<Result> }): Promise<Result>;
  wrapStream<Result extends object>(options: Wrapped & { readonly doStream: () => PromiseLike<Result> }): Promise<Result>;
}

/** `version`: "v4" is of the seventh major, "v3" of the sixth. Throws `bad-argument`. */
export function paceMiddleware<Version extends "v3" | "v4" = "v4">(
  pace: Pick<Pace, "with">,
  version?: Version,
): LanguageModelMiddleware<Version> {
  checkMethods("a pace", pace, ["with"]);
  if (version !== undefined) checkOneOf("version of a middleware", version, ["v3", "v4"]);
  const asked = async <Result extends object>(
    { params, model }: Wrapped,
    guess: Cost,
    ask: () => PromiseLike<Result>,
    used: (result: Result) => Cost | undefined | Promise<Cost | undefined>,
  ): Promise<Result> => {
    const traits = (params.providerOptions?.["pace"] ?? {}) as CallTraits;
    try {
      return await pace.with(traits).run(`${model.provider} ${model.modelId}`, ask, {
        guess,
        model: model.modelId,
        told: (result) => ({ headers: headersOf(result), used: used(result) }),
        signal: params.abortSignal,
      });
    } catch (error) {
      // What was asked again here until nothing helped the SDK need not ask again: its tries would multiply with these. What else failed was asked once.
      if (typeof error === "object" && error !== null && "isRetryable" in error && ASKED_AGAIN.has(statusOf(error)))
        Object.assign(error, { isRetryable: false });
      throw error;
    }
  };
  return {
    specificationVersion: version ?? ("v4" as Version),
    wrapGenerate: (options) => asked(options, guessOf(options.params, options.model), options.doGenerate, usedBy),
    wrapStream: (options) => {
      const guess = guessOf(options.params, options.model);
      let used: Promise<Cost> | undefined;
      const ask = async <Result extends object>(answer: PromiseLike<Result>): Promise<Result> => {
        const result = await answer;
        const { stream } = result as { readonly stream?: unknown };
        if (!(stream instanceof ReadableStream)) return result;
        const metered = meteredStream(stream, guess, usedBy);
        used = metered.used;
        return { ...result, stream: metered.stream };
      };
      return asked(
        options,
        guess,
        () => ask(options.doStream()),
        (result) => used ?? usedBy(result),
      );
    },
  };
}

/** Of a picture or a sound that is given as bytes: told apart by being long. */
const BYTES = "A".repeat(1000);

function guessOf({ prompt, maxOutputTokens }: Parameters, { modelId }: Model): Cost {
  const text = JSON.stringify({ model: modelId, max_tokens: maxOutputTokens, prompt }, (_name, value: unknown) =>
    ArrayBuffer.isView(value) ? BYTES : value,
  );
  return guessedCost({ url: "", headers: new Headers(), body: text });
}

/** The SDK's own errors have it by the second name. */
function statusOf(error: object): unknown {
  const { status, statusCode } = error as { readonly status?: unknown; readonly statusCode?: unknown };
  return status ?? statusCode;
}

function headersOf(result: object): unknown {
  return (result as { readonly response?: { readonly headers?: unknown } }).response?.headers;
}

/** Of results that are no streams, and of the last part of those that are. */
function usedBy(result: object): Cost | undefined {
  const { usage } = result as {
    readonly usage?: { readonly inputTokens?: { readonly total?: unknown }; readonly outputTokens?: { readonly total?: unknown } };
  };
  const [input, output] = [usage?.inputTokens?.total, usage?.outputTokens?.total];
  if (typeof input !== "number" || typeof output !== "number" || !(input >= 0 && output >= 0)) return undefined;
  return { requests: 1, "input-tokens": input, "output-tokens": output, tokens: input + output };
}
