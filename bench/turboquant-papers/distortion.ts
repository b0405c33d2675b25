/** What codes of random vectors are off by, as the papers measure it. */
import { createQuantizer } from "../../packages/turboquant/src/index.ts";
import { createInnerProductQuantizer, createPolarQuantizer, type SketchKind } from "../../packages/turboquant/src/papers/index.ts";
import { createAbsmax, type VectorCoder } from "../absmax.ts";
import { trainProductQuantizer } from "../product-quantizer.ts";
import { toLengthOne } from "../turboquant/data.ts";
import { createNormalDraws } from "../turboquant/normal-draws.ts";

/** The papers' fine values, for 1 to 4 bits, as printed. */
export const PRINTED = { squared: [0.36, 0.117, 0.03, 0.009], innerProduct: [1.57, 0.56, 0.18, 0.047] } as const;

const OF = { vectors: 1, queries: 2, learning: 3 } as const;
/** Of a pair that is alike: noise of 0.4 times the length is added. */
const CORRELATION = 1 / Math.sqrt(1.16);
const COORDINATES = 600_000;
/** Each vector with as many queries; fewer vectors, as each is worth as many. */
const [PAIRED_COORDINATES, QUERIES] = [240_000, 40];
/** Matrices of every kind are drawn anew so often. */
const SEEDS = 6;

export function unitVector(dim: number, stream: number, row: number): Float32Array {
  const vector = new Float32Array(dim);
  createNormalDraws(11, stream, row).addTo(vector, 1);
  toLengthOne(vector);
  return vector;
}

/** Mean squared error of unit vectors. */
export function squaredError(dim: number, coder: VectorCoder): number {
  const count = Math.ceil(COORDINATES / dim);
  let sum = 0;
  for (let row = 0; row < count; row++) {
    const vector = unitVector(dim, OF.vectors, row);
    const found = coder.decode(coder.encode(vector));
    for (const [at, value] of vector.entries()) sum += (value - (found[at] as number)) ** 2;
  }
  return sum / count;
}

export interface InnerProductFigures {
  /** Of pairs that are alike: estimates on truths. */
  readonly slope: number;
  /** Mean squared error of unit vectors that have nothing in common, times the dimension. */
  readonly error: number;
}

export function innerProducts(dim: number, coderOf: (seed: number) => VectorCoder): InnerProductFigures {
  const count = Math.ceil(PAIRED_COORDINATES / dim / SEEDS);
  const sums = { truth: 0, both: 0, error: 0 };
  for (let seed = 0; seed < SEEDS; seed++) {
    const coder = coderOf(seed);
    const others = Array.from({ length: QUERIES }, (_, nth) => unitVector(dim, OF.queries, seed * QUERIES + nth));
    const queries = others.map((other) => coder.query(other));
    for (let row = 0; row < count; row++) {
      const vector = unitVector(dim, OF.vectors, seed * count + row);
      const code = coder.encode(vector);
      for (const [nth, query] of queries.entries()) sums.error += (query.dot(code) - dot(vector, others[nth] as Float32Array)) ** 2;
      const noise = Math.sqrt(1 - CORRELATION ** 2);
      const other = others[row % QUERIES] as Float32Array;
      const alike = vector.map((value, at) => CORRELATION * value + noise * (other[at] as number));
      const truth = dot(vector, alike);
      sums.truth += truth * truth;
      sums.both += truth * coder.query(alike).dot(code);
    }
  }
  return { slope: sums.both / sums.truth, error: (dim * sums.error) / (SEEDS * count * QUERIES) };
}

export const published = (dim: number, bits: number, sketch: SketchKind): InnerProductFigures =>
  innerProducts(dim, (seed) => createInnerProductQuantizer({ dim, bits, seed, sketch }));

export const plain = (dim: number, bits: number): InnerProductFigures => innerProducts(dim, (seed) => createQuantizer({ dim, bits, seed }));

/** What theory says of inner products as published: pi/2 of what one bit less leaves over. */
export function publishedTheory(dim: number, bits: number): number {
  return (Math.PI / 2) * (bits === 1 ? 1 : createQuantizer({ dim, bits: bits - 1 }).distortion);
}

export interface AtFourBits {
  readonly name: string;
  readonly coder: VectorCoder;
}

const LEARNT_FROM = 4096;

export function aboutFourBits(dim: number): readonly AtFourBits[] {
  const matrix = new Float32Array(LEARNT_FROM * dim);
  for (let row = 0; row < LEARNT_FROM; row++) matrix.set(unitVector(dim, OF.learning, row), row * dim);
  return [
    { name: "PolarQuant, 4 + 2 + 2 + 2 bits, lengths of 16", coder: createPolarQuantizer({ dim }) },
    { name: "codec, 3 bits", coder: createQuantizer({ dim, bits: 3, scale: "raw" }) },
    { name: "codec, 3.875 bits", coder: createQuantizer({ dim, bits: 3.875, scale: "raw" }) },
    { name: "codec, 4 bits", coder: createQuantizer({ dim, bits: 4, scale: "raw" }) },
    { name: "absmax integers, 4 bits", coder: createAbsmax({ dim, bits: 4 }) },
    { name: "product quantiser, 8 bits for two", coder: trainProductQuantizer(matrix, dim, { subspaces: dim / 2, bits: 8 }) },
  ];
}

function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (const [at, value] of left.entries()) sum += value * (right[at] as number);
  return sum;
}
