/**
 * What a width does to somebody's own vectors: some of a sample are asked for and not stored, the others are encoded; what is found among their
 * codes is laid beside what is nearest by the vectors themselves.
 */
import { createQuantizer } from "../codec/quantizer.ts";
import { dotAt } from "./metric.ts";

/** How many nearest ones a search is for, here and in what others publish. */
export const NEAREST = 10;
/** As many as an exact second look would take from a disk. */
export const LOOKED_AT = 40;

/** One width. */
export interface Quality {
  readonly bits: number;
  /** Of one vector. */
  readonly bytes: number;
  /** Squared length of what is lost, of that of the vector: measured, and what theory says of any vector. */
  readonly error: number;
  readonly expectedError: number;
  /** Of the ten nearest, the share among the first ten found, and among the first forty. */
  readonly recall: number;
  readonly recallLookedAt: number;
}

export interface Exam {
  readonly dim: number;
  readonly stored: number;
  readonly queries: number;
  measure(bits: number): Quality;
}

/** A score below the last of the nearest ones by no more than this is as good: the rounding of two sums. */
const SAME = 1e-6;

/** `vectors` as they are compared (`compared`), in an order drawn at random: the first `queries` are asked for. */
export function createExam(dim: number, vectors: readonly Float32Array[], queries: number, seed = 0): Exam {
  const asked = vectors.slice(0, queries);
  const stored = vectors.slice(queries);
  const exact = matrixOf(dim, stored);
  const bars = asked.map((query) => scoresOf(query, exact, dim));
  const nearest = bars.map((scores) => scores[best(scores, NEAREST).at(-1) ?? 0] ?? 0);
  return {
    dim,
    stored: stored.length,
    queries: asked.length,
    measure: (bits) => {
      const quantizer = createQuantizer({ dim, bits, seed });
      const decoded = matrixOf(
        dim,
        stored.map((vector) => quantizer.decode(quantizer.encode(vector))),
      );
      let [found, lookedAt] = [0, 0];
      for (const [at, query] of asked.entries()) {
        const truth = bars[at] as Float64Array;
        const bar = (nearest[at] as number) - SAME * Math.abs(nearest[at] as number);
        const order = best(scoresOf(query, decoded, dim), LOOKED_AT);
        const hits = order.map((place) => (truth[place] as number) >= bar);
        found += Math.min(NEAREST, hits.slice(0, NEAREST).filter(Boolean).length);
        lookedAt += Math.min(NEAREST, hits.filter(Boolean).length);
      }
      const all = asked.length * Math.min(NEAREST, stored.length);
      return {
        bits,
        bytes: quantizer.codeBytes,
        error: errorOf(exact, decoded),
        expectedError: quantizer.distortion / (1 - quantizer.distortion),
        recall: found / all,
        recallLookedAt: lookedAt / all,
      };
    },
  };
}

function matrixOf(dim: number, rows: readonly Float32Array[]): Float32Array {
  const matrix = new Float32Array(rows.length * dim);
  for (const [at, row] of rows.entries()) matrix.set(row, at * dim);
  return matrix;
}

function scoresOf(query: Float32Array, matrix: Float32Array, dim: number): Float64Array {
  return Float64Array.from({ length: matrix.length / dim }, (_, row) => dotAt(query, 0, matrix, row * dim, dim));
}

/** Places of the largest scores, the largest first. */
export function best(scores: Float64Array, count: number): readonly number[] {
  const places: number[] = [];
  for (let place = 0; place < scores.length; place++) {
    const score = scores[place] as number;
    if (places.length === count && score <= (scores[places[count - 1] as number] as number)) continue;
    let at = Math.min(places.length, count - 1);
    while (at > 0 && (scores[places[at - 1] as number] as number) < score) {
      places[at] = places[at - 1] as number;
      at--;
    }
    places[at] = place;
  }
  return places;
}

function errorOf(exact: Float32Array, decoded: Float32Array): number {
  let [lost, all] = [0, 0];
  for (let at = 0; at < exact.length; at++) {
    lost += ((exact[at] as number) - (decoded[at] as number)) ** 2;
    all += (exact[at] as number) ** 2;
  }
  return all === 0 ? 0 : lost / all;
}
