/** Waiting with an end: every wait of ours has a deadline and can be called off. */
import { PerdureError } from "../wire/error.ts";
import type { Clock } from "./clock.ts";

export interface Deadline {
  readonly timeoutMs: number;
  /** What is waited for, as the error will say it: "the relay's welcome". */
  readonly what: string;
  readonly hint?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves as `work` does, or throws `timed-out` after `timeoutMs`, or `aborted`. The signal given to `work` fires when
 * the wait ends early, so that the work can stop too.
 */
export async function withDeadline<Value>(clock: Clock, deadline: Deadline, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
  const controller = new AbortController();
  throwIfAborted(deadline.signal, deadline.what);
  return await new Promise<Value>((resolve, reject) => {
    const finish = (settle: () => void): void => {
      cancel();
      deadline.signal?.removeEventListener("abort", onAbort);
      settle();
    };
    const giveUp = (error: PerdureError): void =>
      finish(() => {
        reject(error);
        controller.abort(error);
      });
    const onAbort = (): void => giveUp(abortedError(deadline.what, deadline.signal?.reason));
    const cancel = clock.after(deadline.timeoutMs, () =>
      giveUp(
        new PerdureError("timed-out", `waited ${waitText(deadline.timeoutMs)} for ${deadline.what}`, {
          retry: "after",
          ...(deadline.hint === undefined ? {} : { hint: deadline.hint }),
        }),
      ),
    );
    deadline.signal?.addEventListener("abort", onAbort, { once: true });
    work(controller.signal).then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    );
  });
}

/** "300 ms", "1.5 s", "5 min". */
function waitText(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  return ms < 120_000 ? `${Number((ms / 1000).toFixed(1))} s` : `${Number((ms / 60_000).toFixed(1))} min`;
}

/** Resolves after `delayMs`; throws `aborted` when the signal fires first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortedError("a pause", signal.reason));
    const onAbort = (): void => {
      cancel();
      reject(abortedError("a pause", signal?.reason));
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortedError(what, signal.reason);
}

function abortedError(what: string, cause: unknown): PerdureError {
  return new PerdureError("aborted", `stopped waiting for ${what}`, { cause });
}
