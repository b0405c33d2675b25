import { performance } from "node:perf_hooks";
import type { Clock } from "../clock.ts";

/** The longest delay `setTimeout` keeps; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function createNodeClock(): Clock {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after: (delayMs, then) => {
      const dueMs = performance.now() + Math.max(0, delayMs);
      let timer: NodeJS.Timeout;
      // A timer may fire a fraction of a millisecond early against the monotonic clock: what is left is waited for again.
      const arm = (): void => {
        const leftMs = Math.max(0, dueMs - performance.now());
        timer = setTimeout(() => (performance.now() >= dueMs ? then() : arm()), Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS));
      };
      arm();
      return () => clearTimeout(timer);
    },
    // Behind all sockets that could be read in this turn of the loop.
    afterArrivals: (then) => void setImmediate(then),
  };
}
