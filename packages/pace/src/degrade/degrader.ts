/**
 * Runs work with less where something is short.
 *
 * A chain of strategies, in the order in which they were given, each asked when the shortage of the work is at its step: the first changes of the request add up, and
 * an answer, a ticket or a refusal ends the chain. Invariants: whatever a strategy does is stamped on the result and told (K7); critical classes are never
 * lessened unless the work says by whom; a strategy that fails or hangs is told of and passed over, and the work is done without it.
 */
import {
  bad,
  checkFunction,
  checkList,
  checkMethods,
  checkNames,
  checkNumber,
  checkOneOf,
  checkText,
  checkTexts,
  shown,
} from "../argument.ts";
import { PaceError } from "../error.ts";
import type { Clock } from "../host/clock.ts";

import { waitFor } from "../ladder/patience.ts";
import { isAtLeast, STEPS } from "../ladder/step.ts";
import type { Lesser, Shortage, Stamp, Strategy, Work } from "./strategy.ts";

export interface DegraderSettings {
  readonly strategies: readonly Strategy[];
  /** Classes of which nothing is taken away: `heartbeat` unless said. */
  readonly critical?: readonly string[] | undefined;
  /** One strategy has so long: 10,000 unless said, in which a small model writes a summary. */
  readonly patienceMs?: number | undefined;
}

/** A piece of work that may be done with less. */
export interface Operation<Request> {
  /** What it is called, as "search" or "POST https://api.example.com/v1/messages". */
  readonly operation: string;
  readonly request: Request;
  /** `normal` unless said. */
  readonly class?: string | undefined;
  readonly scope?: string | undefined;
  /** Both no, unless said. */
  readonly isDeferrable?: boolean | undefined;
  readonly isQuestion?: boolean | undefined;
  /** Names of the strategies that may touch it: all unless said, and none where its class is critical. */
  readonly lessenedBy?: readonly string[] | undefined;
  /** Whether a strategy's request or answer is one that the work can go on with: all are, unless said. What it throws says that it is none. */
  readonly fits?: ((lesser: Lesser) => boolean) | undefined;
}

export type Outcome<Result> =
  | { readonly kind: "done"; readonly result: Result; readonly stamps: readonly Stamp[] }
  | { readonly kind: "deferred"; readonly ticket: string; readonly stamps: readonly Stamp[] };

export type DegradeEvent =
  | { readonly kind: "lessened"; readonly operation: string; readonly stamp: Stamp }
  /** A strategy failed, or was not done in time: the work went on without it. */
  | {
      readonly kind: "passed-over";
      readonly operation: string;
      readonly strategy: string;
      readonly why: "failed" | "late";
      readonly error?: unknown;
    };

export interface DegraderPorts {
  readonly clock: Clock;
  /** What is short for an operation; nothing where nothing is. */
  readonly shortageOf: (operation: Operation<unknown>) => Shortage | undefined;
  readonly watch?: ((event: DegradeEvent) => void) | undefined;
}

export interface Degrader {
  /** Throws what `act` throws, and `PaceError` with the code `shed` for what is not done. */
  perform<Request, Result>(operation: Operation<Request>, act: (request: Request) => Promise<Result>): Promise<Outcome<Result>>;
}

const PATIENCE_MS = 10_000;
const CRITICAL = ["heartbeat"];

