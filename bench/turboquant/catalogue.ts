/** The systems of the contest and the sets they take part in. */
import { captions, embeddingLike, noise, type VectorSet } from "./data.ts";
import type { OpenSystem } from "./system.ts";
import { absmax, openScanOf, productQuantizer } from "./systems/coder-scan.ts";
import { openEdgeVec } from "./systems/edgevec.ts";
import { openHnswlib } from "./systems/hnswlib.ts";
import { openLanceDb } from "./systems/lancedb.ts";
import { openSqliteVec } from "./systems/sqlite-vec.ts";
import { openUsearchExact, openUsearchGraph } from "./systems/usearch.ts";
import { openVectorIndex } from "./systems/vector-index.ts";

export const OURS = "perdure";
export const PEERS = ["usearch", "hnswlib", "sqlite-vec", "lancedb", "edgevec", "baselines"] as const;
export type Family = typeof OURS | (typeof PEERS)[number];

export interface CatalogueEntry {
  readonly name: string;
  readonly family: Family;
  /** The package it is from. */
  readonly from?: string;
  readonly open: OpenSystem;
  /** Coordinates that it is given at most: beyond them a graph takes minutes to build, or a search seconds. */
  readonly most?: { readonly full: number; readonly quick: number };
  /** A graph of noise takes it several times as long. */
  readonly notOn?: readonly string[];
}

const MILLION = 1_000_000;
/** Also what learns codes. */
const SLOW_GRAPH = { full: 40 * MILLION, quick: 10 * MILLION };
const SLOWEST_GRAPH = { full: 10 * MILLION, quick: MILLION };
const PLAIN_SCAN = SLOWEST_GRAPH;

export const CATALOGUE: readonly CatalogueEntry[] = [
  { name: "turboquant-4", family: OURS, open: openVectorIndex({ bits: 4 }) },
  { name: "turboquant-4-centred", family: OURS, open: openVectorIndex({ bits: 4, centred: true }) },
  { name: "turboquant-4-originals", family: OURS, open: openVectorIndex({ bits: 4, originals: true }) },
  { name: "turboquant-8", family: OURS, open: openVectorIndex({ bits: 8 }) },
  { name: "turboquant-2", family: OURS, open: openVectorIndex({ bits: 2 }) },
  { name: "usearch-exact-f32", family: "usearch", from: "usearch", open: openUsearchExact("f32") },
  { name: "usearch-exact-i8", family: "usearch", from: "usearch", open: openUsearchExact("i8") },
  { name: "usearch-hnsw-f32", family: "usearch", from: "usearch", open: openUsearchGraph("f32"), most: SLOW_GRAPH },
  { name: "usearch-hnsw-bf16", family: "usearch", from: "usearch", open: openUsearchGraph("bf16") },
  { name: "usearch-hnsw-i8", family: "usearch", from: "usearch", open: openUsearchGraph("i8") },
  { name: "hnswlib", family: "hnswlib", from: "hnswlib-node", open: openHnswlib, most: SLOW_GRAPH },
  { name: "sqlite-vec-f32", family: "sqlite-vec", from: "sqlite-vec", open: openSqliteVec("f32") },
  { name: "sqlite-vec-i8", family: "sqlite-vec", from: "sqlite-vec", open: openSqliteVec("i8") },
  { name: "sqlite-vec-bit", family: "sqlite-vec", from: "sqlite-vec", open: openSqliteVec("bit") },
  { name: "lancedb-ivf-pq", family: "lancedb", from: "@lancedb/lancedb", open: openLanceDb, most: SLOW_GRAPH },
  { name: "edgevec", family: "edgevec", from: "edgevec", open: openEdgeVec, most: SLOWEST_GRAPH, notOn: ["hard-384"] },
  { name: "absmax-4", family: "baselines", open: openScanOf(absmax(4)), most: PLAIN_SCAN },
  { name: "product-quantizer-4", family: "baselines", open: openScanOf(productQuantizer), most: PLAIN_SCAN },
];

export interface SetEntry {
  readonly name: string;
  readonly what: string;
  /** With all peers, on a core of 2023 that nobody else wants. */
  readonly seconds: number;
  /** The same with `--quick`, for sets that are in it. */
  readonly quickSeconds?: number;
  /** `undefined` where it is not to be had. */
  make(): VectorSet | undefined;
}

/** Of each topic there are so many, as in the research that the large set is from. */
const OF_A_TOPIC = 50;

export const SETS: readonly SetEntry[] = [
  {
    name: "real",
    what: "1,000 captions by MiniLM-L6, 800 of them to be found",
    seconds: 25,
    quickSeconds: 25,
    make: () => captions("real"),
  },
  {
    name: "syn-384",
    what: "20,000 x 384, as embeddings of texts are",
    seconds: 190,
    quickSeconds: 95,
    make: () => embeddingLike("syn-384", 384, 20_000, 20_000 / OF_A_TOPIC),
  },
  { name: "hard-384", what: "20,000 x 384, nothing but noise", seconds: 240, make: () => noise("hard-384", 384, 20_000) },
  {
    name: "syn-1536-20k",
    what: "20,000 x 1,536: the first of the large set",
    seconds: 400,
    make: () => embeddingLike("syn-1536-20k", 1536, 20_000, 100_000 / OF_A_TOPIC),
  },
  {
    name: "syn-1536",
    what: "100,000 x 1,536, as embeddings of texts are",
    seconds: 600,
    make: () => embeddingLike("syn-1536", 1536, 100_000, 100_000 / OF_A_TOPIC),
  },
];
