/**
 * Vectors at a few bits a coordinate (TurboQuant, arXiv 2504.19874): rotated at random, each coordinate replaced by the nearest value of
 * a codebook that follows from dimension and width alone, and one number kept for the vector. Nothing is learned from data, so a vector can be
 * encoded as soon as it is there, and a code says the same wherever dimension, bits, seed and scale are the same.
 *
 *   code   ceil(bits * d / 8) + 4 bytes
 *     planes       bits of coordinates, one plane directly behind the other, from the lowest bit of the first byte on
 *       signs      d bits, set where a coordinate of the rotated vector is negative
 *       magnitudes of each coordinate the place of its value in the positive half of its codebook, a plane for each bit, the most significant first
 *     scale        4 bytes, a 32-bit float, little-endian: what to multiply the values with
 *
 * With a width of two and a half, the first half of the rotated coordinates has three bits and the others two, so the last plane ends with the first half: after a rotation all
 * coordinates are alike. What is cut off behind leaves a code of fewer bits, with coarser values: `truncate` does that, and adjusts the scale.
 */
import { refuse, shown } from "../argument.ts";
import { TurboQuantError } from "../error.ts";
import { Arena } from "../kernels/arena.ts";
import { createKernels } from "../kernels/load.ts";
import { checkOptions, optionNames } from "../options.ts";
import { bitsAt, putBits } from "./bit-string.ts";
import { checkCode } from "./code.ts";
import { createEncoder, type ScaleMode } from "./encoder.ts";
import { type QuantizerOptions, quantizerSettings } from "./quantizer-options.ts";
import { type Shape, shapeOf } from "./shape.ts";
import { dot, MAX_FLOAT } from "./vector.ts";

export type { QuantizerOptions } from "./quantizer-options.ts";

export interface Quantizer {
  readonly dim: number;
  readonly bits: number;
  readonly seed: bigint;
  readonly scale: ScaleMode;
  readonly from: number;
  /** A copy. */
  readonly center: Float32Array | undefined;
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
  /** The same vector in fewer bits: a code of a quantizer with these `bits` and this one's `from`. Throws `bad-code`, and `bad-argument` for more bits than there are. */
  truncate(code: Uint8Array, bits: number): Uint8Array;
}

export interface Query {
  /** About the inner product of the query and what was encoded. Throws `bad-code`. */
  dot(code: Uint8Array): number;
}

const SCALE_BYTES = 4;
const OPTIONS = optionNames<QuantizerOptions>({ dim: true, bits: true, seed: true, scale: true, from: true, center: true, kernels: true });

/** Throws `bad-argument`. */
export function createQuantizer(options: QuantizerOptions): Quantizer {
  checkOptions("createQuantizer", options, OPTIONS);
  const { dim, bits, seed, scale, from, center } = quantizerSettings(options);
  const shape = shapeOf(dim, bits, from);
  const kernels = createKernels(options.kernels);
  const arena = new Arena(kernels.memory);
  const encoder = createEncoder({ dim, seed, scale, shape, center }, kernels, arena);
  const stride = planeStride(dim);
  const codeAt = arena.allocate(stride * shape.planes.length);
  const scaleAt = codeBytesOf(shape) - SCALE_BYTES;

  const valuesOf = (code: Uint8Array): Float32Array => valuesIn(shape, dim, planesOf(shape, checked(code, scaleAt)));
  const truncated = new Map<number, Shape>();

  return {
    dim,
    bits,
    seed,
    scale,
    from,
    get center() {
      return center?.slice();
    },
    codeBytes: scaleAt + SCALE_BYTES,
    distortion: shape.distortion,
    encode: (vector) => {
      const number = encoder.encode(vector, { signs: codeAt, rest: codeAt + stride, stride });
      const code = new Uint8Array(scaleAt + SCALE_BYTES);
      gatherPlanes(arena.views.u8.subarray(codeAt, codeAt + stride * shape.planes.length), stride, shape, code);
      new DataView(code.buffer, scaleAt).setFloat32(0, number, true);
      return code;
    },
    decode: (code) => {
      const vector = valuesOf(code);
      const number = scaleOf(code, scaleAt);
      encoder.undo(vector);
      // Among the largest numbers there are, what is nearest to a vector may be no number any more.
      return vector.map((value, at) => Math.max(-MAX_FLOAT, Math.min(MAX_FLOAT, value * number + (center?.[at] ?? 0))));
    },
    query: (vector) => {
      const size = encoder.turn(vector, { centred: false });
      const turned = arena.views.f32.slice(encoder.turnedAt / 4, encoder.turnedAt / 4 + dim);
      const base = center === undefined ? 0 : dot(Float32Array.from(vector), center);
      return { dot: (code) => base + dot(turned, valuesOf(code)) * size * scaleOf(code, scaleAt) };
    },
    truncate: (code, fewer) => {
      if (typeof fewer !== "number" || !(fewer >= 1 && fewer <= bits))
        refuse(`bits is ${shown(fewer)}`, `A code of ${bits} bits has from 1 to ${bits} of them.`);
      const to = truncated.get(fewer) ?? shapeOf(dim, fewer, from);
      truncated.set(fewer, to);
      const values = valuesOf(code);
      const cut = code.slice(0, codeBytesOf(to));
      clearTail(cut, to);
      const number = scaleOf(code, scaleAt) * truncatedFactor(scale, values, valuesIn(to, dim, planesOf(to, cut)));
      new DataView(cut.buffer, cut.length - SCALE_BYTES).setFloat32(0, Math.min(number, MAX_FLOAT), true);
      return cut;
    },
  };
}

