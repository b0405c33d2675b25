/**
 * A query as whole numbers, beside codes whose values are whole numbers too: inner products of what is rounded are the same on every engine.
 *
 * Codes of at most three planes besides the signs are multiplied as bytes; what rounding to 127 steps adds to the error is less than a hundredth of theirs. Finer codes are multiplied as 16-bit
 * numbers.
 */
import type { Part } from "../codec/shape.ts";
import type { Arena } from "../kernels/arena.ts";
import { type Kernels, laneOf } from "../kernels/kernels.ts";
import type { Blocks, Width } from "./blocks.ts";

const GROUP = 16;
const MOST_BYTE_PLANES = 3;
const MOST_BYTE = 127;
const MOST_WORD = 32_767;
/** Sums of words fit 32 bits, as a query has a length of sqrt(dim) and codes have about that. */
const MOST_SUM = 2 ** 31 / 1.1;
/** Codes that are looked at in one call. */
export const LIST = 512;

interface Slice {
  readonly part: Part;
  readonly list: number;
  readonly fromGroup: number;
  readonly toGroup: number;
  /** Planes besides the signs that its coordinates have. */
  readonly planes: number;
  readonly queryAt: number;
  readonly tableAt: number;
}

/** Multiplies one query at a time with codes of one width. */
export interface Multiplier {
  /** `turned`: a query of length sqrt(dim), rotated. */
  ask(turned: Float32Array): void;
  /** Inner products with the `count` codes whose addresses stand in `list`; a view of at most LIST numbers, good until the next call. */
  multiply(count: number): Int32Array;
  /** What to multiply a product with, to have it in the units of the query. */
  readonly unit: number;
}

/** Where addresses and products of a list stand, for all widths. */
export interface ListPlace {
  readonly list: number;
  /** The same codes, by the address where the first sign of all would stand if it stood with those that are not looked at first. */
  readonly moreList: number;
  readonly products: number;
  readonly room: number;
  /** Signs that are looked at first, one vector's behind the other's. */
  readonly signs: number;
}

/** `lookStride`: bytes of the signs of a vector that are looked at first. */
export function createListPlace(arena: Arena, lookStride: number): ListPlace {
  return {
    list: arena.allocate(8 * LIST),
    moreList: arena.allocate(8 * LIST),
    products: arena.allocate(4 * LIST),
    room: arena.allocate(GROUP),
    signs: arena.allocate(lookStride * LIST),
  };
}

export function createMultiplier(
  dim: number,
  { signStride, looks, lookStride }: Pick<Blocks, "signStride" | "looks" | "lookStride">,
  width: Width,
  place: ListPlace,
  kernels: Kernels,
  arena: Arena,
): Multiplier {
  const { parts } = width.shape;
  const isFine = Math.max(...parts.map(({ codebook }) => codebook.bits - 1)) > MOST_BYTE_PLANES;
  const elementBytes = isFine ? 2 : 1;
  const room = Math.ceil(dim / GROUP) * GROUP;
  // Signs that are not looked at first stand elsewhere: what has both is cut there.
  const pieces = parts.flatMap((part) =>
    [
      { ...part, count: Math.min(part.count, Math.max(0, looks - part.from)) },
      { ...part, from: Math.max(part.from, looks), count: part.from + part.count - Math.max(part.from, looks) },
    ].filter(({ count }) => count > 0),
  );
  const slices = pieces.map((part): Slice => {
    const queryAt = arena.allocate(room * elementBytes);
    const tableAt = arena.allocate(isFine ? 512 : GROUP);
    return {
      part,
      list: part.from < looks ? place.list : place.moreList,
      fromGroup: Math.floor(part.from / GROUP),
      toGroup: Math.ceil((part.from + part.count) / GROUP),
      planes: part.codebook.bits - 1,
      queryAt,
      tableAt,
    };
  });
  const largest = Math.max(...parts.map(({ codebook }) => codebook.centroids.at(-1) as number));
  const finest = 1 / Math.sqrt(MOST_SUM / dim);
  /** The unit of numbers of which this is the largest. In few dimensions a single coordinate may have most of a vector's length. */
  const unitFor = (most: number): number => (isFine ? Math.max(finest, most / MOST_WORD) : most / MOST_BYTE);
  const valueUnit = unitFor(largest);
  for (const { part, tableAt } of slices) {
    const values = Array.from(part.codebook.centroids, (value) => Math.round(value / valueUnit));
    if (isFine) {
      arena.views.i16.set(values, tableAt / 2);
      arena.views.i16.set(
        values.map((value) => -value),
        tableAt / 2 + 128,
      );
    } else arena.views.u8.set(values, tableAt);
  }
  let queryUnit = 1;

  return {
    get unit() {
      return queryUnit * valueUnit;
    },
    ask: (turned) => {
      const most = isFine ? MOST_WORD : MOST_BYTE;
      let largest = 0;
      for (let at = 0; at < dim; at++) largest = Math.max(largest, Math.abs(turned[at] as number));
      queryUnit = unitFor(largest) || 1;
      for (const { part, queryAt } of slices) {
        const view = isFine ? arena.views.i16 : arena.views.i8;
        const start = queryAt / elementBytes;
        const end = part.from + part.count;
        for (let at = part.from; at < end; at++) {
          const value = Math.floor((turned[at] as number) / queryUnit + 0.5);
          view[start + laneOf(at)] = value > most ? most : value < -most ? -most : value;
        }
      }
    },
    multiply: (count) => {
      kernels.fetch(place.list, count, width.restStride);
      if (looks > 0) kernels.gather(place.list, count, lookStride, place.signs);
      const { i32 } = arena.views;
      const products = i32.subarray(place.products / 4, place.products / 4 + count).fill(0);
      for (const { list, fromGroup, toGroup, planes, queryAt, tableAt } of slices)
        if (isFine) kernels.dotsOfWords(list, count, queryAt, fromGroup, toGroup, planes, signStride, tableAt, place.room, place.products);
        else kernels.dotsOfBytes(list, count, queryAt, fromGroup, toGroup, planes, signStride, tableAt, place.products);
      return products;
    },
  };
}

/** Puts a code into a list, as the nth. */
export function putInList(u32: Uint32Array, { list, moreList }: ListPlace, nth: number, blocks: Blocks, slot: number): void {
  const rest = blocks.restAt(slot);
  u32[list / 4 + 2 * nth] = blocks.signsAt(slot);
  u32[list / 4 + 2 * nth + 1] = rest;
  u32[moreList / 4 + 2 * nth] = rest - blocks.signStride;
  u32[moreList / 4 + 2 * nth + 1] = rest;
}
