/**
 * How many dials go on at once. Relays that answered when they were tried last may use all places, those that did not only half of
 * them; those that nobody here ever met, which anybody may name, a quarter when they are tried first and an eighth again: however
 * many are dead, or made up, they keep this relay neither from those that live nor from those that come back, or are new.
 */

/** How a relay is known: it answered last time, it did once, it was never tried, it never answered. */
export type Known = "answered" | "failed" | "new" | "never-met";

export interface DialSlots {
  /** Resolves when there is a place, with what gives it back; rejects with the signal's reason. */
  take(known: Known, signal: AbortSignal): Promise<() => void>;
}

interface Waiter {
  readonly known: Known;
  readonly start: () => void;
}

export function createDialSlots(limit: number): DialSlots {
  const share = (part: number): number => Math.max(1, Math.floor(limit * part));
  const most: Readonly<Record<Known, number>> = { answered: limit, failed: share(1 / 2), new: share(1 / 4), "never-met": share(1 / 8) };
  // bound: one per other relay, relayPeers
  const waiters = new Set<Waiter>();
  const used: Record<Known, number> = { answered: 0, failed: 0, new: 0, "never-met": 0 };
  const taken = (): number => used.answered + used.failed + used.new + used["never-met"];

  const fits = ({ known }: Waiter): boolean => taken() < limit && used[known] < most[known];

  const begin = (waiter: Waiter): void => {
    used[waiter.known]++;
    waiter.start();
  };

  const giveBack = (known: Known): void => {
    used[known]--;
    for (const waiter of waiters) {
      if (taken() >= limit) return;
      if (!fits(waiter)) continue;
      waiters.delete(waiter);
      begin(waiter);
    }
  };

  return {
    take: (known, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          waiters.delete(waiter);
          reject(signal.reason);
        };
        let held = true;
        const waiter: Waiter = {
          known,
          start: () => {
            signal.removeEventListener("abort", onAbort);
            resolve(() => {
              if (!held) return;
              held = false;
              giveBack(known);
            });
          },
        };
        if (fits(waiter)) return begin(waiter);
        waiters.add(waiter);
        signal.addEventListener("abort", onAbort, { once: true });
      }),
  };
}
