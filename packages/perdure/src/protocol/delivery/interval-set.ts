/**
 * A set of whole numbers kept as sorted, disjoint, non-adjacent ranges.
 *
 * Invariant: for neighbours `[a, b]` and `[c, d]`: `a <= b` and `b + 1 < c`. Memory grows with the holes, not with the
 * numbers, so a stream that is settled in order costs one range however long it gets.
 */
export type Range = readonly [first: number, last: number];

/** One for all mailboxes that have none. bound: it stays empty */
export const NO_RANGES: readonly Range[] = [];

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
  const set = new SortedRanges();
  for (const [first, last] of initial) set.add(first, last);
  return set;
}

/** A class because a relay has one for every mailbox. */
class SortedRanges implements IntervalSet {
  /** bound: one more than the numbers that are missing between those in it, which its owner bounds */
  readonly ranges: Range[] = [];

  has(value: number): boolean {
    const range = this.ranges[this.#indexOf(value)];
    return range !== undefined && range[0] <= value;
  }

  add(first: number, last = first): void {
    if (last < first) return;
    const start = this.#indexOf(first - 1);
    let end = start;
    let low = first;
    let high = last;
    for (let range = this.ranges[end]; range !== undefined && range[0] <= last + 1; range = this.ranges[++end]) {
      low = Math.min(low, range[0]);
      high = Math.max(high, range[1]);
    }
    if (end - start === 1) this.ranges[start] = [low, high];
    else this.ranges.splice(start, end - start, [low, high]);
  }

  firstMissing(from: number): number {
    const range = this.ranges[this.#indexOf(from)];
    return range !== undefined && range[0] <= from ? range[1] + 1 : from;
  }

  count(first: number, last: number): number {
    let total = 0;
    for (let index = this.#indexOf(first); index < this.ranges.length; index++) {
      const [low, high] = this.ranges[index] as Range;
      if (low > last) break;
      total += Math.min(high, last) - Math.max(low, first) + 1;
    }
    return total;
  }

  /** Index of the first range whose end is at or above `value`. */
  #indexOf(value: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ranges[middle] as Range)[1] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
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
