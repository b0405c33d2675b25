/**
 * Puts batches on the disk, one at a time: while one is written and synced, further appends gather into the next.
 *
 * States: good -> stuck when a write or sync fails -> good when a new segment is durable. A file that failed is never
 * written or synced again: what its sync lost would stay lost while later syncs succeed. Only the header of a batch that failed
 * is overwritten in it, where that can be trusted: what is written through is durable by itself. While stuck, the batch that
 * failed and all that gathered are tried in a new segment every diskRetryMs. The new manifest ends the old segment
 * before the batch that failed; an append with `orReject` that may be on the disk is told so only once nothing of it can
 * come back: its batch was overwritten, its file removed, or that manifest is durable.
 */
import type { Clock } from "../../host/clock.ts";
import { sleep } from "../../host/deadline.ts";
import { FILE_BLOCK_BYTES, type OpenFile } from "../../host/files.ts";
import type { Log } from "../../host/log.ts";
import { type Points, rarely } from "../../host/points.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { concat } from "../../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import type { AppendQueue, Entry, Gathering } from "./append-queue.ts";
import { rejected, stopped, stuckCode } from "./log-errors.ts";
import type { LogHealth, LogHold } from "./record-log.ts";
import type { SegmentFiles } from "./segment-files.ts";
import type { BatchPlace, Crc32, SegmentEnd } from "./segment-format.ts";
import {
  BATCH_HEADER_BYTES,
  BatchDraft,
  encodeManifest,
  encodeSegmentHeader,
  GROWING,
  MANIFEST,
  PREPARED,
  RECORD_HEADER_BYTES,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  SNAPSHOT,
} from "./segment-format.ts";
import { createSegmentRemoval } from "./segment-removal.ts";
import type { SegmentSet } from "./segment-set.ts";
import type { Spare, SpareSegments } from "./spare-segments.ts";

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
  /** Without them every segment grows. */
  readonly spares: SpareSegments | undefined;
  readonly highest: number;
  readonly lastBatch: number;
  readonly points: Points | undefined;
}

export interface LogWriter {
  /** Makes the first segment of this opening; throws what the disk says. */
  start(): Promise<void>;
  /** A batch that gathers from here on. */
  begin(): BatchDraft;
  /** There is something to write. */
  wake(): void;
  /** There is something to write that nobody waits for: with what comes next, or when `laterMs` have passed. */
  wakeLater(laterMs: number): void;
  /** Begins a new segment soon, which lets go of segments that hold nothing needed. */
  rotate(): void;
  /** Begins a new segment soon: `RecordLog.hold`. */
  hold(): Promise<LogHold>;
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
  readonly draft: BatchDraft;
  /** The first batch of a new segment, with a snapshot and a manifest of these. */
  readonly kept: readonly SegmentEnd[] | undefined;
  readonly entries: readonly Entry[];
}

interface Failure {
  readonly during: "open" | "write" | "sync";
  readonly error: PerdureError;
  /** The prepared file that was to be the new segment's. */
  readonly spare: Spare | undefined;
}

interface Active {
  readonly segment: number;
  readonly file: OpenFile;
  /** The file it was made in, and is written through; a segment without one grows, and each batch is synced. */
  spare: Spare | undefined;
}

/** More than two: what is not restated has headers too, and must still be more than half. */
const RESTATEMENTS_PER_SEGMENT = 3;
/** The next segment is prepared when this share of the newest is written: who writes little needs none ... */
const PREPARED_AT_SHARE = 0.25;
/**
 * ... nor who seldom writes. But each small batch in a file that grows costs the journal of the file system as well: after so many, which
 * have written a good part of what filling a file writes, the segment gives way to a prepared one.
 */
const BATCHES_THAT_GROW = 1024;
/** Larger batches have memory of their own. */
const ROOM_BYTES = 4 * 1024 * 1024;
/** One batch is written, another gathers. */
const ROOMS = 2;
/** How late a sync is that a point makes late. */
const LATE_MS = 20;

