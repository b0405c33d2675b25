/** Time, as the rest of this package knows it. Virtual time is in `testing/virtual-time.ts`. */
export interface Clock {
  /** Milliseconds that never go back, from any beginning. */
  now(): number;
  /** Milliseconds since 1970, as the machine believes: for what others write as a date. */
  date(): number;
  /** Calls once, when `now()` has come to `atMs`; what is returned takes that back. */
  wake(atMs: number, call: () => void): () => void;
}

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
