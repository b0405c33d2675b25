/** Opens a record log: reads what is there, begins a new segment, and takes appends from then on. */
import type { Clock } from "../../host/clock.ts";
import type { Files } from "../../host/files.ts";
import type { Log } from "../../host/log.ts";
import type { Points } from "../../host/points.ts";
import type { Random } from "../../host/random.ts";
import { FIXED } from "../../settings/fixed.ts";
import { type Bytes, wholePiece } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { createAppendQueue } from "./append-queue.ts";
import { compaction } from "./compaction.ts";
import { createLogWriter, rejected } from "./log-writer.ts";
import type { LogHealth, RecordAt, RecordLog } from "./record-log.ts";
import { recoverLog } from "./recover-log.ts";
import { createSegmentFiles } from "./segment-files.ts";
import { type Crc32, decodeRecordAt, LOG_ID_BYTES, RECORD_HEADER_BYTES } from "./segment-format.ts";
import { createSegmentSet } from "./segment-set.ts";
import { createSpareSegments, findSpares } from "./spare-segments.ts";

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
   */
  readonly prepared?: { readonly withinBytes: number } | undefined;
  readonly diskRetryMs: number;
  readonly points?: Points | undefined;
  /** Told every record and every snapshot record, in order. */
  readonly replay: (record: Bytes, at: RecordAt) => void;
  /**
   * The owner's small state: everything that released records meant and that still matters. Asked between turns of the
   * owner at the beginning of every segment; it lies behind the records of the batch that begins it. So what is replayed
   * before it may already be in it, and a record of an append with `orReject` may come before it and not be in it.
   */
  readonly snapshot: () => readonly Bytes[];
  readonly onHealth?: (health: LogHealth) => void;
}

/** What a new segment frees is at least so many times what it restates. */
const RESTATEMENTS_TO_FREE = 3;
/** A record longer than this is a mistake of its owner. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;

/**
 * Opens the log in `folder`, which is made when missing; `snapshot` is asked once all records were replayed. Throws
 * `log-damaged` with file and byte, `needs-newer-version`, and what the disk says: `disk-full`, `disk-failed`, `read-only`.
 */
export async function openRecordLog(options: OpenRecordLogOptions): Promise<RecordLog> {
  const { clock, log, folder, magic, segmentBytes, diskRetryMs, snapshot, onHealth = () => {} } = options;
  const segments = createSegmentSet();
  const recovered = await recoverLog({
    files: options.files,
    crc32: options.crc32,
    folder,
    magic,
    replay: options.replay,
    onRecord: (at) => segments.add(at, at),
  });
  for (const { segment, end, bytes } of recovered.segments) segments.setEnd(segment, end, bytes);
  const { prepared } = options;
  const found = await findSpares(options.files, folder, recovered.names, prepared && { segmentBytes, logId: recovered.logId });
  const logId = recovered.logId ?? options.random.bytes(LOG_ID_BYTES);
  const queue = createAppendQueue();
  const files = createSegmentFiles(options.files, folder);
  const { lastBatch } = recovered;
  const highest = Math.max(recovered.highest, found.highest);
  const spares =
    prepared &&
    createSpareSegments({
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
    onSegment: () => dropDead(),
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
  // sparse segment would lie in the next, and so on without an end.
  const dropDead = (): void => {
    const enough = Math.max(writer.fullBytes / 2, RESTATEMENTS_TO_FREE * writer.restatedBytes);
    if (segments.deadBytes(writer.active) >= enough && disposed === undefined) writer.rotate();
  };

  // Whoever replayed these records acts on them, and the next manifest says where they end: first they must be durable.
  if (recovered.tail !== undefined) await files.confirm(recovered.tail.segment, recovered.tail.offset, recovered.tail.end);
  for (const path of found.leftover) await files.discard(path);
  await writer.start();
  try {
    for (const segment of recovered.leftover) await files.remove(segment);
  } catch (error) {
    await writer.stop(FIXED.logCloseMs.value);
    throw error;
  }
  const readBack = async ({ segment, offset, length }: RecordAt): Promise<Bytes | undefined> => {
    const bytes = await files.read(segment, offset - RECORD_HEADER_BYTES, length + RECORD_HEADER_BYTES);
    return decodeRecordAt({ logId, segment, crc32: options.crc32 }, offset, length, bytes);
  };

  const compact = compaction({ segments, queue, writer, readBack, closed: () => disposed !== undefined, dropDead });

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
      if (records.length === 0) return { at: [], synced: Promise.resolve() };
      const { health } = writer;
      if (orReject && health.state === "stuck") {
        const synced = Promise.reject(rejected(new PerdureError(health.code, "the disk takes no writes"), diskRetryMs));
        synced.catch(() => {});
        return { at: records.map((record) => ({ segment: 0, offset: 0, length: record.length })), synced };
      }
      const appended = queue.add(records, orReject, writer.begin);
      if (laterMs === undefined) writer.wake();
      else writer.wakeLater(laterMs);
      return appended;
    },
    hurry: () => {
      if (queue.gathers) writer.wake();
    },
    read: async (at) => {
      const pending = queue.pending(at);
      if (pending !== undefined) return wholePiece(pending);
      const actual = segments.actual(at);
      const record = await readBack(actual);
      if (record !== undefined) return record;
      const { segment, offset } = actual;
      throw new PerdureError("log-damaged", `${files.path(segment)} is damaged at byte ${offset}: a record there is not what was written`, {
        hint: "Check the disk; the rest of the log is still read.",
      });
    },
    release: (at) => {
      if (!queue.release(at) && segments.release(at)) dropDead();
    },
    compact,
    sparsest: (excepted) => segments.sparsest((segment) => segment === writer.active || excepted(segment)),
    [Symbol.asyncDispose]: () => {
      disposed ??= (async () => {
        await writer.stop(FIXED.logCloseMs.value);
        await files[Symbol.asyncDispose]();
      })();
      return disposed;
    },
  };
}
