/**
 * Urgent calls where a refusal was just met: they need not wait for the end of a pause, which is a guess, and leave one behind the other, each when there may be room
 * again. Somebody waits for them; few are urgent, so what they cost where the guess was right is little.
 *
 * *Out of the way*, until something is refused; then *careful* for as long as a few calls take, in a pause or after it: a call that is refused takes of the limit too,
 * and several at once would all find nothing.
 */
export interface Scout {
  /** Whether more than one at once would be too many. */
  isCareful(nowMs: number): boolean;
  /** From when on one may leave. */
  readyMs(nowMs: number): number;
  /** `perSecond`: the rate at which room comes back, as far as it is known. */
  left(nowMs: number, perSecond: number): void;
  /** An urgent call or any other. */
  refused(nowMs: number, perSecond: number): void;
}

/**
 * Of the time that one call takes. In an 80 % cut of which nothing is told urgent calls take 1.8 s at the 99th of a hundred; where the first left at once and the next
 * ones half a second apart it was 2.7, for half again as many refusals (medians of 40 runs).
 */
const APART = 1.1;
/** Nearer than this two answers say the same. */
const LEAST_APART_MS = 100;
/** As long as a person waits without thinking that it hangs. */
const MOST_APART_MS = 2000;
/** Calls one behind the other; where three left at once after the pause the worst of those runs was half a second worse. */
const CAREFUL = 4;

export function createScout(): Scout {
  let readyMs = Number.NEGATIVE_INFINITY;
  let carefulMs = Number.NEGATIVE_INFINITY;
  return {
    isCareful: (nowMs) => nowMs < carefulMs,
    readyMs: (nowMs) => Math.max(nowMs, readyMs),
    left: (nowMs, perSecond) => {
      readyMs = Math.max(readyMs, nowMs + apartMs(perSecond));
    },
    refused: (nowMs, perSecond) => {
      readyMs = Math.max(readyMs, nowMs + apartMs(perSecond));
      carefulMs = nowMs + CAREFUL * apartMs(perSecond);
    },
  };
}

function apartMs(perSecond: number): number {
  return Math.min(MOST_APART_MS, Math.max(LEAST_APART_MS, (APART * 1000) / perSecond));
}