export function createLogWriter(options: LogWriterOptions): LogWriter {
  const { clock, log, magic, logId, segmentBytes, diskRetryMs, snapshot, onHealth, onSegment, queue, segments, files, spares, points } =
    options;
  let { highest, lastBatch } = options;
  let active: Active | undefined;
  let tail = { segment: 0, end: Number.POSITIVE_INFINITY };
  let fullBytes = segmentBytes;
  let restated = 0;
  let health: LogHealth = { state: "good" };
  let rotationDue = false;
  /** The segment that is begun next follows one that was full, or outgrown, or none: else it grows, for it may be closed early as well. */
  let mayTakeSpare = true;
  /** Batches in the newest segment. */
  let batches = 0;
  let running = false;
  /** Somebody waits for what gathers; else a timer is set for it. */
  let hurried = false;
  let cancelLater: (() => void) | undefined;
  let laterDueMs = Number.POSITIVE_INFINITY;
  let run: Promise<void> = Promise.resolve();
  const removal = createSegmentRemoval(files, spares, log);
  let writing: Sealed | undefined;
  /** What failed and is told so once it cannot come back. bound: one batch */
  let doomed: readonly Entry[] = [];
  /** Something of a batch was lost here and not on the disk: what came later must not count as if that were there. */
  let broken: PerdureError | undefined;
  /** The last batch has records, and is not the first of its segment, which must be whole. */
  let lastHolds = false;
  /** Memory of batches that are durable, for others: as much as comes in would else be garbage, outside of what is cheap to collect. bound: ROOMS */
  const rooms: Bytes[] = [];
  const stopping = new AbortController();

  const newSegment = (): { readonly segment: number; readonly offset: number } => {
    mayTakeSpare = tail.end >= fullBytes || isOutgrown();
    rotationDue = false;
    highest++;
    return { segment: highest, offset: SEGMENT_HEADER_BYTES };
  };

  /** The newest segment grows, and a prepared one would have done better for it. */
  const isOutgrown = (): boolean =>
    active !== undefined &&
    active.spare === undefined &&
    (batches >= BATCHES_THAT_GROW || rarely(points, "log-outgrown-early")) &&
    tail.end >= RESTATEMENTS_PER_SEGMENT * restated;

  /** What gathered elsewhere, written anew at that place. */
  const moved = (place: Pick<BatchPlace, "segment" | "offset">, entries: readonly Entry[]): Gathering => {
    const draft = new BatchDraft({ ...place, logId, crc32: options.crc32 }, rooms.pop());
    for (const entry of entries) entry.moveTo(draft);
    return { draft, entries };
  };

  const begin = (): BatchDraft =>
    moved(
      rotationDue || tail.end >= fullBytes || (spares?.isReady === true && isOutgrown()) || rarely(points, "log-segment-early")
        ? newSegment()
        : { segment: tail.segment, offset: tail.end },
      [],
    ).draft;

  const seal = ({ draft, entries }: Gathering): Sealed => {
    const { segment, offset } = draft.place;
    const first = segment !== active?.segment;
    let kept: readonly SegmentEnd[] | undefined;
    if (first) {
      let restatedBytes = 0;
      for (const payload of snapshot()) {
        draft.add(SNAPSHOT, payload);
        restatedBytes += payload.length + RECORD_HEADER_BYTES;
      }
      kept = segments.needed();
      const manifest = encodeManifest(kept);
      draft.add(MANIFEST, manifest);
      restated = restatedBytes + manifest.length + RECORD_HEADER_BYTES;
      fullBytes = Math.max(segmentBytes, RESTATEMENTS_PER_SEGMENT * restated);
    }
    const number = lastBatch + 1;
    const bytes = draft.seal(number);
    tail = { segment, end: offset + bytes.length };
    return { segment, offset, end: tail.end, number, bytes, draft, kept, entries };
  };

  const write = async (batch: Sealed): Promise<Failure | undefined> => {
    const { segment } = batch;
    const first = batch.kept !== undefined;
    let during: Failure["during"] = "open";
    let to: Active | undefined = first ? undefined : active;
    try {
      to ??= await begun(segment);
      const { file, spare } = to;
      during = "write";
      if (!first) await writeBatch(file, batch);
      else await file.write(0, concat(encodeSegmentHeader(magic, logId, segment, spare === undefined ? GROWING : PREPARED), batch.bytes));
      // How far a file reaches whose last block was written is for the system to say.
      if (spare !== undefined && batch.end + FILE_BLOCK_BYTES > spare.bytes) to.spare = { ...spare, bytes: await file.size() };
      during = "sync";
      // A prepared file gets its name when it holds a whole batch: until then it is no segment.
      if (spare !== undefined && first) {
        await files.name(spare.path, segment);
        spares?.gone(spare);
      } else if (spare === undefined) {
        if (rarely(points, "log-sync-late")) await sleep(clock, LATE_MS);
        await file.sync();
      }
      if (first) {
        const old = active?.file;
        active = to;
        if (old !== undefined) await closeQuietly(old);
      }
      return undefined;
    } catch (error) {
      if (first && to !== undefined) await closeQuietly(to.file);
      const why = isPerdureError(error) ? error : new PerdureError("disk-failed", "the disk failed", { cause: error });
      return { during, error: why, spare: to?.spare };
    }
  };

  /** A file for a new segment: one that was prepared, or else one that grows. */
  const begun = async (segment: number): Promise<Active> => {
    const spare = mayTakeSpare ? spares?.take() : undefined;
    if (spare !== undefined) {
      try {
        const file = await files.openPrepared(spare.path);
        try {
          return { segment, file, spare: { ...spare, bytes: await file.size() } };
        } catch (error) {
          await closeQuietly(file);
          throw error;
        }
      } catch (error) {
        log.write("debug", "log.spare-failed", { what: "open", why: String(error) });
      }
    }
    return { segment, file: await files.create(segment), spare: undefined };
  };

  const writeBatch = async (file: OpenFile, { offset, bytes }: Sealed): Promise<void> => {
    // In whole sectors, as a system does that writes a part of it first.
    const middle = offset + (bytes.length >> 1);
    const half = rarely(points, "log-write-in-pieces") ? Math.max(0, middle - (middle % SECTOR_BYTES) - offset) : 0;
    if (half > 0) await file.write(offset, bytes.subarray(0, half));
    await file.write(offset + half, bytes.subarray(half));
  };

  const closeQuietly = (file: OpenFile): Promise<void> =>
    file.close().catch((error: unknown) => log.write("warn", "log.close-failed", { why: String(error) }));

  const commit = (batch: Sealed): void => {
    lastBatch = batch.number;
    lastHolds = batch.kept === undefined && batch.entries.length > 0;
    segments.setEnd(batch.segment, batch.end, Math.max(batch.end, active?.spare?.bytes ?? 0));
    for (const entry of batch.entries) segments.keep(batch.segment, entry.first, entry, queue.settle(entry));
    if (rooms.length < ROOMS && batch.draft.memory.length <= ROOM_BYTES) rooms.push(batch.draft.memory);
    if (batch.kept !== undefined) {
      const dropped = segments.keepOnly(batch.kept, batch.segment);
      log.write("debug", "log.segment", { segment: batch.segment, kept: batch.kept.length, removed: dropped.length });
      removal.begun([...batch.kept, { segment: batch.segment, end: batch.end }], dropped);
      onSegment();
    }
    batches = batch.kept === undefined ? batches + 1 : 1;
    if (batch.end >= fullBytes * PREPARED_AT_SHARE || isOutgrown()) spares?.prepare();
    for (const entry of batch.entries) entry.resolve();
  };

  /** Whether nothing of the batch can be read after a restart. */
  const undo = async (batch: Sealed, { during, error, spare }: Failure): Promise<boolean> => {
    if (during === "open" || (during === "write" && stuckCode(error) === "read-only")) return true;
    try {
      if (batch.kept !== undefined) {
        // A rename that failed may be on the disk or not.
        if (spare !== undefined) {
          try {
            await files.discard(spare.path);
            spares?.gone(spare);
          } catch (cause) {
            // Before it is to be named it is no segment, whatever is in it.
            if (during === "write") return true;
            throw cause;
          }
        }
        await files.remove(batch.segment);
        return true;
      }
      if (during === "sync") return false;
      const { file, spare: prepared } = active as Active;
      // This file is never written again, so a batch that is cut off stays cut off; a full disk has no room to overwrite it.
      if ((await file.size()) < batch.end) return true;
      // Of a batch without a header nothing is valid, whatever else of it is there.
      await file.write(batch.offset, new Uint8Array(BATCH_HEADER_BYTES));
      if (prepared === undefined) await file.sync();
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
    if (stuckCode(failure.error) === "disk-full") spares?.yieldRoom();
    const rejection = rejected(failure.error, diskRetryMs);
    giveUp(queue.takeRejectable(), rejection);
    doomed = failed.entries.filter(({ orReject }) => orReject);
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
      writing = seal(moved(newSegment(), waiting));
      // A disk that is full has room in a file that is there already.
      mayTakeSpare ||= health.state === "stuck" && health.code === "disk-full";
      const again = await write(writing);
      if (again === undefined) {
        commit(writing);
        giveUp(doomed, rejection);
        doomed = [];
        setGood();
        return;
      }
      setStuck(again);
      await undo(writing, again);
    }
  };

  /**
   * A batch of nothing, so that the one before it is not the last: of a prepared file a last batch that rots is taken for one that was
   * never whole. Its failing changes nothing.
   */
  const closeOff = async (): Promise<void> => {
    if (active?.spare === undefined || health.state === "stuck" || tail.segment !== active.segment || !lastHolds) return;
    const batch = seal(moved({ segment: tail.segment, offset: tail.end }, []));
    const failure = await write(batch);
    if (failure === undefined) commit(batch);
    else log.write("warn", "log.close-failed", { why: failure.error.message });
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
      if (broken !== undefined) throw broken;
      while ((hurried && queue.gathers) || rotationDue) {
        writing = seal(take() ?? moved(newSegment(), []));
        const failure = await write(writing);
        if (failure === undefined) commit(writing);
        else await recover(writing, failure);
        if (stopping.signal.aborted && health.state === "stuck") return;
        // Who appended hears first that it is durable: what a new segment restates must cover all that an index of the one before leaves out.
        await Promise.resolve();
      }
    } catch (error) {
      broken ??= new PerdureError("internal", "the log is broken", { cause: error });
      log.write("error", "log.broken", { why: String(error) });
      setStuck({ during: "write", error: broken, spare: undefined });
      take();
      giveUp(queue.unsettled(), broken);
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

  const rotate = (): void => {
    rotationDue = true;
    wake();
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
    rotate,
    hold: () => {
      const moment = removal.nextMoment();
      rotate();
      return moment;
    },
    start: async () => {
      const first = seal(moved(newSegment(), []));
      const failure = await write(first);
      if (failure !== undefined) {
        await undo(first, failure);
        throw failure.error;
      }
      commit(first);
      await removal.idle();
    },
    stop: async (withinMs) => {
      if (queue.gathers) wake();
      stopping.abort();
      let cancel = (): void => {};
      const patience = new Promise<void>((resolve) => {
        cancel = clock.after(withinMs, resolve);
      });
      const last = run.then(closeOff).then(() => Promise.all([removal.idle(), spares?.stop()]));
      await Promise.race([last, patience]);
      cancel();
      removal.stop(stopped());
      giveUp([...doomed, ...(writing?.entries ?? []), ...(take()?.entries ?? [])], stopped());
      if (active !== undefined) await closeQuietly(active.file);
      active = undefined;
    },
  };
}
