/**
 * What cells do: two indexes of the same vectors, of which one looks at all of them and the other has cells, searched in turns. Times count as ratios; what is found and looked at depends on no clock.
 */
import { createVectorIndex, type VectorIndex } from "../packages/turboquant/src/index.ts";
import { median } from "./measure.ts";
import { embeddingLike } from "./turboquant/data.ts";

const DIM = 384;
const BITS = 8;
/** Vectors of each topic. */
const OF_TOPIC = 100;
const ASKED = [0.9, 0.95, 0.98];
/** Of all vectors, as many as there are when cells begin. */
const CELLS_FROM = 0.3;
const QUERIES = 100;
const ROUNDS = 3;
const NEAREST = 10;
/** For what is truly nearest: codes read by the index that looks at all. */
const TRUTH_CANDIDATES = 4_000;

interface Contender {
  readonly name: "all" | "cells";
  readonly index: VectorIndex;
  addMs: number;
  longestAddMs: number;
}

export interface CellsWay {
  readonly asked: number;
  /** Of the nearest as the codes have them. */
  readonly recall: number;
  readonly expected: number;
  /** Of all vectors, those whose signs were looked at. */
  readonly looked: number;
  readonly medianMs: number;
  /** Of what looking at all takes. */
  readonly timeRatio: number;
}

export interface CellsResult {
  readonly vectors: number;
  readonly dim: number;
  readonly bits: number;
  readonly topics: number;
  readonly cells: number;
  readonly addedPerSecond: { readonly all: number; readonly cells: number };
  readonly longestAddMs: { readonly all: number; readonly cells: number };
  /** Of what an index without cells takes. */
  readonly memoryRatio: number;
  readonly ways: { readonly all: readonly CellsWay[]; readonly cells: readonly CellsWay[] };
}

export async function benchTurboquantCells({ quick }: { readonly quick: boolean }, say: (line: string) => void): Promise<CellsResult> {
  const vectors = quick ? 100_000 : 1_000_000;
  const topics = vectors / OF_TOPIC;
  const set = embeddingLike("cells", DIM, vectors, topics);
  const [all, cells] = [contender("all", Number.MAX_SAFE_INTEGER), contender("cells", CELLS_FROM * vectors)];
  const vector = new Float32Array(DIM);
  for (let row = 0; row < vectors; row++) {
    vector.fill(0);
    set.base(row, vector);
    add(all, row, vector);
    add(cells, row, vector);
  }
  const perSecond = ({ addMs }: Contender): number => Math.round(vectors / (addMs / 1000));
  const memoryRatio = bytesOf(cells) / bytesOf(all);
  say(
    `${vectors} vectors of ${DIM}, ${BITS} bits, of ${topics} topics, in ${cells.index.stats().cells} cells: memory ${memoryRatio.toFixed(3)} of that without`,
  );
  for (const each of [all, cells])
    say(`${each.name.padEnd(6)} ${perSecond(each)} added a second, the longest in ${each.longestAddMs.toFixed(0)} ms`);
  const queries = Array.from({ length: QUERIES }, (_, nth) => {
    const query = new Float32Array(DIM);
    set.query(nth, query);
    return query;
  });
  const truth = queries.map(
    (query) => new Set(all.index.search(query, { k: NEAREST, candidates: TRUTH_CANDIDATES }).hits.map(({ id }) => id)),
  );
  const ways = { all: [] as CellsWay[], cells: [] as CellsWay[] };
  for (const asked of ASKED) {
    const ms = { all: [] as number[], cells: [] as number[] };
    for (let round = 0; round < ROUNDS; round++)
      for (const { name, index } of [all, cells])
        for (const query of queries) {
          const began = performance.now();
          index.search(query, { k: NEAREST, recall: asked });
          ms[name].push(performance.now() - began);
        }
    for (const { name, index } of [all, cells]) {
      const results = queries.map((query) => index.search(query, { k: NEAREST, recall: asked }));
      const mean = (of: (nth: number) => number): number => results.reduce((sum, _, nth) => sum + of(nth), 0) / QUERIES;
      const way: CellsWay = {
        asked,
        recall: mean((nth) => (results[nth]?.hits.filter(({ id }) => truth[nth]?.has(id)).length ?? 0) / NEAREST),
        expected: mean((nth) => results[nth]?.expectedRecall ?? 0),
        looked: mean((nth) => (results[nth]?.looked ?? 0) / vectors),
        medianMs: median(ms[name]),
        timeRatio: median(ms[name]) / median(ms.all),
      };
      ways[name].push(way);
      say(
        `${name.padEnd(6)} asked ${asked}  found ${way.recall.toFixed(3)}  said ${way.expected.toFixed(3)}  looked at ${(100 * way.looked).toFixed(0).padStart(3)} %  ${way.medianMs.toFixed(2)} ms, ${way.timeRatio.toFixed(2)} of looking at all`,
      );
    }
  }
  return {
    vectors,
    dim: DIM,
    bits: BITS,
    topics,
    cells: cells.index.stats().cells,
    addedPerSecond: { all: perSecond(all), cells: perSecond(cells) },
    longestAddMs: { all: all.longestAddMs, cells: cells.longestAddMs },
    memoryRatio,
    ways,
  };
}

function contender(name: Contender["name"], flatUpTo: number): Contender {
  return { name, index: createVectorIndex({ dim: DIM, bits: BITS, flatUpTo }), addMs: 0, longestAddMs: 0 };
}

function bytesOf({ index }: Contender): number {
  const { codes, ids, scratch } = index.stats().bytes;
  return codes + ids + scratch;
}

function add(to: Contender, id: number, vector: Float32Array): void {
  const began = performance.now();
  to.index.add(id, vector);
  const tookMs = performance.now() - began;
  to.addMs += tookMs;
  to.longestAddMs = Math.max(to.longestAddMs, tookMs);
}
