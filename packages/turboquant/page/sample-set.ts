/** A made-up set that behaves as embeddings do: all share a direction, many share a topic, and each says something of its own. */
import { createNormalDraws } from "../src/measuring/normal-draws.ts";

const DIM = 384;
const COUNT = 5000;
const TOPICS = 60;
/** Squared lengths of what all share and what a topic shares, beside one of its own. */
const SHARED = 0.35;
const TOPICAL = 1.1;

export interface SampleSet {
  readonly dim: number;
  readonly rows: readonly Float32Array[];
}

export function sampleSet(seed = 1): SampleSet {
  const normal = createNormalDraws(seed);
  const drawn = (square: number): Float32Array => Float32Array.from({ length: DIM }, () => normal() * Math.sqrt(square / DIM));
  const shared = drawn(SHARED);
  const topics = Array.from({ length: TOPICS }, () => drawn(TOPICAL));
  const rows = Array.from({ length: COUNT }, (_, row) => {
    const topic = topics[row % TOPICS] as Float32Array;
    return drawn(1).map((own, at) => own + (shared[at] as number) + (topic[at] as number));
  });
  return { dim: DIM, rows };
}
