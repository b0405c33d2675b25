/**
 * Random rotations that cost d log d: signs drawn from a seed, then a Hadamard matrix, twice. Exact, without padding, in every dimension.
 *
 *   d = 2^k, 12*2^k, 20*2^k   a Hadamard matrix of that size: Sylvester's, times Paley's of 12 or 20
 *   other d                   the largest such matrix m <= d on the first m coordinates, then on the last m, which share some of them
 *   d < 32                    a dense orthogonal matrix
 *
 * One round makes of a vector with a single coordinate one with all coordinates alike; the second makes that what it makes of any other.
 * Every step adds, subtracts or multiplies 32-bit floats in one order, so that the result is the same bytes on every engine.
 */
import { Arena } from "../kernels/arena.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { createPlainKernels } from "../kernels/plain.ts";
import { PALEY, type PaleySize } from "./paley.ts";
import { createRandomBits, type RandomBits } from "./random-bits.ts";

export interface Rotation {
  /** In place; `vector` has `dim` coordinates. */
  apply(vector: Float32Array): void;
  /** The opposite of `apply`, but for rounding. */
  undo(vector: Float32Array): void;
}

/** One whose numbers lie in the memory of kernels. */
export interface PlacedRotation {
  /** Of `dim` coordinates at an address, in place. */
  apply(at: number): void;
  undo(vector: Float32Array): void;
}

/** Below it structure leaves too little to chance, and d^2 is small. */
const DENSE_BELOW = 32;
const ROUNDS = 2;
/** Kernels take four coordinates at once. */
const LEAST_BLOCK = 4;

export function createRotation(dim: number, seed: bigint): Rotation {
  const kernels = createPlainKernels();
  const arena = new Arena(kernels.memory);
  const { apply, undo } = placeRotation(dim, seed, kernels, arena);
  const at = arena.allocate(4 * dim);
  return {
    apply: (vector) => {
      const { f32 } = arena.views;
      f32.set(vector, at / 4);
      apply(at);
      vector.set(f32.subarray(at / 4, at / 4 + dim));
    },
    undo,
  };
}

export function placeRotation(dim: number, seed: bigint, kernels: Kernels, arena: Arena): PlacedRotation {
  const bits = createRandomBits(seed);
  if (dim < DENSE_BELOW) return denseRotation(dim, bits, arena);
  const { base, size } = largestHadamard(dim);
  const block = size / base;
  const windows = size === dim ? [0] : [0, dim - size];
  const steps = Array.from({ length: ROUNDS }, () => windows)
    .flat()
    .map((from) => {
      const signs = signsOf(bits, size);
      const signsAt = arena.allocate(4 * size);
      arena.views.u32.set(signs, signsAt / 4);
      return { from, signs, signsAt };
    });
  const factor = Math.fround(1 / Math.sqrt(size));
  return {
    apply: (vectorAt) => {
      for (const { from, signsAt } of steps) {
        const at = vectorAt + 4 * from;
        kernels.signedSylvester(at, size, block, signsAt);
        if (base === 12) kernels.across12(at, 4 * block);
        if (base === 20) kernels.across20(at, 4 * block);
        kernels.scale(at, size, factor);
      }
    },
    undo: (vector) => {
      for (const { from, signs } of steps.toReversed()) {
        const window = vector.subarray(from, from + size);
        if (base !== 1) acrossBlocks(window, PALEY_TRANSPOSED[base]);
        sylvester(window, block);
        for (let at = 0; at < size; at++) window[at] = (window[at] as number) * (signs[at] === 0 ? factor : -factor);
      }
    },
  };
}

interface HadamardSize {
  /** `size` is a power of two times it. */
  readonly base: 1 | PaleySize;
  readonly size: number;
}

function largestHadamard(dim: number): HadamardSize {
  const sizes = ([1, 12, 20] as const)
    .filter((base) => base * LEAST_BLOCK <= dim)
    .map((base) => ({ base, size: base * 2 ** (31 - Math.clz32(dim / base)) }));
  return sizes.reduce((best, each) => (each.size > best.size ? each : best));
}

const UPPERMOST = 0x8000_0000;

/** Of each coordinate the uppermost bit of a 32-bit number, set where it changes its sign. */
function signsOf(bits: RandomBits, count: number): Uint32Array {
  const signs = new Uint32Array(count);
  for (let at = 0; at < count; at += 64) {
    const drawn = bits.next();
    for (let nth = 0; nth < 64 && at + nth < count; nth++) signs[at + nth] = (drawn >> BigInt(nth)) & 1n ? UPPERMOST : 0;
  }
  return signs;
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

function acrossBlocks(vector: Float32Array, rows: readonly Int8Array[]): void {
  const block = vector.length / rows.length;
  const found = new Float32Array(rows.length);
  for (let at = 0; at < block; at++) {
    for (const [row, signs] of rows.entries()) {
      let sum = 0;
      for (let column = 0; column < signs.length; column++)
        sum = Math.fround(sum + (signs[column] as number) * (vector[column * block + at] as number));
      found[row] = sum;
    }
    for (let row = 0; row < rows.length; row++) vector[row * block + at] = found[row] as number;
  }
}

const PALEY_TRANSPOSED = { 12: transposed(PALEY[12]), 20: transposed(PALEY[20]) } as const;

function transposed(rows: readonly Int8Array[]): readonly Int8Array[] {
  return rows.map((_, at) => Int8Array.from(rows, (row) => row[at] as number));
}

/** Rows drawn at random and made orthogonal one after the other (Gram and Schmidt), in 64-bit floats. */
function denseRotation(dim: number, bits: RandomBits, arena: Arena): PlacedRotation {
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
  const times = (by: readonly Float64Array[], vector: Float32Array): void => vector.set(by.map((row) => dot(row, vector)));
  return {
    apply: (at) => times(rows, arena.views.f32.subarray(at / 4, at / 4 + dim)),
    undo: (vector) => times(columns, vector),
  };
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
