/**
 * Reads one segment from its first batch on and says where its valid bytes end, and whether that end is one that a loss
 * of power explains ("torn") or damage. The rules stand in record-log.ts. For who asks for it, damage is told and the scan goes on behind it.
 */
import type { OpenFile } from "../../host/files.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { type Salvaged, salvage } from "./salvage.ts";
import type { BatchHeader, BatchPlace, Crc32, LogRecord } from "./segment-format.ts";
import {
  BATCH_HEADER_BYTES,
  batchBytes,
  decodeBatch,
  decodeBatchHeader,
  isZero,
  likelyBatchIn,
  RECORD_HEADER_BYTES,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  zeroPieces,
} from "./segment-format.ts";

export interface ScannedBatch {
  readonly offset: number;
  readonly end: number;
  readonly number: number;
  readonly records: readonly LogRecord[];
  /** Where the payload of each record begins in the file. */
  readonly offsets: readonly number[];
}

/** Bytes that are not what was written, and what can be told of them all the same. */
export interface ScannedDamage extends Salvaged {
  readonly from: number;
  readonly to: number;
  /** Of the last batch in it, where that is known. */
  readonly number: number | undefined;
  readonly why: string;
}

export interface ScanEnd {
  /** Where the valid batches end. */
  readonly end: number;
  readonly state: "clean" | "torn" | "damaged";
  /** What is wrong at `end`, when it is damage. */
  readonly why: string;
}

export interface SegmentScan {
  readonly file: OpenFile;
  readonly logId: Bytes;
  readonly crc32?: Crc32 | undefined;
  readonly segment: number;
  /** The file was prepared: what lies behind the end are bytes of an earlier life. */
  readonly prepared?: boolean;
  /** The end of the valid bytes as a later manifest says; without it the file decides. */
  readonly limit?: number;
  /** Called with every valid batch in order; false stops the scan there. */
  readonly onBatch: (batch: ScannedBatch) => boolean | undefined;
  /** Called with every damaged place, in order among the batches; false stops the scan there. Without it the first one ends the scan. */
  readonly onDamage?: ((damage: ScannedDamage) => boolean | undefined) | undefined;
}

const WINDOW_BYTES = 1024 * 1024;

export async function scanSegment(scan: SegmentScan): Promise<ScanEnd> {
  const { file, logId, crc32, segment, prepared = false, limit, onBatch, onDamage } = scan;
  const size = await file.size();
  const window = createWindow(file, size);
  const damaged = (end: number, why: string): ScanEnd => ({ end, state: "damaged", why });
  const isShort = limit !== undefined && size < limit;
  if (isShort && onDamage === undefined) return damaged(size, `the file ends at ${size}, its valid bytes at ${limit}`);
  const stop = limit ?? size;
  let number: number | undefined;
  let at = SEGMENT_HEADER_BYTES;
  while (at < stop) {
    const place: BatchPlace = { logId, segment, offset: at, crc32 };
    const found = await readBatch(window, place, size);
    if (typeof found === "string" || found.batch.end > stop) {
      const state = typeof found === "string" ? found : "damaged";
      const later = limit === undefined ? await laterBatch(window, place, size, prepared ? (number ?? 0) + 1 : 0) : undefined;
      // A prepared file gets its name when its first batch is durable.
      const isDamage = prepared ? number === undefined : state === "damaged";
      if (limit === undefined && !isDamage && later === undefined) return { end: at, state: "torn", why: "" };
      const why =
        later === undefined || isDamage
          ? "a batch here is not what was written"
          : `a batch here is missing although there is one at ${later.offset}`;
      // A batch that is whole and lies over the end that the manifest says contradicts what has a checksum of its own.
      if (onDamage === undefined || typeof found !== "string") return damaged(at, why);
      const damage = await isolate(window, place, { size, stop, after: number === undefined ? 0 : number + 1, why });
      number = damage.number;
      at = damage.to;
      if (onDamage(damage) === false) return { end: at, state: "clean", why: "" };
      continue;
    }
    const { batch } = found;
    if (number !== undefined && batch.number !== number + 1) return damaged(at, `batch ${batch.number} follows batch ${number}`);
    number = batch.number;
    at = batch.end;
    if (onBatch(batch) === false) return { end: at, state: "clean", why: "" };
  }
  return { end: at, state: "clean", why: "" };
}

/**
 * Whether a file whose first sector is empty held more than its first batch, which was then durable, and that sector is damage: no loss of
 * power leaves more than a part of the first. Without a `logId`, where no file says which log it is, what looks like a batch is one: the first
 * batch of a log has nothing in it that anybody sent.
 */
