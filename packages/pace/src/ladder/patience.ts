/** Waiting for somebody else's code, at most so long. */
import type { Clock } from "../host/clock.ts";

export type Waited<Value> =
  | { readonly kind: "done"; readonly value: Value }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "late" };

/** Its code runs up to its first wait before this returns. The signal tells it when nobody waits any more; what it does after that is dropped. */
export function waitFor<Value>(
  clock: Clock,
  patienceMs: number,
  begin: (signal: AbortSignal) => Value | PromiseLike<Value>,
): Promise<Waited<Value>> {
  return new Promise((resolve) => {
    const controller = new AbortController();
    const forget = clock.wake(clock.now() + patienceMs, () => {
      resolve({ kind: "late" });
      controller.abort();
    });
    const end = (waited: Waited<Value>): void => {
      forget();
      resolve(waited);
    };
    const failed = (error: unknown): void => end({ kind: "failed", error });
    try {
      Promise.resolve(begin(controller.signal)).then((value) => end({ kind: "done", value }), failed);
    } catch (error) {
      failed(error);
    }
  });
}
