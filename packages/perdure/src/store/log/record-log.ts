/**
 * The record log: the only truth of a relay and of an agent. A folder of segment files; records are added in batches, each
 * made durable before the next is written, and read back by where they lie.
 *
 *   folder:    000001.log, 000002.log, ...   A segment is never changed once it was closed; at the next opening its last
 *                                            batch is written and synced once more, in case its process was killed before that.
 *   segment:   header, batch, batch, ...     Every batch begins at a multiple of 32, so no header crosses a sector.
 *              Version 1 is a file that grows, each batch written and synced. Version 2 is one that was prepared
 *              (spare-segments.ts), each batch written through; behind its end lie bytes of an earlier life.
 *
 *              Beside a closed one may lie 000001.idx, what its owner needs of it at a start (segment-index.ts).
 *
 *   segment header, 64 bytes (integers big-endian)
 *      0  8  "prdlog" and two zero bytes
 *      8  8  kind of log, ASCII, zero-padded ("relay", "agent")
 *     16  8  log id: random, the same in every segment of one log, mixed into every checksum
 *     24  4  segment number, the one in the file's name
 *     28  4  format version, 1 or 2
 *     32 28  zero
 *     60  4  CRC-32 of bytes 0 to 59
 *
 *   batch, padded with 0xA5 to a multiple of 32
 *      0  4  "PBAT"
 *      4  4  bytes of the records that follow, without padding
 *      8  8  batch number: gapless within a segment, rising over the log
 *     16  4  number of records
 *     20  4  pieces of this batch that are all zero (see below)
 *     24  4  CRC-32 of the 12-byte headers of all its records
 *     28  4  CRC-32 of the place and bytes 0 to 27
 *     32     records
 *
 *   record
 *      0  4  length of the payload
 *      4  4  CRC-32 of the place, the kind and the payload
 *      8  1  kind: 0 record, 1 snapshot, 2 manifest
 *      9  3  zero
 *     12     payload
 *
 *   "The place" is log id, segment number and offset: bytes that turn up where they do not belong are not valid.
 *   manifest payload: count u32, then per earlier segment still needed its number u32 and the end of its valid bytes u64.
 *
 * The first batch of a segment holds, after its records, a snapshot of the owner's small state and a manifest. Header
 * and first batch are one write and one sync: a segment exists once its manifest is durable; a prepared file has another
 * name until then, and a number that stands in one is not given again. The newest segment that
 * exists rules: what its manifest does not name, or names with a smaller end, is not part of the log. So a record that
 * was given up, or an attempt that failed, can never come back.
 *
 * One batch at most is not yet durable, and it is the last of the newest file. What a power loss leaves of it depends on
 * the version of that file.
 *
 * Version 1: each sector is written or zero. Recovery therefore takes an invalid last batch for torn only if it is shorter than it says, or more
 * of its pieces (the parts between 512-byte boundaries) are zero than its header counted; anything else invalid, or
 * anything invalid before something valid, or a missing segment, is damage, and the log does not open.
 *
 * Version 2: each sector is written or what it was before, which is anything, but valid nowhere: it was written for another
 * segment. So whatever is no valid batch ends the log, unless a batch with a higher number begins behind it, which was
 * written when this one was durable: that is damage, and so is an invalid first batch. What is given up: a last batch that
 * rots before anything was written behind it is taken for torn, and is lost without a word. So a log that is closed ends with
 * a batch of no records, and a relay states within a second what it took, which is a record too.
 *
 * An owner may ask to be told of damage instead of being refused. Then what can be told of a damaged batch is told (salvage.ts), the log goes on
 * with the next batch that has a higher number, and what of the batch was read stays a part of the log. A file that is missing, the
 * header of the newest file, and a manifest or snapshot of its first batch are damage for everybody.
 */
import type { Bytes, Piece } from "../../wire/bytes.ts";
import type { IndexReader } from "./segment-index.ts";

