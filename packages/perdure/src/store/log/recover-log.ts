/** Finds out what a folder of segments holds, and tells it record by record. Nothing is written here. */

import type { Files, OpenFile } from "../../host/files.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { equalBytes } from "../../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { FOLDER_OF_OLDER, otherVersion } from "../../wire/version.ts";
import type { RecordAt } from "./record-log.ts";
import type { Crc32, SegmentEnd, SegmentHeader } from "./segment-format.ts";
import {
  BATCH_HEADER_BYTES,
  decodeManifest,
  decodeSegmentHeader,
  GROWING,
  MANIFEST,
  PREPARED,
  RECORD,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentOfName,
} from "./segment-format.ts";
import type { IndexOf } from "./segment-index.ts";
import type { ScanEnd, ScannedBatch, ScannedDamage } from "./segment-scan.ts";
import { holdsLaterBatch, scanSegment } from "./segment-scan.ts";

export interface Recovery {
  readonly files: Files;
  readonly crc32: Crc32 | undefined;
  readonly folder: string;
  readonly magic: string;
  readonly replay: (record: Bytes, at: RecordAt) => void;
  /** Called before `replay` with each place a record lies at; snapshots do not count. */
  readonly onRecord: (at: RecordAt) => void;
  /** Whether that closed segment need not be read: its index says what is needed. */
  readonly isIndexed?: ((of: IndexOf) => Promise<boolean>) | undefined;
  /** Told every damaged place; what lies around it is read all the same. Without it damage is an error. */
  readonly onDamage?: ((damage: LogDamage) => void) | undefined;
}

/** A part of a log that is not what was written. */
export interface LogDamage {
  readonly path: string;
  readonly segment: number;
  /** First byte, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** Records that cannot be read; `undefined` when nobody can say how many. */
  readonly lostRecords: number | undefined;
  /** What is lost may be small state that no later snapshot restates. */
  readonly mayTurnBack: boolean;
  readonly why: string;
}

export interface Recovered {
  /** `undefined` when there is no log yet. */
  readonly logId: Bytes | undefined;
  /** What the log consists of, oldest first. */
  readonly segments: readonly SegmentFound[];
  /** Segment files in the folder that are not part of the log. */
  readonly leftover: readonly number[];
  /** All files in the folder. */
  readonly names: readonly string[];
  /** The highest number a file in the folder has; 0 when there is none. */
  readonly highest: number;
  readonly lastBatch: number;
  /** The batch that ends the log. A process that was killed may have written it and never synced it. */
  readonly tail: { readonly segment: number; readonly offset: number; readonly end: number } | undefined;
}

export interface SegmentFound extends SegmentEnd {
  /** What it takes on the disk: of a prepared file all of it. */
  readonly bytes: number;
  /** It was not read. */
  readonly indexed: boolean;
}

/** Nothing else says what the log consists of, and what of it counts. */
const HEAD_DAMAGED = "the batch that names the parts of the log, or restates its state, is not what was written";

interface Head {
  readonly segment: number;
  readonly header: SegmentHeader;
  readonly manifest: readonly SegmentEnd[];
}

