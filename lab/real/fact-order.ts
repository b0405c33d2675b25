/**
 * Words of several processes, in the order in which they were said. Each comes by a pipe of its own and carries the time of the clock all
 * of them share; what follows from another's word was said after it, so that order is one in which causes come first.
 */
export interface FactOrder {
  /** `apply` runs once everything said before `atMs` must have come. */
  add(atMs: number, apply: () => void): void;
  /** Applies what has waited long enough. */
  flush(): void;
  /** Applies everything. */
  drain(): void;
}

/** A word takes no longer than this from one process to another, on a machine that has something else to do as well. */
const WAIT_MS = 400;

export function createFactOrder(nowMs: () => number): FactOrder {
  let waiting: { readonly atMs: number; readonly apply: () => void }[] = [];
  const applyUpTo = (limitMs: number): void => {
    // Applying one may add others; those are later.
    const due = waiting.filter(({ atMs }) => atMs <= limitMs);
    waiting = waiting.filter(({ atMs }) => atMs > limitMs);
    for (const { apply } of due.sort((a, b) => a.atMs - b.atMs)) apply();
  };
  return {
    add: (atMs, apply) => void waiting.push({ atMs, apply }),
    flush: () => applyUpTo(nowMs() - WAIT_MS),
    drain: () => applyUpTo(Number.POSITIVE_INFINITY),
  };
}
