/**
 * How long work takes, by its kind: what is usual, and what nearly all of it stays within.
 *
 * A kind is *unknown* until one of it came to its end or its handler says how long one takes. Inputs: what is said, what was measured. Invariants: what is said counts as one that was
 * measured before all others; of a kind no more than the last are kept.
 */

export interface Durations {
  /** It is said, and not measured yet. */
  expect(kind: string, takesMs: number): void;
  /** One came to its end. */
  add(kind: string, tookMs: number): void;
  /** One was stopped by its deadline: it takes so long at least. */
  addAtLeast(kind: string, tookMs: number): void;
  isKnown(kind: string): boolean;
  /** Of one in the middle; none of an unknown kind. */
  usualMs(kind: string): number | undefined;
  /** Nine in ten took no longer. Of an unknown kind as long as those of any other, and as the given at least. */
  mostMs(kind: string): number;
}

interface Kind {
  /** The oldest first. */
  readonly last: number[];
  usualMs: number | undefined;
  mostMs: number;
}

/** Enough for nine in ten; few enough that a service that became slow is known as such after some. */
const LAST = 20;
/** Of fewer than ten that is the longest. */
const NEARLY_ALL = 0.9;
/** The weight of the last one in what is usual. */
const NEWS = 0.2;

export function createDurations(unknownMs: number): Durations {
  const kinds = new Map<string, Kind>();

  const put = (name: string, kind: Kind): void => {
    if (kind.last.length > LAST) kind.last.shift();
    const sorted = kind.last.toSorted((one, other) => one - other);
    kind.mostMs = sorted[Math.ceil(NEARLY_ALL * sorted.length) - 1] ?? unknownMs;
    kinds.set(name, kind);
  };
  const of = (name: string): Kind => kinds.get(name) ?? { last: [], usualMs: undefined, mostMs: unknownMs };

  const add = (name: string, tookMs: number): void => {
    const kind = of(name);
    kind.last.push(tookMs);
    kind.usualMs = kind.usualMs === undefined ? tookMs : kind.usualMs + NEWS * (tookMs - kind.usualMs);
    put(name, kind);
  };

  const mostMs = (name: string): number => {
    const known = kinds.get(name);
    if (known !== undefined) return known.mostMs;
    let longestMs = unknownMs;
    for (const other of kinds.values()) longestMs = Math.max(longestMs, other.mostMs);
    return longestMs;
  };

  return {
    expect: (name, takesMs) => {
      const kind = of(name);
      if (kind.last.length >= LAST) return;
      kind.last.unshift(takesMs);
      put(name, kind);
    },
    add,
    addAtLeast: (name, tookMs) => {
      if (tookMs > mostMs(name)) add(name, tookMs);
    },
    isKnown: (name) => kinds.has(name),
    usualMs: (name) => {
      const known = kinds.get(name);
      return known?.usualMs ?? known?.mostMs;
    },
    mostMs,
  };
}
