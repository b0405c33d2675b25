/** Finds out what a folder of segments holds, and tells it record by record. Nothing is written here. */

import type { Files, OpenFile } from "../../host/files.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { equalBytes } from "../../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { FOLDER_OF_OLDER, otherVersion } from "../../wire/version.ts";
import type { RecordAt } from "./record-log.ts";
import type { Crc32, SegmentEnd, SegmentHeader } from "./segment-format.ts";
import {
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
import type { ScanEnd, ScannedBatch } from "./segment-scan.ts";
import { scanSegment } from "./segment-scan.ts";

export interface Recovery {
  readonly files: Files;
  readonly crc32: Crc32 | undefined;
  readonly folder: string;
  readonly magic: string;
  readonly replay: (record: Bytes, at: RecordAt) => void;
  /** Called before `replay` with each place a record lies at; snapshots do not count. */
  readonly onRecord: (at: RecordAt) => void;
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
}

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
    if (typeof header === "string" || header.segment !== segment || !equalBytes(header.logId, logId)) {
      throw damage(recovery, segment, 0, "the header is not that of this file");
    }
    mustBeRead(recovery, segment, header);
    const prepared = header.version === PREPARED;
    const onBatch = (batch: ScannedBatch): undefined => {
      if (batch.number <= lastBatch) throw damage(recovery, segment, batch.offset, `batch ${batch.number} follows batch ${lastBatch}`);
      lastBatch = batch.number;
      // With the first batch of a file goes its header.
      const offset = batch.offset === SEGMENT_HEADER_BYTES ? 0 : batch.offset;
      tail = { segment, offset, end: batch.end };
      tell(recovery, segment, batch);
    };
    const ended = await scanSegment({
      file,
      logId,
      crc32: recovery.crc32,
      segment,
      prepared,
      onBatch,
      ...(limit === undefined ? {} : { limit }),
    });
    if (ended.state === "damaged") throw damage(recovery, segment, ended.end, ended.why);
    segments.push({ segment, end: ended.end, bytes: prepared ? await file.size() : ended.end });
  }
  const part = new Set(segments.map(({ segment }) => segment));
  return { logId, segments, leftover: present.filter((segment) => !part.has(segment)), names, highest, lastBatch, tail };
}

function tell({ replay, onRecord }: Recovery, segment: number, batch: ScannedBatch): void {
  for (const [index, { kind, payload }] of batch.records.entries()) {
    if (kind === MANIFEST) continue;
    const at: RecordAt = { segment, offset: batch.offsets[index] as number, length: payload.length };
    if (kind === RECORD) onRecord(at);
    replay(payload.slice(), at);
  }
}

/** The newest segment whose manifest is durable. Newer files are attempts that no loss of power let finish. */
async function findHead(recovery: Recovery, present: readonly number[]): Promise<Head | undefined> {
  for (const segment of [...present].reverse()) {
    await using file = await openSegment(recovery, segment);
    const header = decodeSegmentHeader(await file.read(0, SECTOR_BYTES));
    if (header === "invalid") throw damage(recovery, segment, 0, "the header is not what was written");
    if (header === "blank") continue;
    mustBeOurs(recovery, segment, header);
    let first: ScannedBatch | undefined;
    const onBatch = (batch: ScannedBatch): boolean => {
      first = batch;
      return false;
    };
    const prepared = header.version === PREPARED;
    const ended: ScanEnd = await scanSegment({ file, logId: header.logId, crc32: recovery.crc32, segment, prepared, onBatch });
    if (ended.state === "damaged") throw damage(recovery, segment, ended.end, ended.why);
    const manifest = first?.records.at(-1);
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

async function openSegment(recovery: Recovery, segment: number): Promise<OpenFile & AsyncDisposable> {
  try {
    const file = await recovery.files.open(pathOf(recovery, segment), "read");
    // It is only read: when its closing fails nothing is lost.
    return { ...file, [Symbol.asyncDispose]: () => file.close().catch(() => {}) };
  } catch (error) {
    if (isPerdureError(error) && error.code === "not-found") throw damage(recovery, segment, 0, "the file is missing");
    throw error;
  }
}

function pathOf({ folder }: Recovery, segment: number): string {
  return `${folder}/${segmentName(segment)}`;
}

function damage(recovery: Recovery, segment: number, offset: number, why: string): PerdureError {
  return new PerdureError("log-damaged", `${pathOf(recovery, segment)} is damaged at byte ${offset}: ${why}`, {
    hint: "Restore the folder from a copy made while nothing ran; nothing in it was changed.",
  });
}
