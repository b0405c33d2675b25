/** From vectors to codes, in the memory of kernels: what a quantizer and an index have in common. */
import { TurboQuantError } from "../error.ts";
import type { Arena } from "../kernels/arena.ts";
import { bucketsOf, type Kernels } from "../kernels/kernels.ts";
import { placeRotation } from "./rotation.ts";
import type { Shape } from "./shape.ts";
import { badCoordinate, checkVector, MAX_FLOAT } from "./vector.ts";

/**
 * What the number of a vector is for, with x of length |x|, y rotated and c its values:
 *   raw        |x|: the paper's, which makes inner products shorter by the mean squared error
 *   norm       what is decoded has the length of x
 *   unbiased   inner products with any other vector are right on average (EDEN, arXiv 2604.18555; RaBitQ): for search
 *   mse        what is decoded is nearest to x
 */
export type ScaleMode = "raw" | "norm" | "unbiased" | "mse";

export interface EncoderOptions {
  readonly dim: number;
  readonly seed: bigint;
  readonly scale: ScaleMode;
  readonly shape: Shape;
  readonly center: Float32Array | undefined;
}

/** Where the planes of a code go: the signs, then the others `stride` bytes apart. Whole groups of sixteen coordinates are written. */
export interface CodePlace {
  readonly signs: number;
  /** Where signs from a coordinate on go, a multiple of sixteen; behind the others unless said. */
  readonly more?: { readonly from: number; readonly at: number };
  readonly rest: number;
  readonly stride: number;
}

export interface Encoder {
  readonly arena: Arena;
  /** Of the rotated vector, 32-bit floats, when `turn` has done. */
  readonly turnedAt: number;
  /**
   * Rotates a vector and gives it a length of sqrt(dim); its own length by that is the result. `centred` unless said: without the centre. `length`: what it is given before the centre is
   * taken off, its own unless said. Throws `bad-vector`.
   */
  turn(vector: ArrayLike<number>, how?: TurnOptions): number;
  /** Throws `bad-vector` where `turn` would, for a small part of what that takes. */
  check(vector: ArrayLike<number>, how?: TurnOptions): void;
  /** Writes the code of what was turned last, and gives its scale. `size`: what `turn` gave. */
  write(size: number, to: CodePlace): number;
  /** Turns a vector and writes its code. */
  encode(vector: ArrayLike<number>, to: CodePlace, how?: TurnOptions): number;
  undo(vector: Float32Array): void;
}

export interface TurnOptions {
  readonly centred?: boolean;
  readonly length?: number;
}

/** Whole groups of sixteen are read. */
const GROUP = 16;
/** Vectors with sums of squares between these come nowhere near the ends of 32-bit floats on their way: next to the largest coordinate that a centre may have, theirs are nothing. */
const LEAST_SUM = 1e-50;
const MOST_SUM = 1e60;

