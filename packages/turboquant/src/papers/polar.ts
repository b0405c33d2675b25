/**
 * PolarQuant (arXiv 2502.02617): a vector is rotated at random and cut into blocks of 2^levels coordinates. In a block every two coordinates become a
 * length and an angle, every two of those lengths become a length and an angle again, and so on up to a single length. The angles follow laws
 * that are known beforehand, so each is replaced by the nearest of a few; the length of the block is kept. It is here to be compared with:
 * what all levels err by adds up, and at equal bits the codec errs less.
 *
 *   code
 *     angles    block after block: those of the first level, each with its bits, then those of the next
 *     lengths   of each block the root of its mean square, a float of 16 or 32 bits, little-endian
 *
 * With four levels of 4, 2, 2 and 2 bits and 16-bit lengths that is the paper's setting: 62 bits for 16 coordinates, 3.875 each.
 */
import { checkWhole, refuse, shown } from "../argument.ts";
import { bitsAt, putBits } from "../codec/bit-string.ts";
import { checkCode } from "../codec/code.ts";
import type { Query } from "../codec/quantizer.ts";
import { MAX_DIM, seedOf } from "../codec/quantizer-options.ts";
import { createRotation } from "../codec/rotation.ts";
import { MAX_FLOAT } from "../codec/vector.ts";
import { TurboQuantError } from "../error.ts";
import { checkOptions, type OptionNames, optionNames } from "../options.ts";
import { type AngleCodebook, createAngleCodebook } from "./angle-codebook.ts";
import { fromHalf, halfOf, LARGEST_HALF } from "./half-float.ts";
import { ofUnitSize, rootMeanSquare } from "./vector-size.ts";

/** `f16`: the paper's, to three digits, up to 65,504 and nothing below 3e-8; `f32`: whatever a vector may have. */
export type PolarRadius = "f16" | "f32";

export interface PolarOptions {
  /** Coordinates, 2 to 8,192: a multiple of 2^levels. */
  readonly dim: number;
  /** 1 to 8; 4 unless said. */
  readonly levels?: number;
  /** Of an angle, one for each level, 1 to 8; 4 for the first and 2 for every other unless said. */
  readonly bits?: readonly number[];
  /** Of the rotation; 0 unless said. */
  readonly seed?: number | bigint;
  /** What the length of a block is kept in; `f16` unless said. */
  readonly radius?: PolarRadius;
}

export interface PolarQuantizer {
  readonly dim: number;
  readonly levels: number;
  readonly bits: readonly number[];
  readonly seed: bigint;
  readonly radius: PolarRadius;
  /** Of one code. */
  readonly codeBytes: number;
  /** What theory says of the squared error, by the squared length, but for the rounding of the lengths. */
  readonly distortion: number;
  /** Throws `bad-vector` for another number of coordinates, NaN, an infinity, or a block longer than its length can say. */
  encode(vector: ArrayLike<number>): Uint8Array;
  /** Throws `bad-code` for bytes that are no code of this quantizer. */
  decode(code: Uint8Array): Float32Array;
  /** Inner products of one vector with many codes. Throws `bad-vector`. */
  query(vector: ArrayLike<number>): Query;
}

const OPTIONS: OptionNames = optionNames<PolarOptions>({ dim: true, levels: true, bits: true, seed: true, radius: true });
const MAX_LEVELS = 8;
const MAX_BITS = 8;
const [FIRST_LEVEL_BITS, OTHER_LEVEL_BITS] = [4, 2];

/** Throws `bad-argument`. */
export function createPolarQuantizer(options: PolarOptions): PolarQuantizer {
  checkOptions("createPolarQuantizer", options, OPTIONS);
  const { dim, levels = 4, seed: asked = 0, radius = "f16" } = options;
  const seed = seedOf(asked);
  checkWhole("levels", levels, 1, MAX_LEVELS);
  const { bits: widths = Array.from({ length: levels }, (_, nth) => (nth === 0 ? FIRST_LEVEL_BITS : OTHER_LEVEL_BITS)) } = options;
  checkDimensions(dim, levels, widths, radius);
  const rotation = createRotation(dim, seed);
  const books = widths.map((width, nth) => createAngleCodebook(nth + 1, width));
  const block = 2 ** levels;
  const blocks = dim / block;
  const blockBits = books.reduce((sum, book, nth) => sum + book.bits * (block >> (nth + 1)), 0);
  const lengths = createLengths(radius, Math.ceil((blocks * blockBits) / 8));
  const codeBytes = lengths.end(blocks);
  /** Of a block whose mean square is one. */
  const blockLength = Math.sqrt(block);

  const rotated = (vector: ArrayLike<number>): { readonly turned: Float32Array; readonly size: number } => {
    const size = rootMeanSquare(vector, dim);
    const turned = ofUnitSize(vector, size);
    if (size > 0) rotation.apply(turned);
    return { turned, size };
  };
  const check = (code: Uint8Array): void => checkCode(code, codeBytes);

  return {
    dim,
    levels,
    bits: widths,
    seed,
    radius,
    codeBytes,
    distortion: 2 * (1 - books.reduce((kept, book) => kept * book.kept, 1)),
    encode: (vector) => {
      const { turned, size } = rotated(vector);
      const code = new Uint8Array(codeBytes);
      const room = new Float64Array(block);
      for (let nth = 0; nth < blocks; nth++) {
        room.set(turned.subarray(nth * block, (nth + 1) * block));
        const length = placeAngles(room, books, code, nth * blockBits);
        lengths.put(code, nth, (length / blockLength) * size);
      }
      return code;
    },
    decode: (code) => {
      check(code);
      const vector = new Float32Array(dim);
      const room = new Float64Array(block);
      const found = Array.from({ length: blocks }, (_, nth) => lengths.at(code, nth));
      // By the longest block until it is turned back: the longest there may be would leave no room for what is added on the way.
      const longest = Math.max(...found);
      for (const [nth, length] of found.entries()) {
        room[0] = longest > 0 ? (length / longest) * blockLength : 0;
        unfold(room, books, code, (nth + 1) * blockBits);
        vector.set(room, nth * block);
      }
      rotation.undo(vector);
      return vector.map((value) => Math.max(-MAX_FLOAT, Math.min(MAX_FLOAT, value * longest)));
    },
    query: (vector) => {
      const { turned, size } = rotated(vector);
      const room = new Float64Array(block);
      return {
        dot: (code) => {
          check(code);
          let sum = 0;
          for (let nth = 0; nth < blocks; nth++) {
            room.set(turned.subarray(nth * block, (nth + 1) * block));
            sum += along(room, books, code, nth * blockBits) * lengths.at(code, nth);
          }
          return sum * blockLength * size;
        },
      };
    },
  };
}

