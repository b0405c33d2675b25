/** A clock that a room moves by hand: timers run at their moment, one after the other, each with all that follows from it. */
import type { Clock } from "../../packages/perdure/src/host/clock.ts";

export interface HandClock extends Clock {
  /** Timers that are set. */
  readonly timers: number;
  pass(ms: number): Promise<void>;
  /** Whoever set a timer is gone. */
  forget(): void;
  /** Moves the date alone. */
  jump(byMs: number): void;
}

/** Everything that follows from what just happened has happened: promises wait for nothing but each other here. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function createHandClock(startMs: number): HandClock {
  const timers = new Set<{ readonly dueMs: number; readonly then: () => void }>();
  let nowMs = 0;
  let wallMs = startMs;
  return {
    wallMs: () => wallMs + nowMs,
    monotonicMs: () => nowMs,
    after: (delayMs, then) => {
      const timer = { dueMs: nowMs + Math.max(0, delayMs), then };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    get timers() {
      return timers.size;
    },
    pass: async (ms) => {
      const untilMs = nowMs + ms;
      for (;;) {
        // Of those due at one moment the one that was set first.
        let next: { readonly dueMs: number; readonly then: () => void } | undefined;
        for (const timer of timers) if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
        if (next === undefined) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.then();
        await settled();
      }
      nowMs = untilMs;
    },
    forget: () => timers.clear(),
    jump: (byMs) => {
      wallMs += byMs;
    },
  };
}
