export type { ScaleMode } from "./codec/encoder.ts";
export { createQuantizer, type Quantizer, type QuantizerOptions, type Query } from "./codec/quantizer.ts";
export { isTurboQuantError, TurboQuantError, type TurboQuantErrorCode } from "./error.ts";
export type { ReadColumns, ReadOptions } from "./file/column-reading.ts";
export { type Fetch, type FetchAnswer, type HttpRangeOptions, openHttpRange } from "./file/http-range.ts";
export type { IndexFile, RangeSource } from "./file/index-file.ts";
export { type IndexFileStats, type IndexReader, type ReadingOptions, readIndexFile } from "./file/index-reader.ts";
export { type IndexWriter, openIndexFile, type WritingOptions } from "./file/index-writer.ts";
export { createMemoryFile, type MemoryFile } from "./file/memory-file.ts";
export type { Damage, DamageRule } from "./file/recovery.ts";
export type { IndexHeader, Metric, SegmentColumns, VectorId } from "./file/segment.ts";
export type { StoredSegment } from "./file/stored-segment.ts";
export type { Tail } from "./file/tail.ts";
export type { KernelKind } from "./kernels/kernels.ts";
export { createKernels, type KernelChoice } from "./kernels/load.ts";
export { type FindOptions, openRemoteIndex, type RemoteIndex, type RemoteResult } from "./remote/remote-index.ts";
export type { Selection } from "./search/selection.ts";
export {
  createVectorIndex,
  type Hit,
  type IndexStats,
  type SearchOptions,
  type SearchResult,
  type VectorIndex,
  type VectorIndexOptions,
} from "./search/vector-index.ts";
