/** Opens a record log: reads what is there, begins a new segment, and takes appends from then on. */
import type { Clock } from "../../host/clock.ts";
import type { Files } from "../../host/files.ts";
import type { Log } from "../../host/log.ts";
import type { Points } from "../../host/points.ts";
import type { Random } from "../../host/random.ts";
import type { SpareMemory } from "../../host/spare-memory.ts";
import { FIXED } from "../../settings/fixed.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { createAppendQueue } from "./append-queue.ts";
import { compaction } from "./compaction.ts";
import type { IndexFiles } from "./index-files.ts";
import { rejected } from "./log-errors.ts";
import { createLogWriter } from "./log-writer.ts";
import type { IndexedRecords, LogHealth, RecordAt, RecordLog } from "./record-log.ts";
import { createRecordReading } from "./record-reading.ts";
import { type LogDamage, recoverLog } from "./recover-log.ts";
import { createSegmentFiles } from "./segment-files.ts";
import { type Crc32, isSpareName, LOG_ID_BYTES } from "./segment-format.ts";
import type { IndexOf } from "./segment-index.ts";
import { createSegmentSet } from "./segment-set.ts";
import type { FoundSpares, Prepared } from "./spare-segments.ts";

export interface OpenRecordLogOptions {
  readonly files: Files;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the machine, where it has one; the format does not depend on it. */
  readonly crc32?: Crc32 | undefined;
  /** Its owner holds the lock of this folder. */
  readonly folder: string;
  /** The kind of log, at most eight ASCII letters: "relay" or "agent". */
  readonly magic: string;
  readonly segmentBytes: number;
  /**
   * Segments are made of files that were prepared in the background, and each batch is one write that is durable when it ends; log and
   * prepared files take at most half of `withinBytes` together, beyond that segments grow. Without it they always grow.
   * It comes from outside because most logs, those of agents in pages, never have such files.
   */
  readonly prepared?: Prepared | undefined;
  readonly diskRetryMs: number;
  /** What runs of records are read into, for an owner who reads many and says when it is done with them. */
  readonly spare?: Pick<SpareMemory, "take" | "giveBack"> | undefined;
  readonly points?: Points | undefined;
  /** Told every record and every snapshot record, in order. */
  readonly replay: (record: Bytes, at: RecordAt) => void;
  /**
   * Told every damaged place, in order among what is replayed: what lies around it is told and kept. For an owner whose records stand each
   * for itself. Without it a log with damage does not open.
   */
  readonly onDamage?: ((damage: LogDamage) => void) | undefined;
  /**
   * The owner's small state: everything that released records meant and that still matters. Asked between turns of the
   * owner at the beginning of every segment; it lies behind the records of the batch that begins it. So what is replayed
   * before it may already be in it, and a record of an append with `orReject` may come before it and not be in it.
   */
  readonly snapshot: () => readonly Bytes[];
  readonly onHealth?: (health: LogHealth) => void;
  /** Without it indexes are neither read nor made. */
  readonly indexed?: { readonly by: IndexedRecords; readonly files: IndexFiles } | undefined;
  /** A new segment is durable, and the one before it closed. */
  readonly onSegment?: () => void;
}

/** Dead bytes for which a new segment is begun early, in full segments. */
const DEAD_SEGMENTS = 0.5;
/** The same where a segment that was closed early is followed by one that is dearer to write. */
const DEAD_BESIDE_PREPARED = 2;
/** What a new segment frees is at least so many times what it restates. */
const RESTATEMENTS_TO_FREE = 3;
/** A record longer than this is a mistake of its owner. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;

/**
 * Opens the log in `folder`, which is made when missing; `snapshot` is asked once all records were replayed. Throws
 * `log-damaged` with file and byte, `needs-newer-version`, and what the disk says: `disk-full`, `disk-failed`, `read-only`.
 */
