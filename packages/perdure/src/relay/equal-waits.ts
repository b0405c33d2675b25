/** One timer for waits that are all as long as each other: whoever began first is first to be over. */
import type { Clock } from "../host/clock.ts";

export interface EqualWaits {
  begin(number: number): void;
  /** It is not waited for any more. */
  end(number: number): void;
}

/** Calls `over` once for each number, `delayMs` milliseconds after it began and unless it has ended. */
export function createEqualWaits(clock: Clock, delayMs: number, over: (number: number) => void): EqualWaits {
  /** When each is over, of the monotonic clock, the earliest first. bound: one per session */
  const dueMs = new Map<number, number>();
  let stop: (() => void) | undefined;

  const arm = (afterMs: number): void => {
    stop = clock.after(afterMs, () => {
      stop = undefined;
      for (const [number, due] of dueMs) {
        const leftMs = due - clock.monotonicMs();
        if (leftMs > 0) return stop === undefined ? arm(leftMs) : undefined;
        dueMs.delete(number);
        over(number);
      }
    });
  };

  return {
    begin: (number) => {
      dueMs.delete(number);
      dueMs.set(number, clock.monotonicMs() + delayMs);
      if (stop === undefined) arm(delayMs);
    },
    end: (number) => {
      dueMs.delete(number);
      if (dueMs.size > 0) return;
      stop?.();
      stop = undefined;
    },
  };
}
