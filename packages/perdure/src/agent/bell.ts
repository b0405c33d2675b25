/** Things that may have changed, by name: who waits for one looks again when it rings. */
import type { Clock } from "../host/clock.ts";
import { PerdureError } from "../wire/error.ts";

export interface Bell {
  /** Wakes those who wait for `name`, the longest waiting first, at most `most` of them. */
  ring(name: string, most?: number): void;
  /** Wakes everybody. */
  ringAll(): void;
  /** Resolves at the next ring for `name` or after `withinMs`; rejects with `aborted`, also when the bell is closed. */
  wait(name: string, signal: AbortSignal, withinMs?: number): Promise<void>;
  /** Ends every wait, and those to come, with `aborted`. */
  close(): void;
}

/** Longest timer a host is asked for; who waits looks again earlier than needed. */
const LONGEST_MS = 60 * 60 * 1000;

interface Waiter {
  wake(): void;
  giveUp(): void;
}

export function createBell(clock: Clock, what: string): Bell {
  // bound: one per call that waits
  const waiting = new Map<string, Set<Waiter>>();
  let closed = false;

  const ring: Bell["ring"] = (name, most = Number.POSITIVE_INFINITY) => {
    let left = most;
    for (const each of [...(waiting.get(name) ?? [])]) {
      if (left-- <= 0) return;
      each.wake();
    }
  };
  const join = (name: string, waiter: Waiter): void => {
    const others = waiting.get(name);
    if (others === undefined) waiting.set(name, new Set([waiter]));
    else others.add(waiter);
  };
  const leave = (name: string, waiter: Waiter): void => {
    const others = waiting.get(name);
    others?.delete(waiter);
    if (others?.size === 0) waiting.delete(name);
  };

  return {
    ring,
    ringAll() {
      for (const name of [...waiting.keys()]) ring(name);
    },
    wait: (name, signal, withinMs = Number.POSITIVE_INFINITY) =>
      new Promise((resolve, reject) => {
        const aborted = (): PerdureError => new PerdureError("aborted", `stopped waiting for ${what}`, { cause: signal.reason });
        if (closed || signal.aborted) return reject(aborted());
        const finish = (): void => {
          cancel();
          signal.removeEventListener("abort", waiter.giveUp);
          leave(name, waiter);
        };
        const waiter: Waiter = {
          wake() {
            finish();
            resolve();
          },
          giveUp() {
            finish();
            reject(aborted());
          },
        };
        // Who waits for a ring alone has its deadline in the signal.
        const cancel = Number.isFinite(withinMs) ? clock.after(Math.max(0, Math.min(withinMs, LONGEST_MS)), waiter.wake) : () => {};
        signal.addEventListener("abort", waiter.giveUp, { once: true });
        join(name, waiter);
      }),
    close() {
      closed = true;
      for (const waiters of [...waiting.values()]) for (const each of [...waiters]) each.giveUp();
    },
  };
}
