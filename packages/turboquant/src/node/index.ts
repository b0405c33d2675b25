export type { ParallelIndex, ParallelSearchOptions, ParallelSelection, ParallelStats } from "../parallel/parallel-index.ts";
export type { StoredIndex, StoredIndexStats } from "../store/stored-index.ts";
export { type DiskIndex, openIndexAt, readIndexAt } from "./disk-index.ts";
export { createParallelIndex, type ThreadedOptions } from "./parallel-index.ts";
export { openVectorIndexAt, type VectorIndexAtOptions } from "./vector-index-at.ts";
