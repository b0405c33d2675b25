export type { StoredIndex, StoredIndexStats } from "../store/stored-index.ts";
export { type DiskIndex, openIndexAt, readIndexAt } from "./disk-index.ts";
export { openVectorIndexAt, type VectorIndexAtOptions } from "./vector-index-at.ts";