/** Where a record lies: segment number, byte offset of the record's payload, payload length. Stays valid until it is released. */
export interface RecordAt {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

/** A record that was read, or why it could not be. */
export type ReadBack = { readonly record: Bytes; readonly failure: undefined } | { readonly record: undefined; readonly failure: unknown };

/** Records of one read, in its memory. */
export interface RunRead {
  /** Everything between them too. */
  readonly bytes: Bytes;
  /** Where in the segment these begin. */
  readonly from: number;
  /** Nobody looks at them any more: others are read into their memory. */
  release(): void;
}

export interface Appended {
  /** All in one segment, in their order. */
  readonly segment: number;
  readonly offsets: readonly number[];
  /** The same as places, made anew each time. */
  readonly at: readonly RecordAt[];
  /**
   * Resolves when the records survive a loss of power. Rejects only for an append with `orReject`, with `aborted`
   * when the log is disposed of before its disk let it finish, and with `internal` once the log is broken, which it stays.
   */
  readonly synced: Promise<void>;
}

/** A moment of the log. */
export interface LogHold {
  /** What it consisted of, oldest first: so much of each file; the newest with its first batch alone. */
  readonly segments: readonly { readonly segment: number; readonly end: number }[];
  release(): void;
}

export type LogHealth =
  | { readonly state: "good" }
  | { readonly state: "stuck"; readonly code: "disk-full" | "disk-failed" | "read-only"; readonly sinceMs: number };

/** Above this many `queuedBytes` an owner should take no more work from outside: the disk does not keep up. */
export const APPEND_QUEUE_BYTES: number = 32 * 1024 * 1024;

/** How an owner takes part of its state from indexes. Of a segment that has one nothing is replayed: what it meant for small state is restated later. */
export interface IndexedRecords {
  /**
   * Reads an index, after everything was replayed; what it gives takes it, in order of segments, and says what of that segment is needed.
   * The next is read meanwhile. On `log-damaged`, of either, the segment is read instead.
   */
  recall(segment: number, index: IndexReader): Promise<() => { readonly count: number; readonly bytes: number }>;
  /** All indexes were told. */
  recalled(): void;
  /** In place of `recall`, with each record of the segment; whether it is needed. */
  reread(record: Bytes, at: RecordAt): boolean;
  /** Places, as the owner knows them, of records that it needs and whose segment, which has an index, is to be compacted. */
  needed(segment: number): Promise<readonly RecordAt[]>;
}

export interface RecordLog extends AsyncDisposable {
  /**
   * Adds records that become durable together or not at all; several calls share a batch and a sync. The owner applies
   * them to its state in the same turn: a snapshot taken later is written behind them. Without `orReject` a failing disk
   * only delays them: the log retries in a new file until it succeeds. With it they are given up with `disk-full`,
   * `disk-failed` or `read-only`, and nothing of them will ever be read; their owner applies them once `synced` resolved. With
   * `laterMs` nobody waits for them: they are written with what is appended next, or when so much time has passed.
   */
  append(records: readonly Piece[], options?: { readonly orReject?: boolean; readonly laterMs?: number }): Appended;
  /** Somebody waits, after all, for what was appended with `laterMs`. */
  hurry(): void;
  /** Reads a record back, checking its checksum; from memory while it is not yet durable. `log-damaged` when it is not what was written. */
  read(at: RecordAt): Promise<Bytes>;
  /** What `read` would give or throw for each, in the same order, in few reads where they lie near each other. */
  readAll(at: readonly RecordAt[]): Promise<readonly ReadBack[]>;
  /**
   * Records of one segment, in the order in which they lie there, in one read; each is what was written. `undefined` when one of them cannot be
   * had that way, because it is not durable yet, lies elsewhere by now or is damaged: `readAll` says more.
   */
  readRun(segment: number, offsets: readonly number[], lengths: readonly number[]): Promise<RunRead | undefined>;
  /**
   * The record is no longer needed; what it means for small state is in the snapshots from here on. A segment without
   * records that are needed is removed when the next segment, with a snapshot taken after the release, is durable.
   */
  release(at: RecordAt): void;
  /**
   * Writes the needed records of the segment that wastes most once more at the end, so that a few of them do not keep its file;
   * false when no segment is half empty or the disk takes nothing. A moved record is replayed later than what was appended after
   * it: only for an owner whose records may be read in any order and twice.
   */
  compact(): Promise<boolean>;
  /**
   * The closed segment that wastes most, at most half of it needed, of those not `excepted`: for an owner who knows how to write
   * what it needs of it anew.
   */
  sparsest(excepted: (segment: number) => boolean): number | undefined;
  /**
   * Begins a new segment, and resolves once that is durable: with everything that was durable before, as files that stay as they are until
   * the hold is released or the log closed. It waits as long as the disk takes nothing.
   */
  hold(): Promise<LogHold>;
  /** Closed segments without an index, oldest first. */
  unindexed(): readonly number[];
  /** Closed segments with one, oldest first. */
  indexed(): readonly number[];
  /** Where the record really lies that its owner knows as `at`: a batch that failed was written elsewhere, a record may have been copied. */
  actual(at: RecordAt): RecordAt;
  /** Its owner knows the record by where it lies from here on, and not as `at` any more. */
  adopt(at: RecordAt): void;
  /**
   * Puts an index of its owner's making beside a closed segment; false when the segment is gone or the disk takes it not. It names every
   * record of the segment that is needed, `places` says where those lie, and from there on the log counts them and remembers none. What
   * left the index must be durable, and nothing may be compacted since its owner began to make it.
   */
  putIndex(segment: number, body: Bytes, places: readonly RecordAt[]): Promise<boolean>;
  /** The index of a segment; `undefined` when there is none. Its reader closes it. */
  openIndex(segment: number): Promise<(IndexReader & AsyncDisposable) | undefined>;
  /**
   * Reads a closed segment and calls `onRecord` with each of its records. Where one byte is not what was written, with all that can be read,
   * for an owner who asks to be told of damage, and else `log-damaged`.
   */
  readClosed(segment: number, onRecord: (record: Bytes, at: RecordAt) => void): Promise<void>;
  readonly health: LogHealth;
  /** Bytes of all segments the log consists of, and of the files that are prepared for the next. */
  readonly bytesOnDisk: number;
  /** Bytes of records that are not yet durable. */
  readonly queuedBytes: number;
}
