/**
 * Vectors at a few bits a coordinate (TurboQuant, arXiv 2504.19874): rotated at random, each coordinate replaced by the nearest value of
 * a codebook that follows from dimension and width alone, and one number kept for the vector. Nothing is learned from data, so a vector can be
 * encoded as soon as it is there, and a code says the same wherever dimension, bits, seed and scale are the same.
 *
 *   code   ceil(bits * d / 8) + 4 bytes
 *     signs        d bits, set where a coordinate of the rotated vector is negative
 *     magnitudes   of each coordinate the place of its value in the positive half of its codebook, one bit less than its width
 *     scale        4 bytes, a 32-bit float, little-endian: what to multiply the values with
 *
 * With a width of two and a half, the first half of the rotated coordinates has three bits and the others two: after a rotation all are alike.
 */

import { TurboQuantError } from "../error.ts";
import { bitsAt, putBits } from "./bit-string.ts";
import { type Codebook, createCodebook } from "./codebook.ts";
import { createRotation } from "./rotation.ts";

/**
 * What the number of a vector is for, with x of length |x|, y rotated and c its values:
 *   raw        |x|: the paper's, which makes inner products shorter by the mean squared error
 *   norm       what is decoded has the length of x
 *   unbiased   inner products with any other vector are right on average (EDEN, arXiv 2604.18555; RaBitQ): for search
 *   mse        what is decoded is nearest to x
 */
export type ScaleMode = "raw" | "norm" | "unbiased" | "mse";

export interface QuantizerOptions {
  /** Coordinates, 2 to 8,192. */
  readonly dim: number;
  /** Per coordinate, 1 to 8, also between whole numbers; 4 unless said. */
  readonly bits?: number;
  /** Of the rotation; 0 unless said. Codes of different seeds have nothing to do with each other. */
  readonly seed?: number | bigint;
  /** `unbiased` unless said. */
  readonly scale?: ScaleMode;
}

export interface Quantizer {
  readonly dim: number;
  readonly bits: number;
  readonly seed: bigint;
  readonly scale: ScaleMode;
  /** Of one code. */
  readonly codeBytes: number;
  /** Of a coordinate of average length one: what theory says of the squared error, before scaling. */
  readonly distortion: number;
  /** Throws `bad-vector` for another number of coordinates, NaN, or an infinity. */
  encode(vector: ArrayLike<number>): Uint8Array;
  /** Throws `bad-code` for bytes that are no code of this quantizer. */
  decode(code: Uint8Array): Float32Array;
  /** Inner products of one vector with many codes: rotates it once. Throws `bad-vector`. */
  query(vector: ArrayLike<number>): Query;
}

export interface Query {
  /** About the inner product of the query and what was encoded. Throws `bad-code`. */
  dot(code: Uint8Array): number;
}

const MIN_DIM = 2;
/** Vectors of models end at 4,096 or so; codebooks and rotations are tested up to here. */
const MAX_DIM = 8192;
const MAX_BITS = 8;
const SCALE_BYTES = 4;
const MAX_FLOAT = 3.4028234663852886e38;
const MAX_SEED = 2n ** 64n;
const SCALES: readonly ScaleMode[] = ["raw", "norm", "unbiased", "mse"];

