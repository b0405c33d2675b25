/** What a set of vectors is like, in one pass over it. */

import type { Metric } from "../file/segment.ts";
import type { VectorBatch } from "../reading/vector-file.ts";
import { compared, lengthOf } from "./metric.ts";
import { createSample } from "./sample.ts";

export interface Survey {
  readonly count: number;
  readonly dim: number;
  /** `median` is that of the sample. */
  readonly norms: { readonly least: number; readonly median: number; readonly most: number };
  /** All lengths are one, as near as 32-bit floats say. */
  readonly normalised: boolean;
  readonly zeroRows: number;
  /** Rows equal to one before them, among the first `comparedRows`. */
  readonly duplicates: number;
  readonly comparedRows: number;
  /** Of what is compared: the mean, and which share of the squared error is gone when it is subtracted first. */
  readonly centre: Float32Array;
  readonly centreSaves: number;
  /** Rows drawn at random, in an order drawn at random. */
  readonly sample: readonly Float32Array[];
}

export interface SurveyOptions {
  readonly metric: Metric;
  /** Rows at most. */
  readonly sample: number;
  readonly seed: number;
  readonly onBatch?: (rows: number, bytes: number) => void;
}

/** Of normalised vectors, what rounding may leave. */
const NEAR_ONE = 1e-3;
/** Each row's fingerprint costs some 40 bytes while they are compared. */
const MOST_COMPARED = 1_000_000;

export async function surveyOf(dim: number, batches: AsyncIterable<VectorBatch>, options: SurveyOptions): Promise<Survey> {
  const { metric, onBatch } = options;
  const sample = createSample<Float32Array>(options.sample, options.seed);
  const seen = new Set<number>();
  const sums = new Float64Array(dim);
  let [count, zeroRows, comparedRows, energy] = [0, 0, 0, 0];
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for await (const batch of batches) {
    for (let row = 0; row < batch.count; row++) {
      const vector = batch.values.subarray(row * dim, (row + 1) * dim);
      const length = lengthOf(vector);
      if (length === 0) zeroRows++;
      least = Math.min(least, length);
      most = Math.max(most, length);
      const by = metric === "cosine" && length > 0 ? 1 / length : 1;
      for (let at = 0; at < dim; at++) sums[at] = (sums[at] as number) + (vector[at] as number) * by;
      energy += (length * by) ** 2;
      if (comparedRows < MOST_COMPARED) {
        seen.add(fingerprint(vector));
        comparedRows++;
      }
      sample.offer(() => vector.slice());
    }
    count += batch.count;
    onBatch?.(count, batch.bytesRead);
  }
  const rows = sample.drawn();
  const centre = Float32Array.from(sums, (sum) => sum / Math.max(1, count));
  return {
    count,
    dim,
    norms: { least: count === 0 ? 0 : least, median: medianOf(rows.map(lengthOf)), most },
    normalised: count > 0 && Math.abs(least - 1) < NEAR_ONE && Math.abs(most - 1) < NEAR_ONE,
    zeroRows,
    duplicates: comparedRows - seen.size,
    comparedRows,
    centre,
    centreSaves: energy === 0 ? 0 : Math.min(1, (lengthOf(centre) ** 2 * count) / energy),
    sample: rows.map((row) => compared(row, metric)),
  };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** 53 bits by two multiplications a word: two different rows of a million share one by a chance of 1 in 20,000. */
function fingerprint(vector: Float32Array): number {
  const words = new Uint32Array(vector.buffer, vector.byteOffset, vector.length);
  let high = 0x9747_b28c;
  let low = 0x85eb_ca6b;
  for (let at = 0; at < words.length; at++) {
    // Zero has two signs and is one number.
    const word = words[at] === 0x8000_0000 ? 0 : (words[at] as number);
    high = Math.imul(high ^ word, 0x0100_0193);
    low = Math.imul(low + word, 0x5bd1_e995);
    low ^= low >>> 15;
  }
  return (high >>> 11) * 2 ** 32 + ((low ^ high) >>> 0);
}
