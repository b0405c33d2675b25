/**
 * Mail of one mailbox that lies in closed segments and of which no row is kept: runs of positions one behind the other whose rows stand one
 * behind the other in the index of one segment. Six numbers a run, in one array.
 *
 * Invariants: runs are in order of position and do not overlap; every position in one waits, and has no row.
 */

export interface RestingRun {
  readonly first: number;
  readonly last: number;
  readonly segment: number;
  /** In the index of the segment, of `first`. */
  readonly row: number;
  /** None of them expires, and none was stored, before this. */
  readonly expiresAtMs: number;
  readonly storedAtMs: number;
}

export interface RestingRuns {
  /** Messages. */
  readonly size: number;
  has(position: number): boolean;
  add(run: RestingRun): void;
  /** The first run that reaches to `position` or beyond. */
  from(position: number): RestingRun | undefined;
  /** What rests of the positions from `first` to `last`, in order. */
  within(first: number, last: number): readonly (readonly [first: number, last: number])[];
  /** The positions from `first` to `last`, which one run holds, have rows from here on. */
  take(first: number, last: number): void;
  readonly earliestExpiryMs: number;
  /** The run of which a message may expire by then, the first of them. */
  expiring(beforeMs: number): RestingRun | undefined;
  /** When the first was stored; `undefined` when none rests. */
  readonly oldestMs: number | undefined;
}

/** Where nothing rests. Nothing is added to it. */
export const NOTHING_RESTS: RestingRuns = {
  size: 0,
  has: () => false,
  add: () => {
    throw new RangeError("a run was added to no mailbox");
  },
  from: () => undefined,
  within: () => [],
  take: () => {},
  earliestExpiryMs: Number.POSITIVE_INFINITY,
  expiring: () => undefined,
  oldestMs: undefined,
};

const NUMBERS = 6;
const [FIRST, LAST, SEGMENT, ROW, EXPIRES, STORED] = [0, 1, 2, 3, 4, 5];
const NONE = new Float64Array(0);

export function createRestingRuns(): RestingRuns {
  /** bound: one run per position that rests: mailboxMessages */
  let numbers = NONE;
  let runs = 0;
  let size = 0;

  const at = (nth: number, which: number): number => numbers[nth * NUMBERS + which] as number;
  const set = (nth: number, which: number, value: number): void => {
    numbers[nth * NUMBERS + which] = value;
  };
  const run = (nth: number): RestingRun => ({
    first: at(nth, FIRST),
    last: at(nth, LAST),
    segment: at(nth, SEGMENT),
    row: at(nth, ROW),
    expiresAtMs: at(nth, EXPIRES),
    storedAtMs: at(nth, STORED),
  });
  /** The first run that ends at `position` or beyond. */
  const indexOf = (position: number): number => {
    if (runs === 0 || at(runs - 1, LAST) < position) return runs;
    let low = 0;
    let high = runs;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (at(middle, LAST) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const insert = (nth: number, { first, last, segment, row, expiresAtMs, storedAtMs }: RestingRun): void => {
    if ((runs + 1) * NUMBERS > numbers.length) {
      const old = numbers;
      numbers = new Float64Array(Math.max(NUMBERS, 2 * old.length));
      numbers.set(old);
    }
    numbers.copyWithin((nth + 1) * NUMBERS, nth * NUMBERS, runs * NUMBERS);
    numbers.set([first, last, segment, row, expiresAtMs, storedAtMs], nth * NUMBERS);
    runs++;
  };
  const remove = (nth: number): void => {
    numbers.copyWithin(nth * NUMBERS, (nth + 1) * NUMBERS, runs * NUMBERS);
    runs--;
    if (runs === 0) numbers = NONE;
  };

  return {
    get size() {
      return size;
    },
    has: (position) => {
      const nth = size === 0 ? runs : indexOf(position);
      return nth < runs && at(nth, FIRST) <= position;
    },
    add: (added) => {
      insert(indexOf(added.first), added);
      size += added.last - added.first + 1;
    },
    from: (position) => {
      const nth = indexOf(position);
      return nth < runs ? run(nth) : undefined;
    },
    within: (first, last) => {
      const found: (readonly [number, number])[] = [];
      if (size === 0) return found;
      for (let nth = indexOf(first); nth < runs && at(nth, FIRST) <= last; nth++)
        found.push([Math.max(first, at(nth, FIRST)), Math.min(last, at(nth, LAST))]);
      return found;
    },
    take: (first, last) => {
      const nth = indexOf(first);
      const whole = run(nth);
      size -= last - first + 1;
      if (first === whole.first && last === whole.last) return remove(nth);
      if (first === whole.first) {
        set(nth, FIRST, last + 1);
        set(nth, ROW, whole.row + last + 1 - first);
        return;
      }
      set(nth, LAST, first - 1);
      if (last < whole.last) insert(nth + 1, { ...whole, first: last + 1, row: whole.row + last + 1 - whole.first });
    },
    get earliestExpiryMs() {
      let earliest = Number.POSITIVE_INFINITY;
      for (let nth = 0; nth < runs; nth++) earliest = Math.min(earliest, at(nth, EXPIRES));
      return earliest;
    },
    expiring: (beforeMs) => {
      for (let nth = 0; nth < runs; nth++) if (at(nth, EXPIRES) <= beforeMs) return run(nth);
      return undefined;
    },
    get oldestMs() {
      return runs === 0 ? undefined : at(0, STORED);
    },
  };
}
