/**
 * Puts batches on the disk, one at a time: while one is written and synced, further appends gather into the next.
 *
 * States: good -> stuck when a write or sync fails -> good when a new segment is durable. A file that failed is never
 * written or synced again: what its sync lost would stay lost while later syncs succeed. While stuck, the batch that
 * failed and all that gathered are tried in a new segment every diskRetryMs. The new manifest ends the old segment
 * before the batch that failed; an append with `orReject` that may be on the disk is told so only once nothing of it can
 * come back: its batch was overwritten, its file removed, or that manifest is durable.
 */
import type { Clock } from "../../host/clock.ts";
import { sleep } from "../../host/deadline.ts";
import type { OpenFile } from "../../host/files.ts";
import type { Log } from "../../host/log.ts";
import { type Points, rarely } from "../../host/points.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { concat } from "../../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import type { AppendQueue, Entry, Gathering } from "./append-queue.ts";
import type { LogHealth, RecordAt } from "./record-log.ts";
import type { SegmentFiles } from "./segment-files.ts";
import type { Crc32, RecordToWrite, SegmentEnd } from "./segment-format.ts";
import {
  BATCH_HEADER_BYTES,
  encodeBatch,
  encodeManifest,
  encodeSegmentHeader,
  MANIFEST,
  RECORD,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  SNAPSHOT,
} from "./segment-format.ts";
import type { SegmentSet } from "./segment-set.ts";

export interface LogWriterOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly magic: string;
  readonly logId: Bytes;
  readonly crc32: Crc32 | undefined;
  readonly segmentBytes: number;
  readonly diskRetryMs: number;
  readonly snapshot: () => readonly Bytes[];
  readonly onHealth: (health: LogHealth) => void;
  /** A new segment is durable; what was emptied while it was written is still there. */
  readonly onSegment: () => void;
  readonly queue: AppendQueue;
  readonly segments: SegmentSet;
  readonly files: SegmentFiles;
  readonly highest: number;
  readonly lastBatch: number;
  readonly points: Points | undefined;
}

export interface LogWriter {
  /** Makes the first segment of this opening; throws what the disk says. */
  start(): Promise<void>;
  /** Where a batch begins that gathers from here on. */
  begin(): { readonly segment: number; readonly offset: number };
  /** There is something to write. */
  wake(): void;
  /** There is something to write that nobody waits for: with what comes next, or when `laterMs` have passed. */
  wakeLater(laterMs: number): void;
  /** Begins a new segment soon, which lets go of segments that hold nothing needed. */
  rotate(): void;
  /**
   * A segment of this size is full: `segmentBytes`, and never less than three times what it restates, so that this is restated only
   * after twice as much has been written besides, and records copied out of sparse segments never lie in one that is sparse again.
   */
  readonly fullBytes: number;
  /** What the newest segment restated: the small state, and which segments there are. */
  readonly restatedBytes: number;
  /** The segment that is written to, or `undefined` while there is none. */
  readonly active: number | undefined;
  readonly health: LogHealth;
  /** Writes what waits, for at most `withinMs`, and stops; the rest is rejected. */
  stop(withinMs: number): Promise<void>;
}

interface Sealed {
  readonly segment: number;
  readonly offset: number;
  readonly end: number;
  readonly number: number;
  readonly bytes: Bytes;
  /** The first batch of a new segment, with a snapshot and a manifest of these. */
  readonly kept: readonly SegmentEnd[] | undefined;
  readonly entries: readonly Entry[];
  /** Where the records of each entry lie. */
  readonly places: readonly (readonly RecordAt[])[];
}

interface Failure {
  readonly during: "open" | "write" | "sync";
  readonly error: PerdureError;
}

/** More than two: what is not restated has headers too, and must still be more than half. */
const RESTATEMENTS_PER_SEGMENT = 3;
/** How late a sync is that a point makes late. */
const LATE_MS = 20;

type StuckCode = "disk-full" | "disk-failed" | "read-only";

