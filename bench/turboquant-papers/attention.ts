/** What attention makes of keys and values that went through codes, beside what it makes of themselves. */
import type { VectorCoder } from "../absmax.ts";
import { type Context, HEAD } from "./context.ts";

export interface AttentionFigures {
  /** Length of what an output is off by, of its length, on average: with values as they were, and with their codes. */
  readonly errorByKeys: number;
  readonly error: number;
  /** Of the keys that score highest, how many still do. */
  readonly overlap: number;
  /** Of the keys asked for, how many score highest of all. */
  readonly needles: number;
}

export const OVERLAP_OF = 32;

export interface Exact {
  readonly outputs: readonly Float64Array[];
  readonly tops: readonly ReadonlySet<number>[];
  readonly needles: number;
}

export function attendExactly(context: Context): Exact {
  const scores = context.queries.map((query) => scoresOf(context.keys, query));
  return {
    outputs: scores.map((each) => outputOf(each, context.values)),
    tops: scores.map(topOf),
    needles: needlesFound(context, context.keys),
  };
}

export function attendThrough(context: Context, exact: Exact, coders: { keys: VectorCoder; values: VectorCoder }): AttentionFigures {
  const [keys, values] = [throughCodes(context.keys, coders.keys), throughCodes(context.values, coders.values)];
  const sums = { errorByKeys: 0, error: 0, overlap: 0 };
  for (const [nth, query] of context.queries.entries()) {
    const scores = scoresOf(keys, query);
    const truth = exact.outputs[nth] as Float64Array;
    sums.errorByKeys += relativeLength(truth, outputOf(scores, context.values));
    sums.error += relativeLength(truth, outputOf(scores, values));
    for (const at of topOf(scores)) if (exact.tops[nth]?.has(at) === true) sums.overlap++;
  }
  const count = context.queries.length;
  return {
    errorByKeys: sums.errorByKeys / count,
    error: sums.error / count,
    overlap: sums.overlap / (count * OVERLAP_OF),
    needles: needlesFound(context, keys),
  };
}

/** An inner product with a code is that with what is decoded, for every coder here: their tests say so. */
function throughCodes(matrix: Float32Array, coder: VectorCoder): Float32Array {
  const decoded = new Float32Array(matrix.length);
  for (let from = 0; from < matrix.length; from += HEAD) decoded.set(coder.decode(coder.encode(matrix.subarray(from, from + HEAD))), from);
  return decoded;
}

function scoresOf(keys: Float32Array, query: Float32Array): Float64Array {
  return Float64Array.from({ length: keys.length / HEAD }, (_, token) => {
    let sum = 0;
    for (let at = 0, from = token * HEAD; at < HEAD; at++) sum += (keys[from + at] as number) * (query[at] as number);
    return sum / Math.sqrt(HEAD);
  });
}

function outputOf(scores: Float64Array, values: Float32Array): Float64Array {
  const highest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const output = new Float64Array(HEAD);
  let total = 0;
  for (const [token, score] of scores.entries()) {
    const weight = Math.exp(score - highest);
    total += weight;
    for (let at = 0, from = token * HEAD; at < HEAD; at++) output[at] = (output[at] as number) + weight * (values[from + at] as number);
  }
  return output.map((value) => value / total);
}

function topOf(scores: Float64Array): ReadonlySet<number> {
  const least = scores.toSorted()[scores.length - OVERLAP_OF] as number;
  return new Set([...scores.keys()].filter((at) => (scores[at] as number) >= least).slice(0, OVERLAP_OF));
}

function needlesFound({ needles }: Context, keys: Float32Array): number {
  const found = needles.filter(({ at, query }) => {
    const scores = scoresOf(keys, query);
    const own = scores[at] as number;
    return scores.every((score, other) => other === at || score < own);
  });
  return found.length / needles.length;
}

function relativeLength(truth: Float64Array, found: Float64Array): number {
  let [off, all] = [0, 0];
  for (const [at, value] of truth.entries()) {
    off += (value - (found[at] as number)) ** 2;
    all += value ** 2;
  }
  return Math.sqrt(off / all);
}
