import { PALEY } from "../codec/paley.ts";
import { bucketOf, type Kernels, laneOf, type Memory } from "./kernels.ts";

const PAGE_BYTES = 65_536;
const OUT_OF_QUESTION = 65_535;
/** Of which signs stand together. */
const LOT_ROWS = 32;

/** Memory where there is no WebAssembly. */
function createPlainMemory(): Memory {
  let buffer = new ArrayBuffer(PAGE_BYTES);
  return {
    get buffer() {
      return buffer;
    },
    grow: (pages) => {
      const larger = new ArrayBuffer(buffer.byteLength + pages * PAGE_BYTES);
      new Uint8Array(larger).set(new Uint8Array(buffer));
      buffer = larger;
    },
  };
}

/** What is meant by correct: every other kind leaves the same bytes behind. */
export function createPlainKernels(): Kernels {
  const memory = createPlainMemory();
  const floats = (at: number, count: number): Float32Array => new Float32Array(memory.buffer, at, count);
  const bytes = (at: number, count: number): Uint8Array => new Uint8Array(memory.buffer, at, count);
  const shorts = (at: number, count: number): Uint16Array => new Uint16Array(memory.buffer, at, count);

  const paley = (rows: readonly Int8Array[], at: number, step: number): void => {
    const block = step / 4;
    const vector = floats(at, block * rows.length);
    const before = new Float32Array(rows.length);
    for (let column = 0; column < block; column++) {
      for (let row = 0; row < rows.length; row++) before[row] = vector[row * block + column] as number;
      for (let row = 0; row < rows.length; row++) vector[row * block + column] = signedSum(rows[row] as Int8Array, before);
    }
  };

  return {
    kind: "plain",
    memory,
    sumOfSquares: (at, count) => {
      const sums = new Float64Array(4);
      const vector = floats(at, count);
      for (let nth = 0; nth < count; nth++) sums[nth & 3] = (sums[nth & 3] as number) + (vector[nth] as number) ** 2;
      return sumOfFour(sums);
    },
    multiply: (at, count, factor) => {
      const vector = floats(at, count);
      for (let nth = 0; nth < count; nth++) vector[nth] = (vector[nth] as number) * factor;
    },
    scale: (at, count, factor) => {
      const vector = floats(at, count);
      for (let nth = 0; nth < count; nth++) vector[nth] = (vector[nth] as number) * factor;
    },
    signedSylvester: (at, size, block, signs) => {
      const vector = floats(at, size);
      const turned = new Int32Array(memory.buffer, signs, size);
      for (let nth = 0; nth < size; nth++) if ((turned[nth] as number) < 0) vector[nth] = -(vector[nth] as number);
      for (let half = 1; half < block; half *= 2)
        for (let from = 0; from < size; from += 2 * half)
          for (let nth = from; nth < from + half; nth++) {
            const left = vector[nth] as number;
            const right = vector[nth + half] as number;
            vector[nth] = left + right;
            vector[nth + half] = left - right;
          }
    },
    across12: (at, step) => paley(PALEY[12], at, step),
    across20: (at, step) => paley(PALEY[20], at, step),
    place: (at, count, width, borders, centroids, buckets, last, places, values) => {
      const vector = floats(at, count);
      const border = floats(borders, 2 ** width);
      const centroid = floats(centroids, 2 ** width);
      const bucket = bytes(buckets, last + 1);
      const [found, value] = [bytes(places, count), floats(values, count)];
      for (let nth = 0; nth < count; nth++) {
        const magnitude = Math.abs(vector[nth] as number);
        let place = bucket[bucketOf(magnitude, last)] as number;
        while (magnitude > (border[place] as number)) place++;
        found[nth] = place;
        value[nth] = centroid[place] as number;
      }
    },
    scaleSums: (turned, values, count, out) => {
      const [vector, value] = [floats(turned, count), floats(values, count)];
      const sums = [new Float64Array(4), new Float64Array(4), new Float64Array(4)] as const;
      for (let nth = 0; nth < count; nth++) {
        const magnitude = Math.abs(vector[nth] as number);
        const taken = value[nth] as number;
        const lane = nth & 3;
        sums[0][lane] = (sums[0][lane] as number) + taken * taken;
        sums[1][lane] = (sums[1][lane] as number) + taken * magnitude;
        sums[2][lane] = (sums[2][lane] as number) + magnitude * magnitude;
      }
      new Float64Array(memory.buffer, out, 3).set(sums.map(sumOfFour));
    },
    signPlane: (at, count, out) => {
      const vector = floats(at, toSixteen(count));
      const plane = bytes(out, toSixteen(count) / 8).fill(0);
      for (const [nth, value] of vector.entries()) if (value < 0) plane[nth >>> 3] = (plane[nth >>> 3] as number) | (1 << (nth & 7));
    },
    bitPlane: (places, count, bit, out) => {
      const plane = bytes(out, toSixteen(count) / 8).fill(0);
      for (const [nth, place] of bytes(places, toSixteen(count)).entries())
        plane[nth >>> 3] = (plane[nth >>> 3] as number) | (((place >>> bit) & 1) << (nth & 7));
    },

    hamming: (rows, stride, length, count, query, out) => {
      const [signs, asked, found] = [bytes(rows, stride * count), bytes(query, stride), shorts(out, count)];
      for (let row = 0; row < count; row++) found[row] = distance(signs, row * stride, asked, 0, length);
    },
    look: (rows, columns, lots, table, out) => {
      const [signs, choices, sums] = [bytes(rows, lots * LOT_ROWS * columns), bytes(table, 32 * columns), shorts(out, lots * LOT_ROWS)];
      for (let row = 0; row < sums.length; row++) {
        const first = Math.floor(row / LOT_ROWS) * LOT_ROWS * columns + (row % LOT_ROWS);
        let sum = 0;
        for (let column = 0; column < columns; column++) {
          const eight = signs[first + LOT_ROWS * column] as number;
          sum += (choices[32 * column + (eight & 15)] as number) + (choices[32 * column + 16 + (eight >>> 4)] as number);
        }
        sums[row] = sum;
      }
    },
    gather: (list, count, columns, out) => {
      const [all, rows] = [new Uint8Array(memory.buffer), new Uint32Array(memory.buffer, list, 2 * count)];
      for (let nth = 0; nth < count; nth++) {
        const [from, to] = [rows[2 * nth] as number, out + nth * columns];
        for (let column = 0; column < columns; column++) all[to + column] = all[from + LOT_ROWS * column] as number;
        rows[2 * nth] = to;
      }
    },
    weigh: (keys, scales, count, none, step, base, slope, most) => {
      const [key, scale] = [shorts(keys, count), floats(scales, count)];
      const [least, by, from, fall] = [Math.fround(none), Math.fround(step), Math.fround(base), Math.fround(slope)];
      for (let nth = 0; nth < count; nth++) {
        const cosine = Math.fround(least - Math.fround(by * (key[nth] as number)));
        const estimate = Math.fround((scale[nth] as number) * cosine);
        key[nth] = Math.max(0, Math.min(most, Math.fround(from - Math.fround(fall * estimate))));
      }
    },
    histogram: (keys, count, counts, most) => {
      const found = new Uint32Array(memory.buffer, counts, most + 1);
      for (const key of shorts(keys, count)) if (key <= most) found[key] = (found[key] as number) + 1;
    },
    collect: (keys, count, least, most, out) => {
      const places = new Uint32Array(memory.buffer, out);
      let found = 0;
      for (const [nth, key] of shorts(keys, count).entries())
        if (key >= least && key <= most && key < OUT_OF_QUESTION) places[found++] = nth;
      return found;
    },
    // Plain code waits for its arithmetic, not for memory.
    fetch: () => 0,
    dotsOfBytes: (list, count, query, from, to, planes, stride, table, out) => {
      const asked = new Int8Array(memory.buffer, query, 16 * to);
      const values = bytes(table, 16);
      addDots(memory, { list, count, from, to, planes, stride, out }, (lane, place, negative) => {
        const value = values[place] as number;
        return (negative ? -value : value) * (asked[lane] as number);
      });
    },
    dotsOfWords: (list, count, query, from, to, planes, stride, table, _room, out) => {
      const asked = new Int16Array(memory.buffer, query, 16 * to);
      const values = new Int16Array(memory.buffer, table, 256);
      addDots(
        memory,
        { list, count, from, to, planes, stride, out },
        (lane, place, negative) => (values[negative ? place + 128 : place] as number) * (asked[lane] as number),
      );
    },
  };
}