/** Kernels write whole groups of sixteen coordinates, and read rows of whole eights of bytes. */
export function planeStride(coordinates: number): number {
  return Math.ceil(coordinates / 64) * 8;
}

function bitsIn(shape: Shape): number {
  return shape.planes.reduce((sum, count) => sum + count, 0);
}

function codeBytesOf(shape: Shape): number {
  return Math.ceil(bitsIn(shape) / 8) + SCALE_BYTES;
}

/** From planes that begin `stride` bytes apart to planes one directly behind the other. */
function gatherPlanes(planes: Uint8Array, stride: number, { planes: counts }: Shape, code: Uint8Array): void {
  let bit = 0;
  for (const [nth, count] of counts.entries()) {
    const plane = planes.subarray(nth * stride, nth * stride + Math.ceil(count / 8));
    if (bit % 8 === 0) code.set(plane, bit / 8);
    else for (let at = 0; at < count; at += 8) putBits(code, bit + at, Math.min(8, count - at), plane[at / 8] as number);
    bit += count;
  }
}

/** With signs; the scale is not in it. `planes` of bits, the first bit of each in the lowest bit of its first byte. */
export function valuesIn({ parts, planes: counts }: Shape, dim: number, planes: readonly Uint8Array[]): Float32Array {
  const places = new Uint8Array(dim);
  for (const [nth, count] of counts.entries()) {
    const plane = planes[nth] as Uint8Array;
    if (nth > 0)
      for (let at = 0; at < count; at++) places[at] = 2 * (places[at] as number) + (((plane[at >>> 3] as number) >>> (at & 7)) & 1);
  }
  const signs = planes[0] as Uint8Array;
  const values = new Float32Array(dim);
  for (const { from, count, codebook } of parts)
    for (let at = from; at < from + count; at++) {
      const value = codebook.centroids[places[at] as number] as number;
      values[at] = (((signs[at >>> 3] as number) >>> (at & 7)) & 1) === 1 ? -value : value;
    }
  return values;
}

/** The planes of a code, each from the lowest bit of a byte on. */
function planesOf({ planes: counts }: Shape, code: Uint8Array): readonly Uint8Array[] {
  let bit = 0;
  return counts.map((count) => {
    const from = bit;
    bit += count;
    if (from % 8 === 0) return code.subarray(from / 8);
    return Uint8Array.from({ length: Math.ceil(count / 8) }, (_, at) => bitsAt(code, from + 8 * at, 8));
  });
}

function checked(code: Uint8Array, scaleAt: number): Uint8Array {
  checkCode(code, scaleAt + SCALE_BYTES);
  return code;
}

function scaleOf(code: Uint8Array, scaleAt: number): number {
  const found = new DataView(code.buffer, code.byteOffset + scaleAt, SCALE_BYTES).getFloat32(0, true);
  if (!Number.isFinite(found)) throw new TurboQuantError("bad-code", "the scale of a code is no number", "Its bytes were changed.");
  return found;
}

/** Zeros behind the last bit of the last plane, where bits that were cut off and the old scale stood. */
function clearTail(code: Uint8Array, shape: Shape): void {
  const bits = bitsIn(shape);
  const last = bits >>> 3;
  if (bits % 8 !== 0) code[last] = (code[last] as number) & ((1 << (bits & 7)) - 1);
  code.fill(0, Math.ceil(bits / 8));
}

/**
 * What the scale of a code is multiplied with when coarser values take the place of its own. The rotated vector itself is gone; what it has in common with the coarser values is taken for
 * what the finer ones have in common with them, which it is on average.
 */
export function truncatedFactor(mode: ScaleMode, finer: Float32Array, coarser: Float32Array): number {
  if (mode === "raw") return 1;
  const both = dot(finer, coarser);
  if (mode === "unbiased") return dot(finer, finer) / both;
  return mode === "mse" ? both / dot(coarser, coarser) : Math.sqrt(dot(finer, finer) / dot(coarser, coarser));
}
