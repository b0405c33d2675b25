/**
 * What is kept free for calls of reserved classes: of a bucket as much as the largest of the last of them took, of a window as much as they will take until it ends, at
 * the rate at which they came. Nothing is kept where none ever came.
 */
import type { Account } from "../quota/account.ts";
import type { Cost, Unit } from "../quota/reading.ts";

export interface Headroom {
  left(nowMs: number, cost: Cost): void;
  /** Units that others must leave. */
  units(nowMs: number, account: Account): number;
}

/** Heartbeats come every few seconds or minutes: none for an hour is none. */
const FORGOTTEN_MS = 3_600_000;
/** Of the way to what the newest says. */
const STEP = 0.2;
/** One that is larger than the others comes again within so many, or was an accident for which nothing is kept for good. */
const REMEMBERED = 64;

export function createHeadroom(): Headroom {
  let last: readonly Cost[] = [];
  let largest: ReadonlyMap<Unit, number> = new Map();
  let lastMs: number | undefined;
  let betweenMs: number | undefined;
  return {
    left: (nowMs, cost) => {
      if (lastMs !== undefined && nowMs - lastMs > FORGOTTEN_MS) {
        last = [];
        betweenMs = undefined;
      } else if (lastMs !== undefined) {
        const passedMs = nowMs - lastMs;
        betweenMs = betweenMs === undefined ? passedMs : betweenMs + (passedMs - betweenMs) * STEP;
      }
      lastMs = nowMs;
      last = [...last, cost].slice(-REMEMBERED);
      largest = largestOf(last);
    },
    units: (nowMs, account) => {
      const units = largest.get(account.unit) ?? 0;
      if (lastMs === undefined || nowMs - lastMs > FORGOTTEN_MS || units === 0) return 0;
      if (account.shape === "bucket" || betweenMs === undefined || betweenMs === 0) return units;
      return units * (1 + Math.floor(account.resetInMs(nowMs) / betweenMs));
    },
  };
}

function largestOf(costs: readonly Cost[]): ReadonlyMap<Unit, number> {
  const largest = new Map<Unit, number>();
  for (const cost of costs)
    for (const [unit, units] of Object.entries(cost) as [Unit, number][]) largest.set(unit, Math.max(units, largest.get(unit) ?? 0));
  return largest;
}
