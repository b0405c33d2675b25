/**
 * What a width does to somebody's own vectors: some of a sample are asked for and not stored, the others are encoded; what is found among their
 * codes is laid beside what is nearest by the vectors themselves, and beside what theory says would be found.
 *
 * Theory: of a vector x, or what is left of it without the centre, a code keeps x + e. The unbiased scale makes e orthogonal to x, of squared length
 * |x|^2 D / (1 - D), in a direction that the rotation drew. So a score errs by a normal number of variance D / (1 - D) (|x|^2 |q|^2 - <q,x>^2) / (d - 1).
 */
import { createQuantizer } from "../codec/quantizer.ts";
import { dotAt, dotsOfFour } from "./metric.ts";
import { createNormalDraws } from "./normal-draws.ts";

/** How many nearest ones a search is for, here and in what others publish. */
export const NEAREST = 10;
/** As many as an exact second look would take from a disk. */
export const LOOKED_AT = 40;

/** One width. */
export interface Quality {
  readonly bits: number;
  /** Of one vector. */
  readonly bytes: number;
  /** Squared length of what is lost, of that of the vector: measured, and what theory says. */
  readonly error: number;
  readonly expectedError: number;
  /** Of the ten nearest, the share among the first ten found, and among the first forty: measured, and what theory says. */
  readonly recall: number;
  readonly recallLookedAt: number;
  readonly expectedRecall: number;
  readonly expectedRecallLookedAt: number;
}

export interface Exam {
  readonly dim: number;
  readonly stored: number;
  readonly queries: number;
  /** `center` is taken off each vector before it is encoded. */
  measure(bits: number, center?: Float32Array): Quality;
}

/** A score below the last of the nearest ones by no more than this is as good: the rounding of two sums. */
const SAME = 1e-6;

/** `vectors` as they are compared (`compared`), in an order drawn at random: the first `queries` are asked for. */
export function createExam(dim: number, vectors: readonly Float32Array[], queries: number, seed = 0): Exam {
  const asked = vectors.slice(0, queries);
  const stored = vectors.slice(queries);
  const exact = matrixOf(dim, stored);
  const truths = scoresOf(asked, exact, dim);
  const bars = truths.map((scores) => {
    const last = scores[best(scores, NEAREST).at(-1) ?? 0] ?? 0;
    return last - SAME * Math.abs(last);
  });
  const recallOf = (scores: readonly Float64Array[]): { readonly first: number; readonly lookedAt: number } => {
    let [first, lookedAt] = [0, 0];
    for (const [at, of] of scores.entries()) {
      const hits = best(of, LOOKED_AT).map((place) => ((truths[at] as Float64Array)[place] as number) >= (bars[at] as number));
      first += Math.min(NEAREST, hits.slice(0, NEAREST).filter(Boolean).length);
      lookedAt += Math.min(NEAREST, hits.filter(Boolean).length);
    }
    const all = Math.max(1, asked.length * Math.min(NEAREST, stored.length));
    return { first: first / all, lookedAt: lookedAt / all };
  };
  return {
    dim,
    stored: stored.length,
    queries: asked.length,
    measure: (bits, center) => {
      const quantizer = createQuantizer({ dim, bits, seed, ...(center === undefined ? {} : { center }) });
      const decoded = matrixOf(
        dim,
        stored.map((vector) => quantizer.decode(quantizer.encode(vector))),
      );
      const spread = quantizer.distortion / (1 - quantizer.distortion);
      const left = center === undefined ? exact : without(exact, center);
      const found = recallOf(scoresOf(asked, decoded, dim));
      const expected = recallOf(noisyScores(truths, asked, left, center === undefined ? truths : scoresOf(asked, left, dim), spread, seed));
      return {
        bits,
        bytes: quantizer.codeBytes,
        error: squaredDistance(exact, decoded) / Math.max(Number.MIN_VALUE, dotAt(exact, 0, exact, 0, exact.length)),
        expectedError:
          (spread * dotAt(left, 0, left, 0, left.length)) / Math.max(Number.MIN_VALUE, dotAt(exact, 0, exact, 0, exact.length)),
        recall: found.first,
        recallLookedAt: found.lookedAt,
        expectedRecall: expected.first,
        expectedRecallLookedAt: expected.lookedAt,
      };
    },
  };
}

function matrixOf(dim: number, rows: readonly Float32Array[]): Float32Array {
  const matrix = new Float32Array(rows.length * dim);
  for (const [at, row] of rows.entries()) matrix.set(row, at * dim);
  return matrix;
}

function without(matrix: Float32Array, center: Float32Array): Float32Array {
  return matrix.map((value, at) => value - (center[at % center.length] as number));
}

/** Of each query with each row. */
function scoresOf(queries: readonly Float32Array[], matrix: Float32Array, dim: number): readonly Float64Array[] {
  const rows = matrix.length / dim;
  const scores = queries.map(() => new Float64Array(rows));
  let from = 0;
  for (; from + 3 < queries.length; from += 4) dotsOfFour(queries.slice(from, from + 4), matrix, dim, scores.slice(from, from + 4));
  for (; from < queries.length; from++)
    for (let row = 0; row < rows; row++)
      (scores[from] as Float64Array)[row] = dotAt(queries[from] as Float32Array, 0, matrix, row * dim, dim);
  return scores;
}

/** What the scores would be by theory; `left` is what is encoded of each row, `dots` the scores of that. */
function noisyScores(
  truths: readonly Float64Array[],
  queries: readonly Float32Array[],
  left: Float32Array,
  dots: readonly Float64Array[],
  spread: number,
  seed: number,
): readonly Float64Array[] {
  const dim = queries[0]?.length ?? 0;
  const normal = createNormalDraws(seed + 1);
  const squares = Float64Array.from({ length: left.length / dim }, (_, row) => dotAt(left, row * dim, left, row * dim, dim));
  const each = Math.sqrt(spread / (dim - 1));
  return truths.map((truth, at) => {
    const query = queries[at] as Float32Array;
    const square = dotAt(query, 0, query, 0, dim);
    const along = dots[at] as Float64Array;
    return truth.map((score, row) => {
      const across = (squares[row] as number) * square - (along[row] as number) ** 2;
      return score + each * Math.sqrt(Math.max(0, across)) * normal();
    });
  });
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

function squaredDistance(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < left.length; at++) sum += ((left[at] as number) - (right[at] as number)) ** 2;
  return sum;
}
