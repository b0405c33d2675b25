import type { Clock } from "../clock.ts";

/** Timers of engines count so far; further ones are set again. */
const MOST_TIMER_MS = 2 ** 31 - 1;

function clockWith(started: (timer: ReturnType<typeof setTimeout>) => void): Clock {
  return {
    now: () => performance.now(),
    date: () => Date.now(),
    wake: (atMs, call) => {
      let timer: ReturnType<typeof setTimeout>;
      const set = (): void => {
        const leftMs = atMs - performance.now();
        // Timers drop fractions of a millisecond: one that is called too early would find that its time has not come.
        timer = leftMs > MOST_TIMER_MS ? setTimeout(set, MOST_TIMER_MS) : setTimeout(call, Math.max(0, Math.ceil(leftMs)));
        started(timer);
      };
      set();
      return () => clearTimeout(timer);
    },
  };
}

export const systemClock: Clock = clockWith(() => undefined);

/** For what nobody waits for: a process ends without it. Pages do not end by themselves. */
export const quietClock: Clock = clockWith((timer) => {
  if (typeof timer === "object") timer.unref();
});