/** Writes the angles of a block from that bit on; gives its length. `room` holds its coordinates, and nothing to rely on afterwards. */
function placeAngles(room: Float64Array, books: readonly AngleCodebook[], code: Uint8Array, fromBit: number): number {
  let [bit, count] = [fromBit, room.length];
  for (const book of books) {
    count /= 2;
    for (let nth = 0; nth < count; nth++, bit += book.bits) {
      const [x, y] = [room[2 * nth] as number, room[2 * nth + 1] as number];
      putBits(code, bit, book.bits, book.place(x, y));
      room[nth] = Math.sqrt(x * x + y * y);
    }
  }
  return room[0] as number;
}

/** Makes the coordinates of a block of its length, which stands first in `room`, and its angles, which end before that bit. */
function unfold(room: Float64Array, books: readonly AngleCodebook[], code: Uint8Array, toBit: number): void {
  let [bit, count] = [toBit, 1];
  for (const book of books.toReversed()) {
    for (let nth = count - 1; nth >= 0; nth--) {
      bit -= book.bits;
      const place = bitsAt(code, bit, book.bits);
      const length = room[nth] as number;
      room[2 * nth] = length * (book.cosines[place] as number);
      room[2 * nth + 1] = length * (book.sines[place] as number);
    }
    count *= 2;
  }
}

/** Inner product of the coordinates in `room` with a block of length one; nothing is to be relied on in `room` afterwards. */
function along(room: Float64Array, books: readonly AngleCodebook[], code: Uint8Array, fromBit: number): number {
  let [bit, count] = [fromBit, room.length];
  for (const book of books) {
    count /= 2;
    for (let nth = 0; nth < count; nth++, bit += book.bits) {
      const place = bitsAt(code, bit, book.bits);
      room[nth] =
        (room[2 * nth] as number) * (book.cosines[place] as number) + (room[2 * nth + 1] as number) * (book.sines[place] as number);
    }
  }
  return room[0] as number;
}

interface Lengths {
  /** Where so many of them end. */
  end(count: number): number;
  /** Throws `bad-vector` for one that is too long. */
  put(code: Uint8Array, nth: number, length: number): void;
  /** Throws `bad-code` for what is no length. */
  at(code: Uint8Array, nth: number): number;
}

function createLengths(radius: PolarRadius, from: number): Lengths {
  const [bytes, largest] = radius === "f16" ? [2, LARGEST_HALF] : [4, MAX_FLOAT];
  const viewOf = ({ buffer, byteOffset }: Uint8Array): DataView => new DataView(buffer, byteOffset + from);
  return {
    end: (count) => from + count * bytes,
    put: (code, nth, length) => {
      if (length > largest)
        throw new TurboQuantError("bad-vector", `a block has a length of ${length}`, `At most ${largest}: take longer floats, or divide.`);
      if (radius === "f16") viewOf(code).setUint16(nth * bytes, halfOf(length), true);
      else viewOf(code).setFloat32(nth * bytes, length, true);
    },
    at: (code, nth) => {
      const view = viewOf(code);
      const found = radius === "f16" ? fromHalf(view.getUint16(nth * bytes, true)) : view.getFloat32(nth * bytes, true);
      if (!(found >= 0 && found <= largest))
        throw new TurboQuantError("bad-code", "the length of a block is no length", "Its bytes were changed.");
      return found;
    },
  };
}

function checkDimensions(dim: number, levels: number, bits: readonly number[], radius: PolarRadius): void {
  const isWhole = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_BITS;
  if (!Array.isArray(bits) || bits.length !== levels || !bits.every(isWhole))
    refuse(
      `bits is ${Array.isArray(bits) ? `[${bits.map(shown).join(", ")}]` : shown(bits)}`,
      `It is an array: a whole number from 1 to ${MAX_BITS} for each of ${levels} levels.`,
    );
  checkWhole("dim", dim, 2 ** levels, MAX_DIM);
  if (dim % 2 ** levels !== 0) refuse(`dim is ${dim}`, `It is a multiple of ${2 ** levels}, which is a block of ${levels} levels.`);
  if (radius !== "f16" && radius !== "f32") refuse(`radius is ${shown(radius)}`, "It is f16 or f32.");
}
