/**
 * What passes between an index and its file: vectors of one quantizer, by columns.
 *
 * The code of a vector is planes of bits: plane 0 has the sign of every rotated coordinate, plane 1 the most significant bit of the place of its
 * magnitude in the positive half of the codebook, and so on. With a width of two and a half the first half of the coordinates has a bit more, so the last
 * plane is shorter. Fewer planes are the same vector at fewer bits, with another scale.
 */
import type { ScaleMode } from "../codec/encoder.ts";

/** Numbers: safe integers from 0 on. Strings: well-formed, at most MOST_ID_BYTES of UTF-8. */
export type VectorId = number | string;

export interface SegmentColumns {
  /** Vectors: 1 to MOST_ROWS; 0 only where all of a stored segment were removed. */
  readonly count: number;
  /** Per coordinate, 1 to 8, also between whole numbers. */
  readonly bits: number;
  /** What they were first encoded with: `bits` unless they were truncated. */
  readonly from: number;
  /** No two are the same. */
  readonly ids: readonly VectorId[];
  readonly scales: Float32Array;
  /** Plane after plane; each has a row for every vector, of whole bytes, the lowest bit of each byte first; bits behind the last coordinate are zero. */
  readonly planes: readonly Uint8Array[];
  /** `count * dim`, where the index keeps what was encoded. */
  readonly originals?: Float32Array;
}

/** What holds for a whole index. */
export interface IndexHeader {
  readonly dim: number;
  /** Of vectors that were not truncated. */
  readonly bits: number;
  readonly from: number;
  readonly seed: bigint;
  readonly scale: ScaleMode;
  readonly metric: Metric;
  /** Subtracted before encoding. */
  readonly center?: Float32Array;
  /** Whether every segment has its originals. */
  readonly originals: boolean;
}

/** For whoever asks for it: what they write into theirs changes nothing here. */
export function headerCopy(header: IndexHeader): IndexHeader {
  return header.center === undefined ? { ...header } : { ...header, center: header.center.slice() };
}

export type Metric = "cosine" | "dot";

/** Of a segment: enough that what a segment needs beside its vectors is nothing, few enough that it is read and written at once. */
export const MOST_ROWS = 4096;
export const MOST_ID_BYTES = 1024;

/** Coordinates of each plane of a code. */
export function planeCoordinates(dim: number, bits: number): readonly number[] {
  const whole = Math.floor(bits);
  const more = Math.round((bits - whole) * dim);
  return [...new Array<number>(whole).fill(dim), ...(more > 0 ? [more] : [])];
}

/** Of one vector in a plane. */
export function rowBytes(coordinates: number): number {
  return Math.ceil(coordinates / 8);
}