export async function recoverLog(recovery: Recovery): Promise<Recovered> {
  const { files, folder } = recovery;
  const names = await files.list(folder);
  const present = names
    .map(segmentOfName)
    .filter((segment) => segment !== undefined)
    .sort((a, b) => a - b);
  const highest = present.at(-1) ?? 0;
  const head = await findHead(recovery, present);
  if (head === undefined) return { logId: undefined, segments: [], leftover: present, names, highest, lastBatch: 0, tail: undefined };

  const { logId } = head.header;
  const segments: SegmentFound[] = [];
  let lastBatch = 0;
  let tail: Recovered["tail"];
  for (const { segment, end: limit } of [...head.manifest, { segment: head.segment, end: undefined }]) {
    if (!present.includes(segment)) throw damage(recovery, segment, 0, "the file is missing");
    await using file = await openSegment(recovery, segment);
    const header = decodeSegmentHeader(await file.read(0, SECTOR_BYTES));
    // Whatever it says, the manifest says where its valid bytes end and their checksums whether they are of this segment.
    const isLegible = typeof header !== "string";
    if (isLegible ? header.segment !== segment || !equalBytes(header.logId, logId) : recovery.onDamage === undefined)
      throw damage(recovery, segment, 0, "the header is not that of this file");
    if (isLegible) mustBeRead(recovery, segment, header);
    else tellDamage(recovery, segment, { from: 0, to: SEGMENT_HEADER_BYTES, lost: 0, why: "the header is not what was written" }, false);
    const prepared = isLegible ? header.version === PREPARED : (await file.size()) > (limit ?? 0);
    if (isLegible && limit !== undefined && (await file.size()) >= limit) {
      const of: IndexOf = { magic: recovery.magic, logId, segment, end: limit, crc32: recovery.crc32 };
      if ((await recovery.isIndexed?.(of)) === true) {
        segments.push({ segment, end: limit, bytes: prepared ? await file.size() : limit, indexed: true });
        continue;
      }
    }
    const onBatch = (batch: ScannedBatch): undefined => {
      if (batch.number <= lastBatch) throw damage(recovery, segment, batch.offset, `batch ${batch.number} follows batch ${lastBatch}`);
      lastBatch = batch.number;
      // With the first batch of a file goes its header.
      const offset = batch.offset === SEGMENT_HEADER_BYTES ? 0 : batch.offset;
      tail = { segment, offset, end: batch.end };
      tell(recovery, segment, batch);
    };
    const isNewest = segment === head.segment;
    const isBeforeNewest = segment === head.manifest.at(-1)?.segment;
    const onDamage = (found: ScannedDamage): undefined => {
      tellDamage(recovery, segment, found, isNewest || (isBeforeNewest && found.to === limit));
      tell(recovery, segment, found);
      // It may have been written by a process that was killed before it was durable: then so will be what of it was read.
      const offset = found.from === SEGMENT_HEADER_BYTES ? 0 : found.from;
      if (!isNewest) return;
      tail = { segment, offset, end: found.to };
      // No number may be given twice, also when what is damaged can be read again one day.
      lastBatch = Math.max(lastBatch, found.number ?? lastBatch + Math.ceil((found.to - found.from) / BATCH_HEADER_BYTES));
    };
    const ended = await scanSegment({
      file,
      logId,
      crc32: recovery.crc32,
      segment,
      prepared,
      onBatch,
      onDamage: recovery.onDamage && onDamage,
      ...(limit === undefined ? {} : { limit }),
    });
    if (ended.state === "damaged") throw damage(recovery, segment, ended.end, ended.why);
    segments.push({ segment, end: ended.end, bytes: prepared ? await file.size() : ended.end, indexed: false });
  }
  const part = new Set(segments.map(({ segment }) => segment));
  return { logId, segments, leftover: present.filter((segment) => !part.has(segment)), names, highest, lastBatch, tail };
}

/** Damage in the newest segment, or right before it, is behind what the newest snapshot restates. */
function tellDamage(
  recovery: Pick<Recovery, "folder" | "onDamage">,
  segment: number,
  { from, to, lost, why }: Pick<ScannedDamage, "from" | "to" | "lost" | "why">,
  isBehindSnapshot: boolean,
): void {
  const mayTurnBack = isBehindSnapshot && lost !== 0;
  recovery.onDamage?.({ path: pathOf(recovery, segment), segment, from, to, lostRecords: lost, mayTurnBack, why });
}

function tell({ replay, onRecord }: Recovery, segment: number, batch: Pick<ScannedBatch, "records" | "offsets">): void {
  for (const [index, { kind, payload }] of batch.records.entries()) {
    if (kind === MANIFEST) continue;
    const at: RecordAt = { segment, offset: batch.offsets[index] as number, length: payload.length };
    if (kind === RECORD) onRecord(at);
    replay(payload.slice(), at);
  }
}

/**
 * Calls `onRecord` with each record of a closed segment whose valid bytes end at `end`; what it restates is left out. Damage is told and read
 * around, or an error, as in `recoverLog`.
 */
export async function readClosed(
  recovery: Pick<Recovery, "files" | "folder" | "crc32" | "onDamage">,
  { logId, segment, end }: Pick<IndexOf, "logId" | "segment" | "end">,
  onRecord: (record: Bytes, at: RecordAt) => void,
): Promise<void> {
  await using file = await openSegment(recovery, segment);
  const onBatch = ({ records, offsets }: Pick<ScannedBatch, "records" | "offsets">): undefined => {
    for (const [index, { kind, payload }] of records.entries())
      if (kind === RECORD) onRecord(payload, { segment, offset: offsets[index] as number, length: payload.length });
  };
  const onDamage = (found: ScannedDamage): undefined => {
    tellDamage(recovery, segment, found, false);
    onBatch(found);
  };
  const ended = await scanSegment({
    file,
    logId,
    crc32: recovery.crc32,
    segment,
    prepared: true,
    limit: end,
    onBatch,
    onDamage: recovery.onDamage && onDamage,
  });
  if (ended.state === "damaged") throw damage(recovery, segment, ended.end, ended.why);
}

