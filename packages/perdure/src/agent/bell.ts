/** Something that may have changed: who waits for it looks again when it rings. */
import type { Clock } from "../host/clock.ts";
import { PerdureError } from "../wire/error.ts";

export interface Bell {
  ring(): void;
  /** Resolves at the next ring or after `withinMs`; rejects with `aborted`. */
  wait(signal: AbortSignal, withinMs?: number): Promise<void>;
}

/** Longest timer a host is asked for; who waits looks again earlier than needed. */
const LONGEST_MS = 60 * 60 * 1000;

export function createBell(clock: Clock, what: string): Bell {
  let waiting: (() => void)[] = [];
  return {
    ring() {
      const called = waiting;
      waiting = [];
      for (const call of called) call();
    },
    wait: (signal, withinMs = LONGEST_MS) =>
      new Promise((resolve, reject) => {
        const aborted = (): PerdureError => new PerdureError("aborted", `stopped waiting for ${what}`, { cause: signal.reason });
        if (signal.aborted) return reject(aborted());
        const finish = (): void => {
          cancel();
          signal.removeEventListener("abort", onAbort);
          waiting = waiting.filter((each) => each !== done);
        };
        const done = (): void => {
          finish();
          resolve();
        };
        const onAbort = (): void => {
          finish();
          reject(aborted());
        };
        const cancel = clock.after(Math.max(0, Math.min(withinMs, LONGEST_MS)), done);
        signal.addEventListener("abort", onAbort, { once: true });
        waiting.push(done);
      }),
  };
}