export function createQuantizer({ dim, bits = 4, seed = 0, scale = "unbiased" }: QuantizerOptions): Quantizer {
  checkOptions(dim, bits, seed, scale);
  const rotation = createRotation(dim, BigInt(seed));
  const parts = partsOf(dim, bits);
  const codeBits = parts.reduce((sum, { count, codebook }) => sum + count * codebook.bits, 0);
  const scaleAt = Math.ceil(codeBits / 8);
  const codeBytes = scaleAt + SCALE_BYTES;

  /** Rotated, with a length of sqrt(dim), and its own length by that. */
  const rotated = (vector: ArrayLike<number>): { readonly turned: Float32Array; readonly size: number } => {
    const size = rootMeanSquare(vector, dim);
    const turned = new Float32Array(dim);
    if (size > 0) {
      for (let at = 0; at < dim; at++) turned[at] = (vector[at] as number) / size;
      rotation.apply(turned);
    }
    return { turned, size };
  };

  /** Tells each value of a code, in order of coordinates. */
  const forEachValue = (code: Uint8Array, tell: (at: number, value: number) => void): void => {
    if (code.length !== codeBytes)
      throw new TurboQuantError("bad-code", `a code has ${codeBytes} bytes, not ${code.length}`, "It is of another dimension or width.");
    let at = 0;
    let bit = dim;
    for (const { count, codebook } of parts)
      for (let nth = 0; nth < count; nth++, at++) {
        const width = codebook.bits - 1;
        const place = width === 0 ? 0 : bitsAt(code, bit, width);
        bit += width;
        const value = codebook.centroids[place] as number;
        tell(at, bitsAt(code, at, 1) === 1 ? -value : value);
      }
  };
  const scaleOf = (code: Uint8Array): number => {
    const found = new DataView(code.buffer, code.byteOffset + scaleAt, SCALE_BYTES).getFloat32(0, true);
    if (!Number.isFinite(found)) throw new TurboQuantError("bad-code", "the scale of a code is no number", "Its bytes were changed.");
    return found;
  };

  return {
    dim,
    bits,
    seed: BigInt(seed),
    scale,
    codeBytes,
    distortion: parts.reduce((sum, { count, codebook }) => sum + (count / dim) * codebook.distortion, 0),
    encode: (vector) => {
      const { turned, size } = rotated(vector);
      const code = new Uint8Array(codeBytes);
      const sums = { values: 0, both: 0, turned: 0 };
      let at = 0;
      let bit = dim;
      for (const { count, codebook } of parts)
        for (let nth = 0; nth < count; nth++, at++) {
          const coordinate = turned[at] as number;
          const magnitude = Math.abs(coordinate);
          const place = placeOf(codebook, magnitude);
          const value = codebook.centroids[place] as number;
          if (coordinate < 0) putBits(code, at, 1, 1);
          if (codebook.bits > 1) putBits(code, bit, codebook.bits - 1, place);
          bit += codebook.bits - 1;
          sums.values += value * value;
          sums.both += value * magnitude;
          sums.turned += magnitude * magnitude;
        }
      const number = size === 0 ? 0 : size * factorOf(scale, sums, dim);
      new DataView(code.buffer, scaleAt).setFloat32(0, Math.min(number, MAX_FLOAT), true);
      return code;
    },
    decode: (code) => {
      const vector = new Float32Array(dim);
      forEachValue(code, (at, value) => {
        vector[at] = value;
      });
      rotation.undo(vector);
      const number = scaleOf(code);
      // Among the largest numbers there are, what is nearest to a vector may be no number any more.
      return vector.map((value) => Math.max(-MAX_FLOAT, Math.min(MAX_FLOAT, value * number)));
    },
    query: (vector) => {
      const { turned, size } = rotated(vector);
      return {
        dot: (code) => {
          let sum = 0;
          forEachValue(code, (at, value) => {
            sum += value * (turned[at] as number);
          });
          return sum * size * scaleOf(code);
        },
      };
    },
  };
}

interface Part {
  /** Coordinates one behind the other. */
  readonly count: number;
  readonly codebook: Codebook;
}

/** Coordinates with a bit more, then those with a bit less. */
function partsOf(dim: number, bits: number): readonly Part[] {
  const least = Math.floor(bits);
  const more = Math.round((bits - least) * dim);
  const parts = [
    { count: more, bits: least + 1 },
    { count: dim - more, bits: least },
  ];
  return parts.filter(({ count }) => count > 0).map((part) => ({ count: part.count, codebook: createCodebook(dim, part.bits) }));
}

/** The nearest value: the borders below are counted, by halves. */
function placeOf({ borders }: Codebook, magnitude: number): number {
  let [low, high] = [0, borders.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (magnitude > (borders[middle] as number)) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Sums {
  /** Of squared values, of squared coordinates, and of each by the other. */
  readonly values: number;
  readonly turned: number;
  readonly both: number;
}

function factorOf(mode: ScaleMode, { values, turned, both }: Sums, dim: number): number {
  if (mode === "raw") return Math.sqrt(turned / dim);
  if (mode === "norm") return Math.sqrt(turned / values);
  return mode === "mse" ? both / values : turned / both;
}

/** By its largest coordinate first: squares of the largest and of the smallest floats are beyond what can be written. */
function rootMeanSquare(vector: ArrayLike<number>, dim: number): number {
  if (vector.length !== dim)
    throw new TurboQuantError("bad-vector", `a vector has ${dim} coordinates, not ${vector.length}`, "One quantizer serves one dimension.");
  let most = 0;
  for (let at = 0; at < dim; at++) {
    const value = Math.abs(vector[at] as number);
    if (!(value <= MAX_FLOAT))
      throw new TurboQuantError("bad-vector", `coordinate ${at} is ${vector[at]}`, "Coordinates are finite and fit a 32-bit float.");
    if (value > most) most = value;
  }
  if (most === 0) return 0;
  let sum = 0;
  for (let at = 0; at < dim; at++) {
    const share = (vector[at] as number) / most;
    sum += share * share;
  }
  return most * Math.sqrt(sum / dim);
}

function checkOptions(dim: number, bits: number, seed: number | bigint, scale: ScaleMode): void {
  if (!Number.isInteger(dim) || dim < MIN_DIM || dim > MAX_DIM)
    throw new TurboQuantError("bad-argument", `dim is ${dim}`, `It is a whole number from ${MIN_DIM} to ${MAX_DIM}.`);
  if (!(bits >= 1 && bits <= MAX_BITS)) throw new TurboQuantError("bad-argument", `bits is ${bits}`, `It is from 1 to ${MAX_BITS}.`);
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (!whole || BigInt(seed) < 0n || BigInt(seed) >= MAX_SEED)
    throw new TurboQuantError("bad-argument", `seed is ${seed}`, "It is a whole number of at most 64 bits: a bigint where it passes 2^53.");
  if (!SCALES.includes(scale)) throw new TurboQuantError("bad-argument", `scale is ${scale}`, `It is one of ${SCALES.join(", ")}.`);
}
