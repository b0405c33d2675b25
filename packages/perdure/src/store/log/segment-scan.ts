/**
 * Reads one segment from its first batch on and says where its valid bytes end, and whether that end is one that a loss
 * of power explains ("torn") or damage. The rules stand in record-log.ts.
 */
import type { OpenFile } from "../../host/files.ts";
import type { Bytes } from "../../wire/bytes.ts";
import type { BatchPlace, Crc32, LogRecord } from "./segment-format.ts";
import {
  BATCH_HEADER_BYTES,
  batchBytes,
  decodeBatch,
  decodeBatchHeader,
  isZero,
  likelyBatchIn,
  RECORD_HEADER_BYTES,
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
}

const WINDOW_BYTES = 1024 * 1024;

export async function scanSegment({ file, logId, crc32, segment, prepared = false, limit, onBatch }: SegmentScan): Promise<ScanEnd> {
  const size = await file.size();
  const window = createWindow(file, size);
  const damaged = (end: number, why: string): ScanEnd => ({ end, state: "damaged", why });
  if (limit !== undefined && size < limit) return damaged(size, `the file ends at ${size}, its valid bytes at ${limit}`);
  const stop = limit ?? size;
  let number: number | undefined;
  let at = SEGMENT_HEADER_BYTES;
  while (at < stop) {
    const place: BatchPlace = { logId, segment, offset: at, crc32 };
    const found = await readBatch(window, place, size);
    if (typeof found === "string" || found.batch.end > stop) {
      const why = typeof found === "string" ? found : "damaged";
      // A prepared file gets its name when its first batch is durable.
      const isDamage = prepared ? number === undefined : why === "damaged";
      if (limit !== undefined || isDamage) return damaged(at, "a batch here is not what was written");
      const later = await laterBatch(window, place, size, prepared ? (number as number) + 1 : 0);
      return later === undefined
        ? { end: at, state: "torn", why: "" }
        : damaged(at, `a batch here is missing although there is one at ${later}`);
    }
    const { batch } = found;
    if (number !== undefined && batch.number !== number + 1) return damaged(at, `batch ${batch.number} follows batch ${number}`);
    number = batch.number;
    at = batch.end;
    if (onBatch(batch) === false) return { end: at, state: "clean", why: "" };
  }
  return { end: at, state: "clean", why: "" };
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
async function laterBatch(window: Window, place: BatchPlace, size: number, number: number): Promise<number | undefined> {
  for (let from = place.offset + BATCH_HEADER_BYTES; from + BATCH_HEADER_BYTES <= size; from += WINDOW_BYTES) {
    const bytes = await window.read(from, WINDOW_BYTES);
    for (let at = likelyBatchIn(bytes, 0); at >= 0; at = likelyBatchIn(bytes, at + BATCH_HEADER_BYTES)) {
      const header = decodeBatchHeader({ ...place, offset: from + at }, bytes.subarray(at, at + BATCH_HEADER_BYTES));
      if (header !== undefined && header.number > number) return from + at;
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
