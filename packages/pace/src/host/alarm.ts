import type { Clock } from "./clock.ts";

/** One waking at a time, at the earliest moment that somebody asked for. */
export interface Alarm {
  /** Wakes then at the latest. */
  by(atMs: number): void;
  forget(): void;
}

export function createAlarm(clock: Clock, call: () => void): Alarm {
  let next: { readonly atMs: number; readonly forget: () => void } | undefined;
  return {
    by: (atMs) => {
      if (next !== undefined && next.atMs <= atMs) return;
      next?.forget();
      const forget = clock.wake(atMs, () => {
        next = undefined;
        call();
      });
      next = { atMs, forget };
    },
    forget: () => {
      next?.forget();
      next = undefined;
    },
  };
}
