/**
 * How many dials go on at once. Relays that answered when they were tried last may use all places, those that did not only
 * half of them: however many are dead, they never keep this relay from those that live.
 */
export interface DialSlots {
  /** Resolves when there is a place, with what gives it back; rejects with the signal's reason. */
  take(failedBefore: boolean, signal: AbortSignal): Promise<() => void>;
}

interface Waiter {
  readonly failedBefore: boolean;
  readonly start: () => void;
}

export function createDialSlots(limit: number): DialSlots {
  const most = { all: limit, retries: Math.max(1, Math.floor(limit / 2)) };
  const waiters = new Set<Waiter>();
  let taken = 0;
  let retries = 0;

  const fits = ({ failedBefore }: Waiter): boolean => taken < most.all && (!failedBefore || retries < most.retries);

  const begin = (waiter: Waiter): void => {
    taken++;
    if (waiter.failedBefore) retries++;
    waiter.start();
  };

  const giveBack = (failedBefore: boolean): void => {
    taken--;
    if (failedBefore) retries--;
    for (const waiter of waiters) {
      if (taken >= most.all) return;
      if (!fits(waiter)) continue;
      waiters.delete(waiter);
      begin(waiter);
    }
  };

  return {
    take: (failedBefore, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          waiters.delete(waiter);
          reject(signal.reason);
        };
        let held = true;
        const waiter: Waiter = {
          failedBefore,
          start: () => {
            signal.removeEventListener("abort", onAbort);
            resolve(() => {
              if (!held) return;
              held = false;
              giveBack(failedBefore);
            });
          },
        };
        if (fits(waiter)) return begin(waiter);
        waiters.add(waiter);
        signal.addEventListener("abort", onAbort, { once: true });
      }),
  };
}