export async function holdsLaterBatch({
  file,
  logId,
  segment,
}: {
  readonly file: OpenFile;
  readonly logId: Bytes | undefined;
  readonly segment: number;
}): Promise<boolean> {
  const size = await file.size();
  const window = createWindow(file, size);
  if (logId !== undefined) return (await laterBatch(window, { logId, segment, offset: SEGMENT_HEADER_BYTES }, size, 0)) !== undefined;
  for (let from = SECTOR_BYTES; from + BATCH_HEADER_BYTES <= size; from += WINDOW_BYTES)
    if (likelyBatchIn(await window.read(from, Math.min(WINDOW_BYTES, size - from)), 0) >= 0) return true;
  return false;
}

/** From a batch that is damaged to where the next one begins, or the segment ends. */
async function isolate(
  window: Window,
  place: BatchPlace,
  { size, stop, after, why }: { readonly size: number; readonly stop: number; readonly after: number; readonly why: string },
): Promise<ScannedDamage> {
  const { offset: from } = place;
  const header = await headerAt(window, place);
  const whole = header === undefined ? undefined : from + batchBytes(header.bodyBytes, 0);
  if (header !== undefined && whole !== undefined && whole <= Math.min(stop, size)) {
    const told = salvage(place, header, await window.read(from, whole - from));
    return { ...told, from, to: whole, why, number: header.number };
  }
  const next = await laterBatch(window, place, Math.min(stop, size), after);
  const to = next?.offset ?? stop;
  const told = salvage(place, undefined, await window.read(from, Math.max(0, Math.min(to, size) - from)));
  const number = next === undefined ? undefined : next.number - 1;
  // Records in a row up to where the next batch begins are all there were: only the header is not what it was.
  const last = told.records.at(-1);
  const end = last === undefined ? from + BATCH_HEADER_BYTES : (told.offsets.at(-1) as number) + last.payload.length;
  const isWhole = from + batchBytes(end - from - BATCH_HEADER_BYTES, 0) === to;
  return { ...told, lost: isWhole ? 0 : undefined, onlyRecords: isWhole, from, to, why, number };
}

async function headerAt(window: Window, place: BatchPlace): Promise<BatchHeader | undefined> {
  return decodeBatchHeader(place, await window.read(place.offset, BATCH_HEADER_BYTES));
}

async function readBatch(window: Window, place: BatchPlace, size: number): Promise<{ readonly batch: ScannedBatch } | "torn" | "damaged"> {
  const headerBytes = await window.read(place.offset, BATCH_HEADER_BYTES);
  const header = decodeBatchHeader(place, headerBytes);
  if (header === undefined)
    return headerBytes.length < BATCH_HEADER_BYTES || isZero(headerBytes, 0, headerBytes.length) ? "torn" : "damaged";
  const end = place.offset + batchBytes(header.bodyBytes, 0);
  if (end > size) return "torn";
  const bytes = await window.read(place.offset, end - place.offset);
  const records = decodeBatch(place, header, bytes);
  if (records === undefined) return zeroPieces(bytes, place.offset) > header.zeroPieces ? "torn" : "damaged";
  const offsets: number[] = [];
  let at = place.offset + BATCH_HEADER_BYTES;
  for (const { payload } of records) {
    offsets.push(at + RECORD_HEADER_BYTES);
    at += RECORD_HEADER_BYTES + payload.length;
  }
  return { batch: { offset: place.offset, end, number: header.number, records, offsets } };
}

/** Where behind an invalid batch another, numbered above `number`, begins: if one does it was synced before, and what is missing was too. */
async function laterBatch(
  window: Window,
  place: BatchPlace,
  stop: number,
  number: number,
): Promise<{ readonly offset: number; readonly number: number } | undefined> {
  for (let from = place.offset + BATCH_HEADER_BYTES; from + BATCH_HEADER_BYTES <= stop; from += WINDOW_BYTES) {
    const bytes = await window.read(from, Math.min(WINDOW_BYTES, stop - from));
    for (let at = likelyBatchIn(bytes, 0); at >= 0; at = likelyBatchIn(bytes, at + BATCH_HEADER_BYTES)) {
      const header = decodeBatchHeader({ ...place, offset: from + at }, bytes.subarray(at, at + BATCH_HEADER_BYTES));
      if (header !== undefined && header.number > number) return { offset: from + at, number: header.number };
    }
  }
  return undefined;
}

interface Window {
  /** Bytes of the file, fewer only at its end; a view that later reads leave as it is. */
  read(offset: number, length: number): Promise<Bytes>;
}

/** Reads ahead, so that small batches do not cost a read each. */
function createWindow(file: OpenFile, size: number): Window {
  let from = 0;
  let held: Bytes = new Uint8Array(0);
  return {
    read: async (offset, length) => {
      const end = Math.min(offset + length, size);
      if (offset < from || end > from + held.length) {
        held = await file.read(offset, Math.max(length, WINDOW_BYTES));
        from = offset;
      }
      return held.subarray(Math.max(0, offset - from), Math.max(0, end - from));
    },
  };
}
