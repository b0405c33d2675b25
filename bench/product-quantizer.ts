/**
 * Product quantisation (Jegou, Douze, Schmid 2011), a peer for benchmarks: a vector in pieces, each replaced by the nearest of 2^bits that were learned from
 * vectors like it by k-means. A code says which, and nothing else.
 */
import { bitsAt, putBits } from "../packages/turboquant/src/codec/bit-string.ts";
import { createRandomBits, type RandomBits } from "../packages/turboquant/src/codec/random-bits.ts";
import type { VectorCoder } from "./absmax.ts";

export interface ProductQuantizerOptions {
  /** Pieces of equal length: `dim` is a multiple of it. */
  readonly subspaces: number;
  /** Per piece, 1 to 8. */
  readonly bits: number;
  /** Rounds of k-means; 12 unless said. */
  readonly rounds?: number;
  readonly seed?: bigint;
}

/** `matrix`: vectors to learn from, one after the other; at least 2^bits. */
export function trainProductQuantizer(
  matrix: Float32Array,
  dim: number,
  { subspaces, bits, rounds = 12, seed = 0n }: ProductQuantizerOptions,
): VectorCoder {
  const [length, count] = [dim / subspaces, 2 ** bits];
  if (!Number.isInteger(length)) throw new RangeError(`product quantizer: ${dim} coordinates are not ${subspaces} pieces of equal length`);
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 8)) throw new RangeError(`product quantizer: bits is ${bits}, not from 1 to 8`);
  if (matrix.length < count * dim) throw new RangeError(`product quantizer: ${count} vectors are needed to learn from`);
  const random = createRandomBits(seed);
  const books = Array.from({ length: subspaces }, (_, nth) =>
    learn(pieces(matrix, dim, nth * length, length), length, count, rounds, random),
  );
  const nearest = books.map((book) => createNearest(book, length));
  const codeBytes = Math.ceil((subspaces * bits) / 8);
  return {
    codeBytes,
    encode: (vector) => {
      const code = new Uint8Array(codeBytes);
      const all = Float32Array.from(vector);
      for (const [nth, nearestOf] of nearest.entries()) putBits(code, nth * bits, bits, nearestOf(all, nth * length).place);
      return code;
    },
    decode: (code) => {
      const vector = new Float32Array(dim);
      for (const [nth, book] of books.entries()) {
        const from = bitsAt(code, nth * bits, bits) * length;
        vector.set(book.subarray(from, from + length), nth * length);
      }
      return vector;
    },
    query: (vector) => {
      /** Of every piece, its inner product with every value of its book. */
      const table = new Float32Array(subspaces * count);
      for (const [nth, book] of books.entries())
        for (let place = 0; place < count; place++) {
          let sum = 0;
          for (let at = 0; at < length; at++) sum += (book[place * length + at] as number) * (vector[nth * length + at] as number);
          table[nth * count + place] = sum;
        }
      return {
        dot: (code) => {
          let sum = 0;
          for (let nth = 0; nth < subspaces; nth++) sum += table[nth * count + bitsAt(code, nth * bits, bits)] as number;
          return sum;
        },
      };
    },
  };
}

function pieces(matrix: Float32Array, dim: number, from: number, length: number): Float32Array {
  const found = new Float32Array((matrix.length / dim) * length);
  for (let row = 0; row * dim < matrix.length; row++) found.set(matrix.subarray(row * dim + from, row * dim + from + length), row * length);
  return found;
}

/** Lloyd's k-means from points drawn at random. A value that is nearest to none takes the place of the point worst served. */
function learn(points: Float32Array, length: number, count: number, rounds: number, random: RandomBits): Float32Array {
  const pointCount = points.length / length;
  const book = new Float32Array(count * length);
  for (const [place, point] of drawn(pointCount, count, random).entries())
    book.set(points.subarray(point * length, (point + 1) * length), place * length);
  for (let round = 0; round < rounds; round++) {
    const sums = new Float64Array(book.length);
    const sizes = new Uint32Array(count);
    const worst = { point: 0, error: -1 };
    const nearest = createNearest(book, length);
    for (let point = 0; point < pointCount; point++) {
      const { place, error } = nearest(points, point * length);
      if (error > worst.error) Object.assign(worst, { point, error });
      sizes[place] = (sizes[place] as number) + 1;
      for (let at = 0; at < length; at++)
        sums[place * length + at] = (sums[place * length + at] as number) + (points[point * length + at] as number);
    }
    for (let place = 0; place < count; place++) {
      const size = sizes[place] as number;
      for (let at = 0; at < length; at++)
        book[place * length + at] = size > 0 ? (sums[place * length + at] as number) / size : (points[worst.point * length + at] as number);
    }
  }
  return book;
}

/** So many different numbers below `below`. */
function drawn(below: number, count: number, random: RandomBits): readonly number[] {
  const order = Uint32Array.from({ length: below }, (_, at) => at);
  for (let at = 0; at < count; at++) {
    const other = at + Number(random.next() % BigInt(below - at));
    [order[at], order[other]] = [order[other] as number, order[at] as number];
  }
  return [...order.subarray(0, count)];
}

/** The nearest value of a book to the piece of a point that begins there. */
type Nearest = (points: Float32Array, from: number) => { readonly place: number; readonly error: number };

/** Coordinate by coordinate over all values, which engines are best at. */
function createNearest(book: Float32Array, length: number): Nearest {
  const count = book.length / length;
  const columns = Array.from({ length }, (_, at) =>
    Float64Array.from({ length: count }, (_, place) => book[place * length + at] as number),
  );
  const errors = new Float64Array(count);
  return (points, from) => {
    errors.fill(0);
    for (let at = 0; at < length; at++) {
      const column = columns[at] as Float64Array;
      const value = points[from + at] as number;
      for (let place = 0; place < count; place++) {
        const difference = value - (column[place] as number);
        errors[place] = (errors[place] as number) + difference * difference;
      }
    }
    let [place, error] = [0, errors[0] as number];
    for (let other = 1; other < count; other++)
      if ((errors[other] as number) < error) {
        place = other;
        error = errors[other] as number;
      }
    return { place, error };
  };
}
