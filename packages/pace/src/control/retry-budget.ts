/**
 * How many calls may be made again because they failed: a share of those that were made, so that a service in trouble is not asked twice as often as in health
 * (Site Reliability Engineering, 2016, chapter 21). Calls that a quota refused are not meant: they were not worked on, and leave at the rate of all.
 *
 * Whose retry is not there yet stands in line for it, in the order in which they came. Inputs: first attempts, time, who comes and who goes. Invariants: nobody gets more
 * than there is, nobody is passed by, and who stands in line gets his in time by time alone, whatever else comes: who could not is told so as he comes. So the line is
 * short, and the failure of a service is its caller's at once.
 */
import { PaceError } from "../error.ts";
import { createAlarm } from "../host/alarm.ts";
import type { Clock } from "../host/clock.ts";

export interface RetryBudgetSettings {
  /** Of first attempts. */
  readonly share: number;
  /** Retries that somebody with few calls has at once. */
  readonly burst: number;
  /** ... and how long one of them takes to come back. */
  readonly oneEveryMs: number;
}

export const RETRY_BUDGET_SETTINGS: RetryBudgetSettings = { share: 0.1, burst: 10, oneEveryMs: 6000 };

export interface RetryBudget {
  /** A first attempt left. */
  earned(): void;
  /**
   * Ends when a retry may leave; it is spent then. Throws `too-late`, at once, where that would be after `untilMs`, `closed`, and the reason of the signal.
   */
  spend(untilMs: number, signal?: AbortSignal): Promise<void>;
  /** Who stands in line is sent away. */
  close(): void;
}

interface Waiter {
  readonly go: () => void;
  readonly end: (error: PaceError) => void;
}

/** What is added in tenths is a little less than one. */
const ROUNDING = 1e-9;

export function createRetryBudget(clock: Clock, { share, burst, oneEveryMs }: RetryBudgetSettings = RETRY_BUDGET_SETTINGS): RetryBudget {
  let retries = burst;
  let countedMs = clock.now();
  let isClosed = false;
  // bound: by how long who comes would wait, as each takes as long as a retry takes to come back.
  const line = new Set<Waiter>();

  const count = (): void => {
    const now = clock.now();
    retries = Math.min(burst, retries + Math.max(0, now - countedMs) / oneEveryMs);
    countedMs = now;
  };
  /** By time alone. */
  const nextMs = (before: number): number => {
    const missing = before + 1 - retries;
    return missing <= ROUNDING ? countedMs : countedMs + missing * oneEveryMs;
  };

  const serve = (): void => {
    count();
    for (const waiter of line) {
      if (retries < 1 - ROUNDING) break;
      retries--;
      line.delete(waiter);
      waiter.go();
    }
    if (line.size === 0) alarm.forget();
    else alarm.by(nextMs(0));
  };
  const alarm = createAlarm(clock, serve);

  return {
    earned: () => {
      retries = Math.min(burst, retries + share);
      if (line.size > 0) serve();
    },
    spend: async (untilMs, signal) => {
      signal?.throwIfAborted();
      if (isClosed) throw closed();
      count();
      const mineMs = nextMs(line.size);
      const now = clock.now();
      if (mineMs > untilMs)
        throw new PaceError(
          "too-late",
          "the budget for trying again is spent",
          "The service fails for many calls; ask again later, as a new call.",
          { availableInMs: mineMs - now },
        );
      await new Promise<void>((resolve, reject) => {
        const gone = (): void => {
          line.delete(waiter);
          serve();
          reject(signal?.reason);
        };
        const done = (): void => signal?.removeEventListener("abort", gone);
        const waiter: Waiter = {
          go: () => {
            done();
            resolve();
          },
          end: (error) => {
            done();
            reject(error);
          },
        };
        signal?.addEventListener("abort", gone, { once: true });
        line.add(waiter);
        serve();
      });
    },
    close: () => {
      isClosed = true;
      alarm.forget();
      for (const { end } of line) end(closed());
      line.clear();
    },
  };
}

function closed(): PaceError {
  return new PaceError("closed", "it was closed", "Make another with createPace().");
}
