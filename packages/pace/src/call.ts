/** One piece of work from its entry to its answer: attempts, each of which passes the gate. */
import type { RetryBudget } from "./control/retry-budget.ts";
import { isPaceError, PaceError } from "./error.ts";
import type { CallTerms, Gate, Pass } from "./gate/gate.ts";
import type { Outcome } from "./gate/outcome.ts";
import type { Clock } from "./host/clock.ts";

/** What came of one attempt. */
export interface Attempt<Result> {
  readonly outcome: Outcome;
  readonly result: Result;
  /** Whether asking again may help: where a quota refused it, by waiting for the gate; where the service failed, within the budget for that. */
  readonly again: "never" | "in-turn" | "in-budget";
}

export interface CallPorts {
  readonly gate: Gate;
  readonly budget: RetryBudget;
  readonly clock: Clock;
}

export interface CallOptions {
  readonly attempts: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The result of the first attempt that need not, or cannot, be made again. Throws what `attempt` throws, the reason of the signal, and `PaceError` where the first
 * attempt could not leave; a later one that cannot gives the result of the one before it.
 */
export async function call<Result>(
  ports: CallPorts,
  terms: CallTerms,
  { attempts, signal }: CallOptions,
  attempt: (nth: number) => Promise<Attempt<Result>>,
): Promise<Result> {
  const { gate, budget, clock } = ports;
  let last: Attempt<Result> | undefined;
  for (let nth = 1; ; nth++) {
    let pass: Pass;
    try {
      if (last?.again === "in-budget") await inBudget(budget, clock, terms.deadlineMs, signal);
      pass = await entered(gate, terms, signal);
    } catch (error) {
      if (last !== undefined && isPaceError(error)) return last.result;
      throw error;
    }
    if (nth === 1) budget.earned();
    try {
      last = await attempt(nth);
    } catch (error) {
      pass.settle({ kind: "withdrawn" });
      throw error;
    }
    pass.settle(last.outcome);
    if (last.again === "never" || nth >= attempts) return last.result;
  }
}

function entered(gate: Gate, terms: CallTerms, signal: AbortSignal | undefined): Promise<Pass> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    let takeBack: (() => void) | undefined;
    const give = (): void => {
      takeBack?.();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", give, { once: true });
    const done = (): void => signal?.removeEventListener("abort", give);
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

/** Looks again at least so often: others spend of it too. */
const LOOK_AGAIN_MS = 250;

async function inBudget(budget: RetryBudget, clock: Clock, deadlineMs: number, signal: AbortSignal | undefined): Promise<void> {
  for (let now = clock.now(); !budget.spend(now); now = clock.now()) {
    const next = budget.nextMs(now);
    if (next > deadlineMs)
      throw new PaceError("deadline", "the budget for trying again is spent", "Give it more time.", { availableInMs: next - now });
    await until(clock, Math.min(next, now + LOOK_AGAIN_MS), signal);
  }
}

function until(clock: Clock, atMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const forget = clock.wake(atMs, () => {
      signal?.removeEventListener("abort", give);
      resolve();
    });
    const give = (): void => {
      forget();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", give, { once: true });
  });
}
