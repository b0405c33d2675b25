/**
 * One index over 1, 2 and 4 threads, beside one without threads, on the same vectors and in turns: queries a second in batches, and the time of a query by itself. What counts are ratios: they
 * say what threads bring on this machine, whose processors may be fewer than threads, or halves of one core.
 */
import { cpus } from "node:os";
import { createVectorIndex, type VectorIndexOptions } from "../packages/turboquant/src/index.ts";
import { createParallelIndex } from "../packages/turboquant/src/node/index.ts";
import { median } from "./measure.ts";
import { createNormalDraws } from "./turboquant/normal-draws.ts";

interface Searched {
  addBatch(ids: readonly number[], matrix: Float32Array): unknown;
  search(query: Float32Array): unknown;
  searchBatch(queries: readonly Float32Array[]): unknown;
  end(): unknown;
}

export interface ThreadFigures {
  /** 0: without threads. */
  readonly threads: number;
  readonly addedPerSecond: number;
  readonly batchedPerSecond: number;
  readonly medianMs: number;
  /** Of each, what it is of that without threads. */
  readonly ratios: { readonly added: number; readonly batched: number; readonly medianMs: number };
}

export interface ThreadsResult {
  readonly processors: number;
  readonly processor: string;
  readonly vectors: number;
  readonly dim: number;
  readonly figures: readonly ThreadFigures[];
}

const OPTIONS: VectorIndexOptions = { dim: 384, bits: 4 };
const SEED = 7;
const TOPICS = 500;
const THREADS = [0, 1, 2, 4];
const ROUNDS = 5;
const QUERIES = { batch: 64, single: 24 } as const;

export async function benchTurboquantThreads({ quick }: { readonly quick: boolean }, say: (line: string) => void): Promise<ThreadsResult> {
  const vectors = quick ? 10_000 : 50_000;
  const matrix = draw(vectors, 1);
  const all = draw(QUERIES.batch, 2);
  const queries = Array.from({ length: QUERIES.batch }, (_, nth) => all.subarray(nth * OPTIONS.dim, (nth + 1) * OPTIONS.dim));
  const ids = Array.from({ length: vectors }, (_, id) => id);
  const contenders: {
    readonly threads: number;
    readonly index: Searched;
    readonly added: number;
    readonly batched: number[];
    readonly ms: number[];
  }[] = [];
  for (const threads of THREADS) {
    const index = await open(threads);
    const began = performance.now();
    await index.addBatch(ids, matrix);
    contenders.push({ threads, index, added: vectors / ((performance.now() - began) / 1000), batched: [], ms: [] });
    await index.searchBatch(queries.slice(0, 8));
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const { index, batched, ms } of contenders) {
      const began = performance.now();
      await index.searchBatch(queries);
      batched.push(QUERIES.batch / ((performance.now() - began) / 1000));
      for (const query of queries.slice(0, QUERIES.single)) {
        const from = performance.now();
        await index.search(query);
        ms.push(performance.now() - from);
      }
    }
  for (const { index } of contenders) await index.end();
  const plain = contenders.map(({ threads, added, batched, ms }) => ({
    threads,
    addedPerSecond: added,
    batchedPerSecond: median(batched),
    medianMs: median(ms),
  }));
  const [alone] = plain as [(typeof plain)[number]];
  const figures = plain.map((each) => ({
    ...each,
    ratios: {
      added: each.addedPerSecond / alone.addedPerSecond,
      batched: each.batchedPerSecond / alone.batchedPerSecond,
      medianMs: each.medianMs / alone.medianMs,
    },
  }));
  const [first] = cpus();
  const processors = cpus().length;
  say(
    `${vectors} vectors of ${OPTIONS.dim}, ${OPTIONS.bits} bits; ${processors} processors (${first?.model ?? "unknown"}), which may be halves of fewer cores`,
  );
  for (const { threads, ratios, batchedPerSecond, medianMs } of figures)
    say(
      `${threads === 0 ? "no threads" : `${threads} threads `}  batches ${ratios.batched.toFixed(2)} of those without (${Math.round(batchedPerSecond)} queries/s), a query ${ratios.medianMs.toFixed(2)} of the time (${medianMs.toFixed(2)} ms), adding ${ratios.added.toFixed(2)}`,
    );
  return { processors, processor: first?.model ?? "unknown", vectors, dim: OPTIONS.dim, figures };
}

async function open(threads: number): Promise<Searched> {
  if (threads === 0) {
    const index = createVectorIndex(OPTIONS);
    return {
      addBatch: (ids, matrix) => index.addBatch(ids, matrix),
      search: (query) => index.search(query),
      searchBatch: (queries) => index.searchBatch(queries),
      end: () => undefined,
    };
  }
  const index = await createParallelIndex({ ...OPTIONS, threads });
  return {
    addBatch: (ids, matrix) => index.addBatch(ids, matrix),
    search: (query) => index.search(query),
    searchBatch: (queries) => index.searchBatch(queries),
    end: () => index[Symbol.asyncDispose](),
  };
}

/** Around topics, as what people write is. */
function draw(count: number, stream: number): Float32Array {
  const matrix = new Float32Array(count * OPTIONS.dim);
  for (let row = 0; row < count; row++) {
    const vector = matrix.subarray(row * OPTIONS.dim, (row + 1) * OPTIONS.dim);
    const draws = createNormalDraws(SEED, stream, row);
    createNormalDraws(SEED, 0, draws.whole(TOPICS)).addTo(vector, 1);
    draws.addTo(vector, 1);
  }
  return matrix;
}
