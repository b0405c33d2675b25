/** Somebody else's code, waited for as long as anybody has patience: a summariser, a store. What does not end would hold up every call to the model behind it. */
import { PaceError } from "../error.ts";
import type { Clock } from "../host/clock.ts";

export interface Patience {
  readonly clock: Clock;
  readonly patienceMs: number;
}

/**
 * What it gives. Throws what it throws, the reason of the signal, and `deadline` where it takes too long; what it does after that is dropped. The signal that it is given
 * tells it then.
 */
export function inTime<Value>(
  { clock, patienceMs }: Patience,
  signal: AbortSignal | undefined,
  begin: (signal: AbortSignal) => Value | PromiseLike<Value>,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const own = new AbortController();
    const end = (): void => {
      forget();
      signal?.removeEventListener("abort", aborted);
    };
    const giveUp = (reason: unknown): void => {
      end();
      reject(reason);
      own.abort(reason);
    };
    const aborted = (): void => giveUp(signal?.reason);
    const forget = clock.wake(clock.now() + patienceMs, () =>
      giveUp(new PaceError("deadline", `it did not end within ${patienceMs} ms`, "Give it more time: patienceMs of the window.")),
    );
    if (signal?.aborted === true) return aborted();
    signal?.addEventListener("abort", aborted, { once: true });
    const failed = (error: unknown): void => {
      end();
      reject(error);
    };
    try {
      Promise.resolve(begin(own.signal)).then((value) => {
        end();
        resolve(value);
      }, failed);
    } catch (error) {
      failed(error);
    }
  });
}