export function createEncoder({ dim, seed, scale, shape, center }: EncoderOptions, kernels: Kernels, arena: Arena): Encoder {
  const rotation = placeRotation(dim, seed, kernels, arena);
  const room = Math.ceil(dim / GROUP) * GROUP;
  const four = Math.ceil(dim / 4) * 4;
  // A group more than there are coordinates: a part is written in groups as well.
  const [turnedAt, valuesAt, placesAt] = [
    arena.allocate(4 * (room + GROUP)),
    arena.allocate(4 * (room + GROUP)),
    arena.allocate(room + GROUP),
  ];
  const sumsAt = arena.allocate(24);
  /** Places are moved up to the width of the widest, so that the nth plane is the same bit of each. */
  const widest = Math.max(...shape.parts.map(({ codebook }) => codebook.bits));
  const tables = shape.parts.map(({ codebook }) => {
    const buckets = bucketsOf(codebook.borders);
    const at = {
      borders: arena.allocate(4 * codebook.centroids.length),
      centroids: arena.allocate(4 * codebook.centroids.length),
      buckets: arena.allocate(buckets.length),
    };
    arena.views.f32.set([...codebook.borders, Number.POSITIVE_INFINITY], at.borders / 4);
    arena.views.f32.set(codebook.centroids, at.centroids / 4);
    arena.views.u8.set(buckets, at.buckets);
    return { ...at, last: buckets.length - 1 };
  });

  const lengthOf = (vector: ArrayLike<number>): number => {
    const sum = kernels.sumOfSquares(turnedAt, four);
    if (sum <= Number.MAX_VALUE) return Math.sqrt(sum / dim);
    const at = Array.from({ length: dim }, (_, nth) => nth).find((nth) => !(Math.abs(Math.fround(vector[nth] as number)) <= MAX_FLOAT));
    if (at !== undefined) throw badCoordinate(vector, at);
    throw new TurboQuantError(
      "bad-vector",
      "a coordinate is beyond a 32-bit float without the centre",
      "Coordinates fit one with the centre taken off as well.",
    );
  };

  const place = (vector: ArrayLike<number>): void => {
    checkVector(vector, dim);
    const { f32 } = arena.views;
    f32.set(vector, turnedAt / 4);
    if (four > dim) f32.fill(0, turnedAt / 4 + dim, turnedAt / 4 + four);
  };

  const check: Encoder["check"] = (vector, how) => {
    place(vector);
    const sum = kernels.sumOfSquares(turnedAt, four);
    if (!(sum === 0 || (sum >= LEAST_SUM && sum <= MOST_SUM))) turn(vector, how);
  };

  const turn: Encoder["turn"] = (vector, { centred = true, length } = {}) => {
    place(vector);
    const { f32 } = arena.views;
    const start = turnedAt / 4;
    if (length !== undefined) {
      const own = lengthOf(vector);
      if (own > 0) kernels.multiply(turnedAt, four, length / Math.sqrt(dim) / own);
    }
    if (centred && center !== undefined)
      for (let at = 0; at < dim; at++) f32[start + at] = (f32[start + at] as number) - (center[at] as number);
    const size = lengthOf(vector);
    if (size > 0) {
      kernels.multiply(turnedAt, four, 1 / size);
      rotation.apply(turnedAt);
    }
    return size;
  };

  const write: Encoder["write"] = (size, { signs, more, rest, stride }) => {
    for (const [nth, { from, count, codebook }] of shape.parts.entries()) {
      const table = tables[nth] as (typeof tables)[number];
      const at = turnedAt + 4 * from;
      kernels.place(
        at,
        count,
        codebook.bits - 1,
        table.borders,
        table.centroids,
        table.buckets,
        table.last,
        placesAt + from,
        valuesAt + 4 * from,
      );
    }
    const { f32, f64, u8 } = arena.views;
    for (const { from, count, codebook } of shape.parts) {
      const missing = widest - codebook.bits;
      if (missing > 0) for (let at = placesAt + from; at < placesAt + from + count; at++) u8[at] = (u8[at] as number) << missing;
    }
    if (room > dim) {
      f32.fill(0, turnedAt / 4 + dim, turnedAt / 4 + room);
      f32.fill(0, valuesAt / 4 + dim, valuesAt / 4 + room);
      u8.fill(0, placesAt + dim, placesAt + room);
    }
    kernels.scaleSums(turnedAt, valuesAt, four, sumsAt);
    kernels.signPlane(turnedAt, more?.from ?? dim, signs);
    if (more !== undefined && more.from < dim) kernels.signPlane(turnedAt + 4 * more.from, dim - more.from, more.at);
    for (let plane = 1; plane < shape.planes.length; plane++)
      kernels.bitPlane(placesAt, shape.planes[plane] as number, widest - 1 - plane, rest + (plane - 1) * stride);
    const at = sumsAt / 8;
    const sums = { values: f64[at] as number, both: f64[at + 1] as number, turned: f64[at + 2] as number };
    return size === 0 ? 0 : Math.fround(Math.min(size * factorOf(scale, sums, dim), MAX_FLOAT));
  };

  return { arena, turnedAt, turn, check, write, encode: (vector, to, how) => write(turn(vector, how), to), undo: rotation.undo };
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