/** The newest segment whose manifest is durable. Newer files are attempts that no loss of power let finish. */
async function findHead(recovery: Recovery, present: readonly number[]): Promise<Head | undefined> {
  const blank: number[] = [];
  const found = await findNewest(recovery, present, blank);
  for (const segment of blank) {
    await using file = await openSegment(recovery, segment);
    if (await holdsLaterBatch({ file, logId: found?.header.logId, segment }))
      throw damage(recovery, segment, 0, "its first sector is empty although batches lie behind it");
  }
  return found;
}

/** `blank`: takes those that are newer and begin with nothing. */
async function findNewest(recovery: Recovery, present: readonly number[], blank: number[]): Promise<Head | undefined> {
  for (const segment of [...present].reverse()) {
    await using file = await openSegment(recovery, segment);
    const header = decodeSegmentHeader(await file.read(0, SECTOR_BYTES));
    if (header === "invalid") throw damage(recovery, segment, 0, "the header is not what was written");
    if (header === "blank") {
      blank.push(segment);
      continue;
    }
    mustBeOurs(recovery, segment, header);
    let first: Pick<ScannedBatch, "records"> | undefined;
    const onBatch = (batch: ScannedBatch): boolean => {
      first = batch;
      return false;
    };
    const onDamage = (found: ScannedDamage): boolean => {
      if (!found.onlyRecords || found.records.length === 0) throw damage(recovery, segment, found.from, HEAD_DAMAGED);
      first = found;
      return false;
    };
    const prepared = header.version === PREPARED;
    const ended: ScanEnd = await scanSegment({
      file,
      logId: header.logId,
      crc32: recovery.crc32,
      segment,
      prepared,
      onBatch,
      onDamage: recovery.onDamage && onDamage,
    });
    if (ended.state === "damaged") throw damage(recovery, segment, ended.end, ended.why);
    const manifest = first?.records.at(-1);
    // One that was prepared has its name from when its first batch was whole.
    if (manifest === undefined && prepared) throw damage(recovery, segment, SEGMENT_HEADER_BYTES, HEAD_DAMAGED);
    if (manifest === undefined) continue;
    const listed = manifest.kind === MANIFEST ? decodeManifest(manifest.payload) : undefined;
    if (listed === undefined) throw damage(recovery, segment, SEGMENT_HEADER_BYTES, "the first batch has no manifest");
    return { segment, header, manifest: listed };
  }
  return undefined;
}

function mustBeOurs(recovery: Recovery, segment: number, header: SegmentHeader): void {
  mustBeRead(recovery, segment, header);
  if (header.kind !== recovery.magic) {
    throw new PerdureError(
      "log-damaged",
      `${pathOf(recovery, segment)} belongs to a log of kind "${header.kind}", not "${recovery.magic}"`,
      {
        hint: "Use another folder: a relay and an agent cannot share one.",
      },
    );
  }
  if (header.segment !== segment) throw damage(recovery, segment, 0, `the header is that of segment ${header.segment}`);
}

function mustBeRead(recovery: Recovery, segment: number, { version }: SegmentHeader): void {
  if (version === GROWING || version === PREPARED) return;
  throw otherVersion({ what: pathOf(recovery, segment), found: version, own: PREPARED, older: FOLDER_OF_OLDER });
}

async function openSegment(recovery: Pick<Recovery, "files" | "folder">, segment: number): Promise<OpenFile & AsyncDisposable> {
  try {
    const file = await recovery.files.open(pathOf(recovery, segment), "read");
    // It is only read: when its closing fails nothing is lost.
    return { ...file, [Symbol.asyncDispose]: () => file.close().catch(() => {}) };
  } catch (error) {
    if (isPerdureError(error) && error.code === "not-found") throw damage(recovery, segment, 0, "the file is missing");
    throw error;
  }
}

function pathOf({ folder }: Pick<Recovery, "folder">, segment: number): string {
  return `${folder}/${segmentName(segment)}`;
}

function damage(recovery: Pick<Recovery, "folder">, segment: number, offset: number, why: string): PerdureError {
  return new PerdureError("log-damaged", `${pathOf(recovery, segment)} is damaged at byte ${offset}: ${why}`, {
    hint: "Restore the folder from a backup; nothing in it was changed.",
  });
}
