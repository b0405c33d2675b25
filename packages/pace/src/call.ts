/** One piece of work from its entry to its answer: attempts, each of which passes the gate. */
import type { RetryBudget } from "./control/retry-budget.ts";
import { isPaceError } from "./error.ts";
import type { PaceEvent } from "./event.ts";
import type { CallTerms, Gate, Pass } from "./gate/gate.ts";
import type { Outcome } from "./gate/outcome.ts";
import type { Clock } from "./host/clock.ts";
import type { Cost } from "./quota/reading.ts";

/** What came of one attempt. */
export interface Attempt<Result> {
  readonly outcome: Outcome;
  readonly result: Result;
  /** Whether asking again may help: where a quota refused it, by waiting for the gate; where the service failed, within the budget for that. */
  readonly again: "never" | "in-turn" | "in-budget";
  /** What it took, where that is known when the answer has been read. */
  readonly used?: Promise<Cost | undefined>;
}

export interface CallPorts {
  readonly gate: Gate;
  readonly budget: RetryBudget;
  readonly clock: Clock;
  /** None where nobody looks; asked for at each event, as somebody may begin to. */
  readonly watch?: ((event: PaceEvent) => void) | undefined;
}

export interface CallOptions {
  readonly attempts: number;
  readonly signal?: AbortSignal | undefined;
  /** How events name it. */
  readonly named: { readonly partition: string; readonly class: string };
}

/**
 * A call waits so long in all for its retries: ten seconds are the longest that a person stays with what he asked for. Where many fail each retry takes six, and that the
 * service fails is better told soon.
 */
const PATIENCE_MS = 10_000;

/**
 * The result of the first attempt that need not, or cannot, be made again. Throws what `attempt` throws, the reason of the signal, and `PaceError` where the first
 * attempt could not leave; a later one that cannot gives the result of the one before it.
 */
export async function call<Result>(
  ports: CallPorts,
  terms: CallTerms,
  { attempts, signal, named }: CallOptions,
  attempt: (nth: number) => Promise<Attempt<Result>>,
): Promise<Result> {
  const { gate, budget, clock } = ports;
  let last: Attempt<Result> | undefined;
  let patienceMs = PATIENCE_MS;
  for (let nth = 1; ; nth++) {
    const cameMs = clock.now();
    let pass: Pass;
    try {
      if (last?.again === "in-budget") {
        await budget.spend(Math.min(terms.deadlineMs, cameMs + patienceMs), signal);
        patienceMs -= clock.now() - cameMs;
      }
      pass = await entered(gate, last === undefined ? terms : { ...terms, isAgain: true }, signal);
    } catch (error) {
      if (isPaceError(error)) ports.watch?.({ ...named, kind: "turned-away", code: error.code });
      if (last !== undefined && isPaceError(error)) return last.result;
      throw error;
    }
    ports.watch?.({ ...named, kind: "left", nth, waitedMs: pass.sentMs - cameMs });
    if (nth === 1) budget.earned();
    try {
      last = await attempt(nth);
    } catch (error) {
      pass.settle({ kind: "withdrawn", wasSent: !isUnsent(error) });
      ports.watch?.({ ...named, kind: "withdrawn", tookMs: clock.now() - pass.sentMs });
      throw error;
    }
    pass.settle(last.outcome);
    const { watch } = ports;
    if (watch !== undefined) for (const event of ended(last.outcome, clock.now() - pass.sentMs)) watch({ ...named, ...event });
    void last.used?.then((used) => {
      if (used === undefined) return;
      pass.used(used);
      ports.watch?.({ ...named, kind: "used", used });
    });
    if (last.again === "never" || nth >= attempts) return last.result;
  }
}

/** Codes of connections that were never made. */
const UNMADE = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

/** Of what is not known to be so the owner's quotas count it: a budget is not to be had by breaking off. */
function isUnsent(error: unknown): boolean {
  if (isPaceError(error)) return true;
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } | null };
  return UNMADE.has(String(cause?.code ?? code));
}

/** An event without the names of its call. */
type Bare<Event> = Event extends PaceEvent ? Omit<Event, "partition" | "class"> : never;

function ended(outcome: Outcome, tookMs: number): readonly Bare<Exclude<PaceEvent, { kind: "breaker" }>>[] {
  switch (outcome.kind) {
    case "answered":
      return [{ kind: "answered", tookMs }, ...(outcome.used === undefined ? [] : [{ kind: "used" as const, used: outcome.used }])];
    case "withdrawn":
      return [{ kind: "withdrawn", tookMs }];
    default:
      return [{ kind: outcome.kind, tookMs, waitMs: outcome.waitMs }];
  }
}

function entered(gate: Gate, terms: CallTerms, signal: AbortSignal | undefined): Promise<Pass> {
  return new Promise((resolve, reject) => {
    if (signal === undefined) {
      gate.enter(terms, { leave: resolve, refuse: reject });
      return;
    }
    signal.throwIfAborted();
    let takeBack: (() => void) | undefined;
    const give = (): void => {
      takeBack?.();
      reject(signal.reason);
    };
    signal.addEventListener("abort", give, { once: true });
    const done = (): void => signal.removeEventListener("abort", give);
    takeBack = gate.enter(terms, {
      leave: (pass) => {
        done();
        resolve(pass);
      },
      refuse: (error) => {
        done();
        reject(error);
      },
    });
  });
}
