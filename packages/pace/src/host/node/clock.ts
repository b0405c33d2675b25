import type { Clock } from "../clock.ts";

/** Timers of engines count so far; further ones are set again. */
const MOST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  wake: (atMs, call) => {
    let timer: ReturnType<typeof setTimeout>;
    const set = (): void => {
      const leftMs = atMs - performance.now();
      timer = leftMs > MOST_TIMER_MS ? setTimeout(set, MOST_TIMER_MS) : setTimeout(call, Math.max(0, leftMs));
    };
    set();
    return () => clearTimeout(timer);
  },
};