export async function openRecordLog(options: OpenRecordLogOptions): Promise<RecordLog> {
  const { clock, log, folder, magic, segmentBytes, diskRetryMs, snapshot, indexed, onHealth = () => {}, onSegment = () => {} } = options;
  const segments = createSegmentSet();
  const recovered = await recoverLog({
    files: options.files,
    crc32: options.crc32,
    folder,
    magic,
    replay: options.replay,
    onRecord: (at) => segments.add(at, at),
    onDamage: options.onDamage,
    isIndexed: async (of) => (await indexed?.files.has(options.files, folder, of)) === true,
  });
  for (const { segment, end, bytes } of recovered.segments) segments.setEnd(segment, end, bytes);
  const { files: onDisk, onDamage, crc32 } = options;
  await indexed?.files.recall({ files: onDisk, folder, magic, crc32, onDamage, indexed: indexed.by, segments, recovered });
  indexed?.by.recalled();
  const { prepared } = options;
  const found =
    (await prepared?.find(options.files, folder, recovered.names, { segmentBytes, logId: recovered.logId })) ??
    unwanted(folder, recovered.names);
  const logId = recovered.logId ?? options.random.bytes(LOG_ID_BYTES);
  const queue = createAppendQueue();
  const files = createSegmentFiles(options.files, folder);
  const { lastBatch } = recovered;
  const highest = Math.max(recovered.highest, found.highest);
  const spares = prepared?.create({
    files: options.files,
    folder,
    log,
    segmentBytes,
    withinBytes: prepared.withinBytes,
    logBytes: () => segments.bytes,
    ready: found.ready,
  });
  const writer = createLogWriter({
    clock,
    log,
    magic,
    logId,
    crc32: options.crc32,
    segmentBytes,
    diskRetryMs,
    snapshot,
    onHealth,
    onSegment: () => {
      dropDead();
      onSegment();
    },
    queue,
    segments,
    files,
    spares,
    highest,
    lastBatch,
    points: options.points,
  });
  let disposed: Promise<void> | undefined;

  // A new segment costs its restatement and closes the active one early: it must free clearly more, or what is copied out of one
  // sparse segment would lie in the next, and so on without an end. Where files are prepared it also costs what is not written yet of one
  // that was, and the next grows: with room to spare, the segments that fill let go of those before them soon enough.
  const dropDead = (): void => {
    const enough = Math.max(
      writer.fullBytes * (spares?.mayWait() === true ? DEAD_BESIDE_PREPARED : DEAD_SEGMENTS),
      RESTATEMENTS_TO_FREE * writer.restatedBytes,
    );
    if (segments.deadBytes(writer.active) >= enough && disposed === undefined) writer.rotate();
  };

  // Whoever replayed these records acts on them, and the next manifest says where they end: first they must be durable.
  if (recovered.tail !== undefined) await files.confirm(recovered.tail.segment, recovered.tail.offset, recovered.tail.end);
  for (const path of found.leftover) await files.discard(path);
  await writer.start();
  try {
    for (const segment of recovered.leftover) await files.remove(segment);
    for (const name of recovered.names) {
      const found = indexed?.files.segmentOf(name);
      if (found !== undefined && !(found.whole && segments.isIndexed(found.segment))) await files.discard(`${folder}/${name}`);
    }
  } catch (error) {
    await writer.stop(FIXED.logCloseMs.value);
    throw error;
  }
  const { read, readAll, readRun } = createRecordReading({ queue, segments, files, logId, crc32: options.crc32, spare: options.spare });
  const indexOf = (segment: number): IndexOf => ({ magic, logId, segment, end: segments.endOf(segment) ?? 0, crc32: options.crc32 });
  const closedSegments = (isIndexed: boolean): readonly number[] =>
    segments
      .needed()
      .map(({ segment }) => segment)
      .filter((segment) => segment < (writer.active ?? 0) && segments.isIndexed(segment) === isIndexed);

  const putIndex: RecordLog["putIndex"] = async (segment, body, places) => {
    if (indexed === undefined || !closedSegments(false).includes(segment) || disposed !== undefined) return false;
    try {
      await indexed.files.write(options.files, folder, indexOf(segment), body);
    } catch (error) {
      log.write("debug", "log.index-failed", { segment, why: String(error) });
      return false;
    }
    // What was let go of meanwhile took its segment along, but not what came to lie beside it.
    if (!closedSegments(false).includes(segment)) {
      await files.removeIndex(segment);
      return false;
    }
    segments.rest(segment, places);
    return true;
  };
  /** Those that are written. Whoever opens the folder next may write them anew: none of them may come later. */
  let indexing: Promise<unknown> = Promise.resolve();

  const compact = compaction({
    segments,
    queue,
    writer,
    readAll,
    needed: indexed?.by.needed,
    closed: () => disposed !== undefined,
    dropDead,
  });

  return {
    get health() {
      return writer.health;
    },
    get bytesOnDisk() {
      return segments.bytes + (spares?.bytes ?? 0);
    },
    get queuedBytes() {
      return queue.bytes;
    },
    append: (records, { orReject = false, laterMs } = {}) => {
      if (disposed !== undefined) throw new PerdureError("aborted", "the log is closed");
      for (const record of records) {
        const length = record.length;
        if (length > MAX_RECORD_BYTES) throw new PerdureError("too-large", `a record of ${length} bytes is over ${MAX_RECORD_BYTES}`);
      }
      if (records.length === 0) return { segment: 0, offsets: [], at: [], synced: Promise.resolve() };
      const { health } = writer;
      if (orReject && health.state === "stuck") {
        const synced = Promise.reject(rejected(new PerdureError(health.code, "the disk takes no writes"), diskRetryMs));
        synced.catch(() => {});
        return { segment: 0, offsets: records.map(() => 0), at: records.map(({ length }) => ({ segment: 0, offset: 0, length })), synced };
      }
      const appended = queue.add(records, orReject, writer.begin);
      if (laterMs === undefined) writer.wake();
      else writer.wakeLater(laterMs);
      return appended;
    },
    hurry: () => {
      if (queue.gathers) writer.wake();
    },
    read,
    readAll,
    readRun,
    release: (at) => {
      if (!queue.release(at) && segments.release(at)) dropDead();
    },
    compact,
    hold: async () => {
      if (disposed !== undefined) throw new PerdureError("aborted", "the log is closed");
      return await writer.hold();
    },
    unindexed: () => closedSegments(false),
    indexed: () => closedSegments(true),
    actual: segments.actual,
    adopt: segments.adopt,
    putIndex: (segment, body, places) => {
      const put = putIndex(segment, body, places);
      indexing = Promise.allSettled([indexing, put]);
      return put;
    },
    openIndex: async (segment) => await indexed?.files.open(options.files, folder, indexOf(segment)),
    // Of damage in it its owner hears when a record is handed out.
    readClosed: async (segment, onRecord) =>
      await indexed?.files.readClosed(
        { files: options.files, folder, crc32: options.crc32, onDamage: options.onDamage && (() => {}) },
        indexOf(segment),
        onRecord,
      ),
    sparsest: (excepted) => segments.sparsest((segment) => segment === writer.active || excepted(segment)),
    [Symbol.asyncDispose]: () => {
      disposed ??= (async () => {
        await Promise.all([writer.stop(FIXED.logCloseMs.value), within(clock, FIXED.logCloseMs.value, indexing)]);
        await files[Symbol.asyncDispose]();
      })();
      return disposed;
    },
  };
}

/** Resolves with `work`, which does not fail, or when the time is over. */
async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = (): void => {};
  const patience = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([work, patience]);
  cancel();
}

/** Prepared files of an opening before, which nobody wants now. */
function unwanted(folder: string, names: readonly string[]): FoundSpares {
  return { ready: [], leftover: names.filter(isSpareName).map((name) => `${folder}/${name}`), highest: 0 };
}