export function createLogWriter(options: LogWriterOptions): LogWriter {
  const { clock, log, magic, logId, segmentBytes, diskRetryMs, snapshot, onHealth, onSegment, queue, segments, files, points } = options;
  let { highest, lastBatch } = options;
  let active: { readonly segment: number; readonly file: OpenFile } | undefined;
  let tail = { segment: 0, end: Number.POSITIVE_INFINITY };
  let fullBytes = segmentBytes;
  let restated = 0;
  let health: LogHealth = { state: "good" };
  let rotationDue = false;
  let running = false;
  /** Somebody waits for what gathers; else a timer is set for it. */
  let hurried = false;
  let cancelLater: (() => void) | undefined;
  let laterDueMs = Number.POSITIVE_INFINITY;
  let run: Promise<void> = Promise.resolve();
  let removals: Promise<void> = Promise.resolve();
  let writing: Sealed | undefined;
  const stopping = new AbortController();

  const newSegment = (): { readonly segment: number; readonly offset: number } => {
    rotationDue = false;
    highest++;
    return { segment: highest, offset: SEGMENT_HEADER_BYTES };
  };

  const begin = () =>
    rotationDue || tail.end >= fullBytes || rarely(points, "log-segment-early")
      ? newSegment()
      : { segment: tail.segment, offset: tail.end };

  const seal = ({ segment, offset, entries }: Gathering): Sealed => {
    const first = segment !== active?.segment;
    const records: RecordToWrite[] = [];
    let at = offset + BATCH_HEADER_BYTES;
    const places = entries.map((entry) =>
      entry.records.map((payload): RecordAt => {
        records.push({ kind: RECORD, payload });
        const place = { segment, offset: at + RECORD_HEADER_BYTES, length: payload.length };
        at = place.offset + place.length;
        return place;
      }),
    );
    let kept: readonly SegmentEnd[] | undefined;
    if (first) {
      let restatedBytes = 0;
      for (const payload of snapshot()) {
        records.push({ kind: SNAPSHOT, payload });
        restatedBytes += payload.length + RECORD_HEADER_BYTES;
      }
      kept = segments.needed();
      const manifest = encodeManifest(kept);
      records.push({ kind: MANIFEST, payload: manifest });
      restated = restatedBytes + manifest.length + RECORD_HEADER_BYTES;
      fullBytes = Math.max(segmentBytes, RESTATEMENTS_PER_SEGMENT * restated);
    }
    const number = lastBatch + 1;
    const bytes = encodeBatch({ logId, segment, offset, crc32: options.crc32 }, number, records);
    tail = { segment, end: offset + bytes.length };
    return { segment, offset, end: tail.end, number, bytes, kept, entries, places };
  };

  const write = async (batch: Sealed): Promise<Failure | undefined> => {
    let during: Failure["during"] = "open";
    let opened: OpenFile | undefined;
    try {
      const file = batch.kept === undefined ? (active as { readonly file: OpenFile }).file : await files.create(batch.segment);
      if (batch.kept !== undefined) opened = file;
      during = "write";
      if (batch.kept === undefined) await writeBatch(file, batch);
      else await file.write(0, concat(encodeSegmentHeader(magic, logId, batch.segment), batch.bytes));
      during = "sync";
      if (rarely(points, "log-sync-late")) await sleep(clock, LATE_MS);
      await file.sync();
      if (opened !== undefined) {
        const old = active?.file;
        active = { segment: batch.segment, file: opened };
        if (old !== undefined) await closeQuietly(old);
      }
      return undefined;
    } catch (error) {
      if (opened !== undefined) await closeQuietly(opened);
      return { during, error: isPerdureError(error) ? error : new PerdureError("disk-failed", "the disk failed", { cause: error }) };
    }
  };

  const writeBatch = async (file: OpenFile, { offset, bytes }: Sealed): Promise<void> => {
    const half = rarely(points, "log-write-in-pieces") ? bytes.length >> 1 : 0;
    if (half > 0) await file.write(offset, bytes.subarray(0, half));
    await file.write(offset + half, bytes.subarray(half));
  };

  const closeQuietly = async (file: OpenFile): Promise<void> => {
    try {
      await file.close();
    } catch (error) {
      log.write("warn", "log.close-failed", { why: String(error) });
    }
  };

  const commit = (batch: Sealed): void => {
    lastBatch = batch.number;
    segments.setEnd(batch.segment, batch.end);
    for (const [index, entry] of batch.entries.entries()) {
      const released = queue.settle(entry);
      const places = batch.places[index] as readonly RecordAt[];
      entry.given.forEach((given, nth) => {
        if (released?.has(given) !== true) segments.add(given, places[nth] as RecordAt);
      });
    }
    if (batch.kept !== undefined) {
      const dropped = segments.keepOnly(batch.kept, batch.segment);
      log.write("debug", "log.segment", { segment: batch.segment, kept: batch.kept.length, removed: dropped.length });
      removals = removals.then(() => removeAll(dropped));
      onSegment();
    }
    for (const entry of batch.entries) entry.resolve();
  };

  const removeAll = async (dropped: readonly number[]): Promise<void> => {
    for (const segment of dropped) {
      try {
        await files.remove(segment);
      } catch (error) {
        // It is not part of the log any more; the next opening removes it.
        log.write("warn", "log.remove-failed", { segment, why: String(error) });
      }
    }
  };

  /** Whether nothing of the batch can be read after a restart. */
  const undo = async (batch: Sealed, { during, error }: Failure): Promise<boolean> => {
    if (during === "open" || (during === "write" && stuckCode(error) === "read-only")) return true;
    try {
      if (batch.kept !== undefined) {
        await files.remove(batch.segment);
        return true;
      }
      if (during === "sync") return false;
      const { file } = active as { readonly file: OpenFile };
      // This file is never written again, so a batch that is cut off stays cut off; a full disk has no room to overwrite it.
      if ((await file.size()) < batch.end) return true;
      await file.write(batch.offset, new Uint8Array(BATCH_HEADER_BYTES));
      await file.sync();
      return true;
    } catch (cause) {
      log.write("debug", "log.undo-failed", { segment: batch.segment, why: String(cause) });
      return false;
    }
  };

  const setStuck = ({ error }: Failure): void => {
    const code = stuckCode(error);
    if (health.state === "stuck" && health.code === code) return;
    health = { state: "stuck", code, sinceMs: health.state === "stuck" ? health.sinceMs : clock.wallMs() };
    log.write("error", "log.stuck", { code, why: error.message });
    onHealth(health);
  };

  const setGood = (): void => {
    health = { state: "good" };
    log.write("info", "log.good", { segment: tail.segment });
    onHealth(health);
  };

  const giveUp = (entries: readonly Entry[], error: PerdureError): void => {
    for (const entry of entries) {
      queue.settle(entry);
      entry.reject(error);
    }
  };

  const recover = async (failed: Sealed, failure: Failure): Promise<void> => {
    setStuck(failure);
    const rejection = rejected(failure.error, diskRetryMs);
    giveUp(queue.takeRejectable(), rejection);
    let doomed = failed.entries.filter(({ orReject }) => orReject);
    const waiting = failed.entries.filter(({ orReject }) => !orReject);
    if (await undo(failed, failure)) {
      giveUp(doomed, rejection);
      doomed = [];
    }
    if (active !== undefined) await closeQuietly(active.file);
    active = undefined;
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) await sleep(clock, diskRetryMs, stopping.signal).catch(() => {});
      waiting.push(...(take()?.entries ?? []));
      if (stopping.signal.aborted && attempt > 0) {
        giveUp([...doomed, ...waiting], stopped());
        return;
      }
      writing = seal({ ...newSegment(), entries: waiting });
      const again = await write(writing);
      if (again === undefined) {
        commit(writing);
        giveUp(doomed, rejection);
        setGood();
        return;
      }
      setStuck(again);
      await undo(writing, again);
    }
  };

  const take = (): Gathering | undefined => {
    hurried = false;
    cancelLater?.();
    cancelLater = undefined;
    laterDueMs = Number.POSITIVE_INFINITY;
    return queue.take();
  };

  const pump = async (): Promise<void> => {
    // Appends of one turn share a batch, and their owner has applied them before a snapshot is taken.
    await Promise.resolve();
    try {
      while ((hurried && queue.gathers) || rotationDue) {
        writing = seal(take() ?? { ...newSegment(), entries: [] });
        const failure = await write(writing);
        if (failure === undefined) commit(writing);
        else await recover(writing, failure);
        if (stopping.signal.aborted && health.state === "stuck") return;
      }
    } catch (error) {
      log.write("error", "log.broken", { why: String(error) });
      giveUp(
        [...(writing?.entries ?? []), ...(take()?.entries ?? [])],
        new PerdureError("internal", "the log is broken", { cause: error }),
      );
    } finally {
      writing = undefined;
      running = false;
    }
  };

  const wake = (): void => {
    hurried = true;
    if (running) return;
    running = true;
    run = pump();
  };

  return {
    get fullBytes() {
      return fullBytes;
    },
    get restatedBytes() {
      return restated;
    },
    get active() {
      return active?.segment;
    },
    get health() {
      return health;
    },
    begin,
    wake,
    wakeLater: (laterMs) => {
      const dueMs = clock.monotonicMs() + laterMs;
      if (hurried || dueMs >= laterDueMs) return;
      cancelLater?.();
      laterDueMs = dueMs;
      cancelLater = clock.after(laterMs, wake);
    },
    rotate: () => {
      rotationDue = true;
      wake();
    },
    start: async () => {
      const first = seal({ ...newSegment(), entries: [] });
      const failure = await write(first);
      if (failure !== undefined) {
        await undo(first, failure);
        throw failure.error;
      }
      commit(first);
      await removals;
    },
    stop: async (withinMs) => {
      if (queue.gathers) wake();
      stopping.abort();
      let cancel = (): void => {};
      const patience = new Promise<void>((resolve) => {
        cancel = clock.after(withinMs, resolve);
      });
      await Promise.race([run.then(() => removals), patience]);
      cancel();
      giveUp([...(writing?.entries ?? []), ...(take()?.entries ?? [])], stopped());
      if (active !== undefined) await closeQuietly(active.file);
      active = undefined;
    },
  };
}

function stuckCode(error: PerdureError): StuckCode {
  if (error.code === "disk-full") return "disk-full";
  return error.code === "read-only" || error.code === "permission-denied" ? "read-only" : "disk-failed";
}

/** What an append with `orReject` fails with. */
export function rejected(cause: PerdureError, afterMs: number): PerdureError {
  const code = stuckCode(cause);
  const hint = code === "disk-full" ? "Free some space." : code === "read-only" ? "Make the folder writable." : "Check the disk.";
  return new PerdureError(code, `could not be written: ${cause.message}`, { retry: "after", afterMs, hint, cause });
}

function stopped(): PerdureError {
  return new PerdureError("aborted", "the log was closed before its disk let this finish");
}
