/** Calls of what is closed one day. */
export interface Calls {
  /** Does it, and counts it among what was begun until it settles. Throws what `checkOpen` throws. */
  begin<Result>(act: () => Promise<Result>): Promise<Result>;
  /** Resolves when all that were begun before came to their end, whichever. */
  settled(): Promise<void>;
}

export function createCalls(checkOpen: () => void): Calls {
  const begun = new Set<Promise<unknown>>();
  return {
    begin: async (act) => {
      checkOpen();
      const call = act();
      const settled: Promise<unknown> = call.then(
        () => begun.delete(settled),
        () => begun.delete(settled),
      );
      begun.add(settled);
      return await call;
    },
    settled: async () => {
      await Promise.all(begun);
    },
  };
}
