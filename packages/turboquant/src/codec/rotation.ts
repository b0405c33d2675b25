/**
 * Random rotations that cost d log d: signs drawn from a seed, then a Hadamard matrix, twice. Exact, without padding, in every dimension.
 *
 *   d = 2^k, 12*2^k, 20*2^k   a Hadamard matrix of that size: Sylvester's, times Paley's of 12 or 20
 *   other d                   the largest such matrix m <= d on the first m coordinates, then on the last m, which share most of them
 *   d < 32                    a dense orthogonal matrix
 *
 * One round makes of a vector with a single coordinate one with all coordinates alike; the second makes that what it makes of any other.
 * Every step adds, subtracts or multiplies 32-bit floats in one order, so that the result is the same bytes on every engine.
 */
import { createRandomBits, type RandomBits } from "./random-bits.ts";

export interface Rotation {
  /** In place; `vector` has `dim` coordinates. */
  apply(vector: Float32Array): void;
  /** The opposite of `apply`, but for rounding. */
  undo(vector: Float32Array): void;
}

/** Below it structure leaves too little to chance, and d^2 is small. */
const DENSE_BELOW = 32;
const ROUNDS = 2;

export function createRotation(dim: number, seed: bigint): Rotation {
  const bits = createRandomBits(seed);
  if (dim < DENSE_BELOW) return denseRotation(dim, bits);
  const { base, size } = largestHadamard(dim);
  const windows = size === dim ? [0] : [0, dim - size];
  const steps = Array.from({ length: ROUNDS }, () => windows)
    .flat()
    .map((from) => ({ from, signs: signsOf(bits, size) }));
  const scale = Math.fround(1 / Math.sqrt(size));
  const room = new Float32Array(base);
  return {
    apply: (vector) => {
      for (const { from, signs } of steps) {
        const window = vector.subarray(from, from + size);
        for (let at = 0; at < size; at++) window[at] = (window[at] as number) * (signs[at] as number);
        hadamard(window, base, room);
        for (let at = 0; at < size; at++) window[at] = (window[at] as number) * scale;
      }
    },
    undo: (vector) => {
      for (const { from, signs } of steps.toReversed()) {
        const window = vector.subarray(from, from + size);
        transposedHadamard(window, base, room);
        for (let at = 0; at < size; at++) window[at] = (window[at] as number) * scale * (signs[at] as number);
      }
    },
  };
}

interface HadamardSize {
  /** 1, 12 or 20: `size` is a power of two times it. */
  readonly base: 1 | 12 | 20;
  readonly size: number;
}

function largestHadamard(dim: number): HadamardSize {
  const sizes = ([1, 12, 20] as const)
    .filter((base) => base <= dim)
    .map((base) => ({ base, size: base * 2 ** (31 - Math.clz32(dim / base)) }));
  return sizes.reduce((best, each) => (each.size > best.size ? each : best));
}

function signsOf(bits: RandomBits, count: number): Float32Array {
  const signs = new Float32Array(count);
  for (let at = 0; at < count; at += 64) {
    const drawn = bits.next();
    for (let nth = 0; nth < 64 && at + nth < count; nth++) signs[at + nth] = (drawn >> BigInt(nth)) & 1n ? -1 : 1;
  }
  return signs;
}

/** Not scaled. Coordinate `block * 2^k + at`: Sylvester's matrix within each block, Paley's across them. */
function hadamard(vector: Float32Array, base: 1 | 12 | 20, room: Float32Array): void {
  sylvester(vector, vector.length / base);
  if (base !== 1) acrossBlocks(vector, PALEY[base], room);
}

function transposedHadamard(vector: Float32Array, base: 1 | 12 | 20, room: Float32Array): void {
  if (base !== 1) acrossBlocks(vector, PALEY_TRANSPOSED[base], room);
  sylvester(vector, vector.length / base);
}

/** On every block of `block` coordinates, a power of two. Its own transpose. */
function sylvester(vector: Float32Array, block: number): void {
  for (let half = 1; half < block; half *= 2)
    for (let from = 0; from < vector.length; from += 2 * half)
      for (let at = from; at < from + half; at++) {
        const left = vector[at] as number;
        const right = vector[at + half] as number;
        vector[at] = left + right;
        vector[at + half] = left - right;
      }
}

/** `room`: one number for each row. */
function acrossBlocks(vector: Float32Array, rows: readonly Int8Array[], room: Float32Array): void {
  const block = vector.length / rows.length;
  for (let at = 0; at < block; at++) {
    for (const [row, signs] of rows.entries()) {
      let sum = 0;
      for (let column = 0; column < signs.length; column++)
        sum = Math.fround(sum + (signs[column] as number) * (vector[column * block + at] as number));
      room[row] = sum;
    }
    for (let row = 0; row < rows.length; row++) vector[row * block + at] = room[row] as number;
  }
}

/** Paley's first construction (1933) for a prime q that leaves 3 on division by 4: q + 1 rows of which any two are orthogonal. */
function paley(q: number): readonly Int8Array[] {
  const isSquare = new Set(Array.from({ length: q - 1 }, (_, nth) => ((nth + 1) * (nth + 1)) % q));
  const character = (value: number): number => (value === 0 ? 0 : isSquare.has(value) ? 1 : -1);
  return Array.from({ length: q + 1 }, (_, row) =>
    Int8Array.from({ length: q + 1 }, (_, column) => {
      if (row === 0) return 1;
      if (column === 0) return -1;
      return row === column ? 1 : character((column - row + q) % q);
    }),
  );
}

const PALEY = { 12: paley(11), 20: paley(19) } as const;
const PALEY_TRANSPOSED = { 12: transposed(PALEY[12]), 20: transposed(PALEY[20]) } as const;

function transposed(rows: readonly Int8Array[]): readonly Int8Array[] {
  return rows.map((_, at) => Int8Array.from(rows, (row) => row[at] as number));
}

/** Rows drawn at random and made orthogonal one after the other (Gram and Schmidt), in 64-bit floats. */
function denseRotation(dim: number, bits: RandomBits): Rotation {
  const rows: Float64Array[] = [];
  while (rows.length < dim) {
    const row = Float64Array.from({ length: dim }, () => bellShaped(bits));
    // Twice: what the first leaves of the others in it is not nothing where it was almost one of them.
    for (let pass = 0; pass < 2; pass++)
      for (const other of rows) {
        const shared = dot(row, other);
        for (let at = 0; at < dim; at++) row[at] = (row[at] as number) - shared * (other[at] as number);
      }
    const length = Math.sqrt(dot(row, row));
    if (length > SHORTEST) rows.push(row.map((value) => value / length));
  }
  const columns = rows.map((_, at) => Float64Array.from(rows, (row) => row[at] as number));
  const times = (by: readonly Float64Array[]) => (vector: Float32Array) => vector.set(by.map((row) => dot(row, vector)));
  return { apply: times(rows), undo: times(columns) };
}

/** A row that is nearly a sum of others is drawn again. */
const SHORTEST = 1e-3;
const SUMMED = 8;

/** Near enough to normal, and made of sums alone: half of eight even numbers of 32 bits. */
function bellShaped(bits: RandomBits): number {
  let sum = 0;
  for (let nth = 0; nth < SUMMED; nth++) sum += Number(bits.next() >> 32n) / 2 ** 32 - 0.5;
  return sum;
}

function dot(left: Float64Array, right: Float64Array | Float32Array): number {
  let sum = 0;
  for (let at = 0; at < left.length; at++) sum += (left[at] as number) * (right[at] as number);
  return sum;
}
