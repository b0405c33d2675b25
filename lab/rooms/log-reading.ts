/**
 * What a folder of segments says when it is opened, by the words of `store/log/record-log.ts` and with nothing of the product: which segments
 * the log consists of, what it holds, and whether what cannot be read was torn by a loss of power or is damaged.
 */
import {
  BATCH_HEADER,
  type Batch,
  batchHeaderAt,
  HEADER,
  isPrepared,
  logIdOf,
  MANIFEST,
  manifestOf,
  mustBeAsDescribed,
  SECTOR,
  type Segments,
  wholeBatchAt,
  zeroPieces,
} from "../log-bytes.ts";

export interface Entry {
  /** 0 for a record, 1 for one of a snapshot. */
  readonly kind: number;
  readonly payload: Buffer;
  readonly segment: number;
  readonly offset: number;
}

export interface Part {
  readonly segment: number;
  readonly end: number;
  readonly batches: readonly Batch[];
  /** It is made of a file that was prepared. */
  readonly prepared: boolean;
  /** What it takes: of a prepared file all of it. */
  readonly bytes: number;
}

export interface Reading {
  /** Oldest first; none where no log is yet. */
  readonly parts: readonly Part[];
  readonly entries: readonly Entry[];
}

/** What is wrong with a folder that is damaged. */
export class Damaged extends Error {}

/** Throws `Damaged`. With `strictly` also an `Error` where something is valid and not as it is described. */
export function readLog(segments: Segments, kind: string, strictly: boolean): Reading {
  const head = headOf(segments, kind);
  if (head === undefined) return { parts: [], entries: [] };
  const parts: Part[] = [];
  let last = 0;
  for (const { segment, end } of [...head.manifest, { segment: head.segment, end: undefined }]) {
    const bytes = segments.get(segment);
    if (bytes === undefined) throw new Damaged(`segment ${segment} is missing`);
    const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!headerOf(file, kind, segment)?.equals(head.logId)) throw new Damaged(`segment ${segment} has another header`);
    const batches = batchesOf(file, head.logId, segment, end);
    for (const batch of batches) {
      if (batch.number <= last) throw new Damaged(`batch ${batch.number} follows batch ${last}`);
      last = batch.number;
      if (strictly) mustBeAsDescribed(file, segment, batch, isPrepared(file) && batch === batches.at(-1));
    }
    const endsAt = batches.at(-1)?.end ?? HEADER;
    const prepared = isPrepared(file);
    parts.push({ segment, end: endsAt, batches, prepared, bytes: prepared ? file.length : endsAt });
  }
  const entries = parts.flatMap(({ segment, batches }) =>
    batches.flatMap(({ records }) => records.filter((each) => each.kind !== MANIFEST).map((each) => ({ ...each, segment }))),
  );
  return { parts, entries };
}

interface Head {
  readonly segment: number;
  readonly logId: Buffer;
  readonly manifest: readonly { readonly segment: number; readonly end: number | undefined }[];
}

/** The newest segment that exists: its first batch is whole. No loss of power empties the first sector of a file that held more than that. */
function headOf(segments: Segments, kind: string): Head | undefined {
  const empty: number[] = [];
  const head = newestOf(segments, kind, empty);
  for (const segment of empty) {
    const file = Buffer.from(segments.get(segment) as Uint8Array);
    const held = head === undefined ? looksLikeBatch(file) : hasBatchBehind(file, head.logId, segment, HEADER, 0);
    if (held) throw new Damaged(`the first sector of segment ${segment} is empty`);
  }
  return head;
}

/** `empty` takes the newer ones in which nothing was written, or nothing is left at the beginning. */
function newestOf(segments: Segments, kind: string, empty: number[]): Head | undefined {
  for (const segment of [...segments.keys()].sort((a, b) => b - a)) {
    const bytes = segments.get(segment) as Uint8Array;
    const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const logId = headerOf(file, kind, segment);
    if (logId === undefined) {
      empty.push(segment);
      continue;
    }
    const first = batchIn(file, logId, segment, HEADER);
    // A prepared file is no segment before its first batch is whole.
    if (first === "damaged" || (first === "torn" && (isPrepared(file) || hasBatchBehind(file, logId, segment, HEADER, 0))))
      throw new Damaged(`segment ${segment} begins with a batch that is damaged`);
    if (first === "torn") continue;
    return { segment, logId, manifest: manifestOf(first, segment) };
  }
  return undefined;
}

function headerOf(file: Buffer, kind: string, segment: number): Buffer | undefined {
  try {
    return logIdOf(file, kind, segment);
  } catch (error) {
    throw new Damaged(String(error));
  }
}

/** Up to `limit`, or up to where the file ends or is torn. */
function batchesOf(file: Buffer, logId: Buffer, segment: number, limit: number | undefined): readonly Batch[] {
  if (limit !== undefined && file.length < limit) throw new Damaged(`segment ${segment} is too short`);
  const batches: Batch[] = [];
  for (let at = HEADER; at < (limit ?? file.length); ) {
    const found = batchIn(file, logId, segment, at);
    const before = batches.at(-1);
    const mayEnd = isPrepared(file) ? typeof found === "string" && before !== undefined : found === "torn";
    const number = isPrepared(file) && before !== undefined ? before.number + 1 : 0;
    if (mayEnd && limit === undefined && !hasBatchBehind(file, logId, segment, at, number)) return batches;
    if (typeof found === "string" || found.end > (limit ?? file.length)) throw new Damaged(`segment ${segment} at ${at}`);
    if (before !== undefined && found.number !== before.number + 1) throw new Damaged(`segment ${segment} at ${at}: a batch is missing`);
    batches.push(found);
    at = found.end;
  }
  return batches;
}

/** Torn, where it grew: shorter than it says, or with more pieces of zeroes than it says. */
function batchIn(file: Buffer, logId: Buffer, segment: number, offset: number): Batch | "torn" | "damaged" {
  const whole = wholeBatchAt(file, logId, segment, offset);
  if (whole !== undefined) return whole;
  const there = file.subarray(offset, offset + BATCH_HEADER);
  if (there.length < BATCH_HEADER || there.every((byte) => byte === 0)) return "torn";
  const header = batchHeaderAt(file, logId, segment, offset);
  if (header === undefined) return "damaged";
  const end = offset + Math.ceil((BATCH_HEADER + header.readUInt32BE(4)) / BATCH_HEADER) * BATCH_HEADER;
  if (end > file.length) return "torn";
  return zeroPieces(file, offset, end) > header.readUInt32BE(20) ? "torn" : "damaged";
}

/** One with a higher number. */
function hasBatchBehind(file: Buffer, logId: Buffer, segment: number, offset: number, number: number): boolean {
  for (let at = offset + BATCH_HEADER; at + BATCH_HEADER <= file.length; at += BATCH_HEADER) {
    const header = batchHeaderAt(file, logId, segment, at);
    if (header !== undefined && Number(header.readBigUInt64BE(8)) > number) return true;
  }
  return false;
}

/** Where no file says which log it is: behind the first sector, at a place where batches begin. */
function looksLikeBatch(file: Buffer): boolean {
  for (let at = SECTOR; at + BATCH_HEADER <= file.length; at += BATCH_HEADER)
    if (file.toString("latin1", at, at + 4) === "PBAT") return true;
  return false;
}