interface Dots {
  readonly list: number;
  readonly count: number;
  readonly from: number;
  readonly to: number;
  readonly planes: number;
  readonly stride: number;
  readonly out: number;
}

function addDots({ buffer }: Memory, { list, count, from, to, planes, stride, out }: Dots, product: Product): void {
  const all = new Uint8Array(buffer);
  const codes = new Uint32Array(buffer, list, 2 * count);
  const sums = new Int32Array(buffer, out, count);
  const bitOf = (at: number, coordinate: number): number => ((all[at + (coordinate >>> 3)] as number) >>> (coordinate & 7)) & 1;
  for (let nth = 0; nth < count; nth++) {
    const [signs, rest] = [codes[2 * nth] as number, codes[2 * nth + 1] as number];
    let sum = 0;
    for (let coordinate = 16 * from; coordinate < 16 * to; coordinate++) {
      let place = 0;
      for (let plane = 0; plane < planes; plane++) place = 2 * place + bitOf(rest + plane * stride, coordinate);
      sum += product(laneOf(coordinate), place, bitOf(signs, coordinate) === 1);
    }
    sums[nth] = (sums[nth] as number) + sum;
  }
}

type Product = (lane: number, place: number, negative: boolean) => number;

function signedSum(signs: Int8Array, values: Float32Array): number {
  let sum = 0;
  for (let nth = 0; nth < signs.length; nth++) sum = Math.fround(sum + (signs[nth] as number) * (values[nth] as number));
  return sum;
}

function toSixteen(count: number): number {
  return Math.ceil(count / 16) * 16;
}

function sumOfFour(sums: Float64Array): number {
  return (sums[0] as number) + (sums[1] as number) + ((sums[2] as number) + (sums[3] as number));
}

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => [...byte.toString(2)].filter((bit) => bit === "1").length);

function distance(left: Uint8Array, from: number, right: Uint8Array, start: number, length: number): number {
  let sum = 0;
  for (let at = 0; at < length; at++) sum += ONES[(left[from + at] as number) ^ (right[start + at] as number)] as number;
  return sum;
}
