/**
 * One signal for many waits, each of which gets a signal of its own: an AbortSignal looks through all its listeners
 * whenever one comes or goes, and ten thousand messages may be waited for at once.
 */
export interface SharedSignal {
  /** Runs `work` with a signal that fires with the shared one, and with `other`. */
  during<Value>(other: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<Value>): Promise<Value>;
}

export function shareSignal(signal: AbortSignal): SharedSignal {
  const waits = new Set<AbortController>();
  signal.addEventListener(
    "abort",
    () => {
      for (const wait of [...waits]) wait.abort(signal.reason);
    },
    { once: true },
  );
  return {
    async during(other, work) {
      const wait = new AbortController();
      if (signal.aborted) wait.abort(signal.reason);
      waits.add(wait);
      try {
        return await work(other === undefined ? wait.signal : AbortSignal.any([other, wait.signal]));
      } finally {
        waits.delete(wait);
      }
    },
  };
}