/** Throws `bad-argument`. */
export function createDegrader(settings: DegraderSettings, { clock, shortageOf, watch = () => undefined }: DegraderPorts): Degrader {
  checkNames("a degrader", settings, ["strategies", "critical", "patienceMs"]);
  const { strategies, critical = CRITICAL, patienceMs = PATIENCE_MS } = settings;
  checkNumber("patienceMs", patienceMs, 0);
  checkTexts("critical", critical);
  checkList("strategies", strategies);
  for (const strategy of strategies) checkStrategy(strategy);
  const names = strategies.map(({ name }) => name);
  const twice = names.find((name, nth) => names.indexOf(name) < nth);
  if (twice !== undefined) throw new PaceError("bad-argument", `two strategies are called "${twice}"`, "Give each a name of its own.");
  const mayTouch = (allowed: readonly string[] | undefined, isCritical: boolean, name: string): boolean =>
    allowed === undefined ? !isCritical : allowed.includes(name);

  const tell = (event: DegradeEvent): void => {
    try {
      watch(event);
    } catch {
      // No work pays for who looks on.
    }
  };

  const lesserBy = async (strategy: Strategy, work: Work, fits: (lesser: Lesser) => boolean): Promise<Lesser | undefined> => {
    const waited = await waitFor(clock, patienceMs, async (signal) => {
      const lesser: unknown = await strategy.lessen(work, signal);
      // Somebody else's code, that may be in JavaScript: nothing is what it says, whichever nothing that is.
      if (lesser === undefined || lesser === null) return undefined;
      if (!isLesser(lesser) || !fits(lesser))
        throw bad(
          `"${strategy.name}" gives ${shown(lesser)}`,
          "A request, an answer, a ticket or a refusal that the work can go on with, with what is lost, or nothing.",
        );
      return lesser;
    });
    if (waited.kind === "done") return waited.value;
    const error = waited.kind === "failed" ? { error: waited.error } : {};
    tell({ kind: "passed-over", operation: work.operation, strategy: strategy.name, why: waited.kind, ...error });
    return undefined;
  };

  const answered = (work: Omit<Work, "shortage">, result: unknown): void => {
    for (const strategy of strategies) {
      try {
        strategy.answered?.(work, result);
      } catch (error) {
        tell({ kind: "passed-over", operation: work.operation, strategy: strategy.name, why: "failed", error });
      }
    }
  };

  return {
    perform: async <Request, Result>(one: Operation<Request>, act: (request: Request) => Promise<Result>): Promise<Outcome<Result>> => {
      const unknown = one.lessenedBy?.find((name) => !names.includes(name));
      if (unknown !== undefined)
        throw new PaceError("bad-argument", `"${unknown}" is no strategy here`, `There are: ${names.join(", ") || "none"}.`);
      const { operation, request, class: name = "normal", scope = "", isDeferrable = false, isQuestion = false, fits = () => true } = one;
      const plain = { operation, request, class: name, scope, isDeferrable, isQuestion };
      const shortage = shortageOf(one);
      const stamps: Stamp[] = [];
      let lessened: unknown = request;
      for (const strategy of shortage === undefined ? [] : strategies) {
        if (shortage === undefined || !isAtLeast(shortage.step, strategy.from)) continue;
        if (!mayTouch(one.lessenedBy, critical.includes(name), strategy.name)) continue;
        const lesser = await lesserBy(strategy, { ...plain, request: lessened, shortage }, fits);
        if (lesser === undefined) continue;
        const stamp: Stamp = { strategy: strategy.name, ...shortage, lost: lesser.lost };
        stamps.push(stamp);
        tell({ kind: "lessened", operation, stamp });
        if (lesser.kind === "answer") return { kind: "done", result: lesser.result as Result, stamps };
        if (lesser.kind === "deferred") return { kind: "deferred", ticket: lesser.ticket, stamps };
        if (lesser.kind === "dropped") throw shed(operation, shortage, lesser.lost);
        lessened = lesser.request;
      }
      const result = await act(lessened as Request);
      if (stamps.length === 0) answered(plain, result);
      return { kind: "done", result, stamps };
    },
  };
}

function checkStrategy(strategy: unknown): void {
  if (typeof strategy !== "object" || strategy === null)
    throw bad(`a strategy is ${shown(strategy)}`, "As in fewerTokens(), or an object with name, from and lessen.");
  const { name, from, answered } = strategy as Readonly<Record<string, unknown>>;
  checkText("the name of a strategy", name);
  checkOneOf(`step from which "${name}" is asked`, from, STEPS.slice(1));
  checkMethods(`the strategy "${name}"`, strategy, ["lessen"]);
  if (answered !== undefined) checkFunction(`answered of "${name}"`, answered);
}

function isLesser(given: unknown): given is Lesser {
  if (typeof given !== "object" || given === null) return false;
  const { kind, lost, ticket } = given as Readonly<Record<string, unknown>>;
  if (typeof lost !== "string") return false;
  return kind === "deferred" ? typeof ticket === "string" : kind === "request" || kind === "answer" || kind === "dropped";
}

function shed(operation: string, { step, gauge }: Shortage, lost: string): PaceError {
  return new PaceError(
    "shed",
    `${operation} is not done: ${lost}`,
    `"${gauge}" is at ${step}. Do without, ask again later, or give it a class that is critical.`,
  );
}
