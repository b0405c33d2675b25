/**
 * A set of whole numbers kept as sorted, disjoint, non-adjacent ranges.
 *
 * Invariant: for neighbours `[a, b]` and `[c, d]`: `a <= b` and `b + 1 < c`. Memory grows with the holes, not with the
 * numbers, so a stream that is settled in order costs one range however long it gets.
 */
export type Range = readonly [first: number, last: number];

export interface IntervalSet {
  has(value: number): boolean;
  /** Adds `first` to `last`, both included. */
  add(first: number, last?: number): void;
  /** The lowest number from `from` on that is not in the set. */
  firstMissing(from: number): number;
  /** How many numbers from `first` to `last` are in the set. */
  count(first: number, last: number): number;
  readonly ranges: readonly Range[];
}

export function createIntervalSet(initial: readonly Range[] = []): IntervalSet {
  // bound: one more than the numbers that are missing between those in it, which its owner bounds
  const ranges: Range[] = [];

  /** Index of the first range whose end is at or above `value`. */
  const indexOf = (value: number): number => {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle] as Range)[1] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const set: IntervalSet = {
    ranges,
    has(value) {
      const range = ranges[indexOf(value)];
      return range !== undefined && range[0] <= value;
    },
    add(first, last = first) {
      if (last < first) return;
      const start = indexOf(first - 1);
      let end = start;
      let low = first;
      let high = last;
      for (let range = ranges[end]; range !== undefined && range[0] <= last + 1; range = ranges[++end]) {
        low = Math.min(low, range[0]);
        high = Math.max(high, range[1]);
      }
      ranges.splice(start, end - start, [low, high]);
    },
    firstMissing(from) {
      const range = ranges[indexOf(from)];
      return range !== undefined && range[0] <= from ? range[1] + 1 : from;
    },
    count(first, last) {
      let total = 0;
      for (let index = indexOf(first); index < ranges.length; index++) {
        const [low, high] = ranges[index] as Range;
        if (low > last) break;
        total += Math.min(high, last) - Math.max(low, first) + 1;
      }
      return total;
    },
  };
  for (const [first, last] of initial) set.add(first, last);
  return set;
}

/** The numbers of `ranges`, which are in order, that are in none of `others`, which may overlap. */
export function withoutRanges(ranges: readonly Range[], others: readonly Range[]): readonly Range[] {
  if (others.length === 0) return ranges;
  const left: Range[] = [];
  const holes = createIntervalSet(others).ranges;
  let next = 0;
  for (const [first, last] of ranges) {
    let from = first;
    while (next < holes.length && (holes[next] as Range)[1] < first) next++;
    for (let at = next; at < holes.length && (holes[at] as Range)[0] <= last; at++) {
      const [low, high] = holes[at] as Range;
      if (from < low) left.push([from, low - 1]);
      from = high + 1;
    }
    if (from <= last) left.push([from, last]);
  }
  return left;
}
