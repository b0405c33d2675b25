/**
 * Vectors to search in. Each is a function of its number alone, so that no set need stand in memory, and all are of length one: inner
 * product, cosine and distance order them alike, whichever a system has.
 *
 *   syn   as embeddings of texts are: topics in 256 directions of unequal weight, a common mean, a little noise
 *   hard  nothing but noise in every direction: what a code throws away is missed most; half of the queries are a vector with as much noise again
 *   real  1,000 captions by MiniLM-L6, where they lie beside the repository (shared/data/embeddings)
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createNormalDraws, type NormalDraws } from "./normal-draws.ts";
import { createScatter } from "./scatter.ts";

export interface VectorSet {
  readonly name: string;
  readonly dim: number;
  readonly count: number;
  readonly queries: number;
  /** Into a vector of zeros. */
  base(row: number, into: Float32Array): void;
  query(nth: number, into: Float32Array): void;
}

export const QUERIES = 200;
const SEED = 7;
const REAL = fileURLToPath(new URL("../../../shared/data/embeddings/minilm-captions-1000x384.f32", import.meta.url));
const REAL_DIM = 384;

/** Streams of draws that have nothing in common. */
const OF = { topics: 1, base: 2, queries: 3, mean: 4, scatter: 5 } as const;

const LATENT = 256;
/** Directions weigh less and less: rank to this power. */
const FALL = -0.35;
const TOPIC_WEIGHT = 0.7;
const OWN_WEIGHT = 0.7;
const MEAN_LENGTH = 0.6;
const NOISE_LENGTH = 0.25;

export function embeddingLike(name: string, dim: number, count: number, topics: number): VectorSet {
  const weights = latentWeights();
  const topic = Array.from({ length: topics }, (_, nth) => drawLatent(createNormalDraws(SEED, OF.topics, nth), weights));
  const mean = new Float32Array(dim);
  createNormalDraws(SEED, OF.mean, 0).addTo(mean, MEAN_LENGTH / Math.sqrt(dim));
  const scatter = createScatter(dim, createNormalDraws(SEED, OF.scatter, 0));
  const draw = (draws: NormalDraws, into: Float32Array): void => {
    const own = topic[draws.whole(topics)] as Float32Array;
    const latent = drawLatent(draws, weights);
    for (let at = 0; at < LATENT; at++) latent[at] = TOPIC_WEIGHT * (own[at] as number) + OWN_WEIGHT * (latent[at] as number);
    toLengthOne(latent);
    into.set(latent);
    for (let at = 0; at < dim; at++) into[at] = (into[at] as number) + (mean[at] as number);
    draws.addTo(into, NOISE_LENGTH / Math.sqrt(dim));
    scatter(into);
    toLengthOne(into);
  };
  return {
    name,
    dim,
    count,
    queries: QUERIES,
    base: (row, into) => draw(createNormalDraws(SEED, OF.base, row), into),
    query: (nth, into) => draw(createNormalDraws(SEED, OF.queries, nth), into),
  };
}

export function noise(name: string, dim: number, count: number): VectorSet {
  const base = (row: number, into: Float32Array): void => {
    createNormalDraws(SEED, OF.base, row).addTo(into, 1);
    toLengthOne(into);
  };
  return {
    name,
    dim,
    count,
    queries: QUERIES,
    base,
    query: (nth, into) => {
      const draws = createNormalDraws(SEED, OF.queries, nth);
      if (nth % 2 === 0) base(draws.whole(count), into);
      draws.addTo(into, 1 / Math.sqrt(dim));
      toLengthOne(into);
    },
  };
}

/** `undefined` where the file is not there: it is not ours to pass on. */
export function captions(name: string): VectorSet | undefined {
  if (!existsSync(REAL)) return undefined;
  const bytes = readFileSync(REAL);
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const count = all.length / REAL_DIM - QUERIES;
  const copy = (row: number, into: Float32Array): void => into.set(all.subarray(row * REAL_DIM, (row + 1) * REAL_DIM));
  return { name, dim: REAL_DIM, count, queries: QUERIES, base: copy, query: (nth, into) => copy(count + nth, into) };
}

export function toLengthOne(vector: Float32Array): void {
  let sum = 0;
  for (let at = 0; at < vector.length; at++) sum += (vector[at] as number) * (vector[at] as number);
  const factor = 1 / Math.sqrt(sum);
  for (let at = 0; at < vector.length; at++) vector[at] = (vector[at] as number) * factor;
}

/** Their squares add up to one. */
function latentWeights(): Float32Array {
  const weights = Float32Array.from({ length: LATENT }, (_, nth) => (nth + 1) ** FALL);
  toLengthOne(weights);
  return weights;
}

function drawLatent(draws: NormalDraws, weights: Float32Array): Float32Array {
  const latent = new Float32Array(LATENT);
  draws.addTo(latent, 1);
  for (let at = 0; at < LATENT; at++) latent[at] = (latent[at] as number) * (weights[at] as number);
  return latent;
}
