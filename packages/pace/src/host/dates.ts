/**
 * The date, where clocks are set.
 *
 * In a process the monotonic clock goes on from the date at the beginning; the machine's date may leave that by a jump: somebody set it, or the machine slept.
 * Which of both is right shows when the new one stands. States: *agreed*; *in doubt* since a moment, about one other date. Input: looks at the clock.
 * Invariant: a date that jumps and jumps back is never the least; one that stands for a minute is.
 */
import type { Clock } from "./clock.ts";

/** Steps of up to so much are corrections. */
const STEP_MS = 2000;
/** A machine that woke up has its date set within so long. */
export const DOUBT_MS = 60_000;

export interface Moment {
  /** What surely has come. */
  readonly leastMs: number;
  /** What may have come. */
  readonly mostMs: number;
}

/** Milliseconds since 1970, from the one to the other. */
export function createDates(clock: Clock): () => Moment {
  let aheadMs = clock.date() - clock.now();
  let doubt: { readonly sinceMs: number; readonly aheadMs: number } | undefined;
  return () => {
    const now = clock.now();
    const date = clock.date();
    const told = date - now;
    if (Math.abs(told - aheadMs) > STEP_MS) {
      if (doubt === undefined || Math.abs(told - doubt.aheadMs) > STEP_MS) doubt = { sinceMs: now, aheadMs: told };
      if (now - doubt.sinceMs < DOUBT_MS) {
        const other = Math.round(now + aheadMs);
        return { leastMs: Math.min(date, other), mostMs: Math.max(date, other) };
      }
    }
    doubt = undefined;
    aheadMs = told;
    return { leastMs: date, mostMs: date };
  };
}
