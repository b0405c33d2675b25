/** A clock that goes on when it is told to. */
import type { Clock } from "../../host/clock.ts";

export interface TestClock extends Clock {
  /** Timers that are due by then run, in order, each at its time. */
  advance(ms: number): void;
  /** Timers that have neither run nor been taken back. */
  readonly timers: number;
}

export function createTestClock(): TestClock {
  let nowMs = 0;
  // bound: what a test arms
  const timers = new Set<{ readonly dueMs: number; readonly then: () => void }>();
  return {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    after: (delayMs, then) => {
      const timer = { dueMs: nowMs + delayMs, then };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (ms) => {
      const endMs = nowMs + ms;
      for (;;) {
        const [next] = [...timers].filter(({ dueMs }) => dueMs <= endMs).sort((one, other) => one.dueMs - other.dueMs);
        if (next === undefined) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.then();
      }
      nowMs = endMs;
    },
    get timers() {
      return timers.size;
    },
  };
}
