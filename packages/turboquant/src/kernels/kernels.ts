/**
 * The arithmetic of codes, on one piece of memory: addresses and sizes are in bytes, coordinates are 32-bit floats. There are three of a kind, which leave the same bytes behind:
 * plain TypeScript, which is what is meant by correct, and WebAssembly with SIMD and with relaxed SIMD (kernels/assembly says how each does it).
 */
export interface Kernels {
  readonly kind: KernelKind;
  readonly memory: Memory;

  /** Of `count` coordinates, a multiple of four, in four running sums. */
  sumOfSquares(at: number, count: number): number;
  /** Each coordinate times a 64-bit float. `count` is a multiple of four. */
  multiply(at: number, count: number, factor: number): void;
  /** Each coordinate times a 32-bit float. */
  scale(at: number, count: number, factor: number): void;
  /** Flips the sign where `signs` has the uppermost bit of a 32-bit number, then Sylvester's matrix on blocks of `block` coordinates, a power of two of at least four. */
  signedSylvester(at: number, size: number, block: number, signs: number): void;
  /** Paley's matrix of 12 on coordinates `step` bytes apart, for as many as `step` holds. */
  across12(at: number, step: number): void;
  across20(at: number, step: number): void;
  /** The place of each magnitude among 2^width borders, of which the last is without end, a byte each; and its value among 2^width centroids. `buckets` of `bucketsOf`, `last` the last of them. */
  place(
    at: number,
    count: number,
    width: number,
    borders: number,
    centroids: number,
    buckets: number,
    last: number,
    places: number,
    values: number,
  ): void;
  /** Sums of squared values, of values times magnitudes, and of squared magnitudes: three 64-bit floats at `out`. `count` is a multiple of four. */
  scaleSums(turned: number, values: number, count: number, out: number): void;
  /** A bit for each coordinate below zero. Whole groups of sixteen are read and written. */
  signPlane(at: number, count: number, out: number): void;
  /** A bit of each place. Whole groups of sixteen are read and written. */
  bitPlane(places: number, count: number, bit: number, out: number): void;

  /** How many of the first signs of each row differ from those of the query: 16-bit numbers. Rows are `stride` bytes apart; `bytes` of each are looked at, a multiple of eight. */
  hamming(rows: number, stride: number, bytes: number, count: number, query: number, out: number): void;
  /**
   * Sums of what the signs of each row choose among the numbers of a table: 16-bit numbers. `lots`: of 32 rows, behind one another, in which the first bytes of all rows stand first. `columns`: bytes of a
   * row, a multiple of four. `table`: for each byte 16 numbers of 0 to 31 for its lower four signs, and 16 for its upper ones.
   */
  look(rows: number, columns: number, lots: number, table: number, out: number): void;
  /** Copies the signs of rows that stand in lots to where they stand behind one another, from `out` on. The first of the two addresses that `list` has for each row becomes that of the copy. */
  gather(list: number, count: number, columns: number, out: number): void;
  /** Sums become keys: `base - slope * scale * (none - step * sum)`, cut to 0 and `most`, in 32-bit floats. `count` is a multiple of four. */
  weigh(keys: number, scales: number, count: number, none: number, step: number, base: number, slope: number, most: number): void;
  /** Adds one to the 32-bit count of each key that is at most `most`. `count` is a multiple of eight. */
  histogram(keys: number, count: number, counts: number, most: number): void;
  /** Where keys from `least` to `most` are, as 32-bit numbers at `out`; how many. `count` is a multiple of eight. */
  collect(keys: number, count: number, least: number, most: number, out: number): number;
  /** Reads `bytes` from the second address of each of a list on, so that they are near. What it gives back says nothing. */
  fetch(list: number, count: number, bytes: number): number;
  /** Adds inner products of bytes to 32-bit numbers at `out`. At most three planes besides the signs; `laneOf` has the order of the query. */
  dotsOfBytes(
    list: number,
    count: number,
    query: number,
    from: number,
    to: number,
    planes: number,
    stride: number,
    table: number,
    out: number,
  ): void;
  /** The same with 16-bit numbers and any number of planes; `room` has sixteen bytes. */
  dotsOfWords(
    list: number,
    count: number,
    query: number,
    from: number,
    to: number,
    planes: number,
    stride: number,
    table: number,
    room: number,
    out: number,
  ): void;
}

export type KernelKind = "relaxed" | "simd" | "plain";

/** What `WebAssembly.Memory` is as well. */
export interface Memory {
  /** Another one after `grow`. */
  readonly buffer: ArrayBuffer;
  /** By pages of 64 KiB. */
  grow(pages: number): void;
}

/** Of a coordinate of length one. A power of two, so that the bucket of a magnitude follows without rounding. */
const FINENESS = 128;

/**
 * Leads from a magnitude near its place among `borders`: a byte for each stretch of 1/128, with how many borders lie below the stretch. Within one lies seldom more than a border: those
 * of the finest codebook are twice as far apart, but for few dimensions.
 */
export function bucketsOf(borders: Float32Array): Uint8Array {
  const count = stretchOf(borders.at(-1) ?? 0) + 2;
  const buckets = new Uint8Array(count);
  for (const border of borders) for (let at = stretchOf(border) + 1; at < count; at++) buckets[at] = (buckets[at] as number) + 1;
  return buckets;
}

/** The bucket of a magnitude. */
export function bucketOf(magnitude: number, last: number): number {
  return Math.min(stretchOf(magnitude), last);
}

function stretchOf(magnitude: number): number {
  return Math.floor(magnitude * FINENESS);
}

/** Where a coordinate stands in a query: 0, 8, 1, 9 .. 7, 15 within its group of sixteen. */
export function laneOf(coordinate: number): number {
  const nth = coordinate & 15;
  return coordinate - nth + ((nth & 7) << 1) + (nth >>> 3);
}
