/** The bytes of a segment: reading and writing what record-log.ts describes. */
import type { Bytes } from "../../wire/bytes.ts";
import { readU64, utf8, viewOf, writeU64 } from "../../wire/bytes.ts";
import { crc32 } from "./crc32.ts";

export const SEGMENT_HEADER_BYTES = 64;
export const BATCH_HEADER_BYTES = 32;
export const RECORD_HEADER_BYTES = 12;
export const LOG_ID_BYTES = 8;
export const FORMAT_VERSION = 1;
const BATCH_ALIGN = 32;
export const SECTOR_BYTES = 512;
const BATCH_MAGIC = 0x50424154;
const SEGMENT_MAGIC: Bytes = utf8("prdlog\0\0");
const KIND_BYTES = 8;
const PADDING = 0xa5;

export const RECORD = 0;
export const SNAPSHOT = 1;
export const MANIFEST = 2;
export type RecordKind = typeof RECORD | typeof SNAPSHOT | typeof MANIFEST;

export interface LogRecord {
  readonly kind: RecordKind;
  readonly payload: Bytes;
}

export interface BatchPlace {
  readonly logId: Bytes;
  readonly segment: number;
  /** Where the batch begins in its file. */
  readonly offset: number;
}

export interface BatchHeader {
  readonly bodyBytes: number;
  readonly number: number;
  readonly count: number;
  readonly zeroPieces: number;
  readonly recordsCrc: number;
}

export interface SegmentEnd {
  readonly segment: number;
  /** Bytes of the segment that belong to the log. */
  readonly end: number;
}

export function segmentName(segment: number): string {
  return `${segment.toString().padStart(6, "0")}.log`;
}

/** The number in a segment's file name, or `undefined` for another file. */
export function segmentOfName(name: string): number | undefined {
  const digits = /^(\d{6,10})\.log$/.exec(name)?.[1];
  const segment = digits === undefined ? 0 : Number(digits);
  return segment > 0 && segmentName(segment) === name ? segment : undefined;
}

export function encodeSegmentHeader(kind: string, logId: Bytes, segment: number): Bytes {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = viewOf(bytes);
  bytes.set(SEGMENT_MAGIC);
  bytes.set(utf8(kind), SEGMENT_MAGIC.length);
  bytes.set(logId, 16);
  view.setUint32(24, segment);
  view.setUint32(28, FORMAT_VERSION);
  view.setUint32(60, crc32(bytes.subarray(0, 60)));
  return bytes;
}

export interface SegmentHeader {
  readonly kind: string;
  readonly logId: Bytes;
  readonly segment: number;
  readonly version: number;
}

/** From the first sector of a file: `blank` when nothing of it was ever written, `invalid` when it begins with no header. */
export function decodeSegmentHeader(bytes: Bytes): SegmentHeader | "blank" | "invalid" {
  if (bytes.length < SEGMENT_HEADER_BYTES || isZero(bytes, 0, bytes.length)) return "blank";
  const view = viewOf(bytes);
  if (SEGMENT_MAGIC.some((byte, index) => bytes[index] !== byte) || view.getUint32(60) !== crc32(bytes.subarray(0, 60))) return "invalid";
  let kind = "";
  for (const byte of bytes.subarray(8, 8 + KIND_BYTES)) if (byte !== 0) kind += String.fromCharCode(byte);
  return { kind, logId: bytes.slice(16, 16 + LOG_ID_BYTES), segment: view.getUint32(24), version: view.getUint32(28) };
}

/** Bytes a batch of records with these payload lengths takes, padding included. */
export function batchBytes(payloadBytes: number, count: number): number {
  return Math.ceil((BATCH_HEADER_BYTES + count * RECORD_HEADER_BYTES + payloadBytes) / BATCH_ALIGN) * BATCH_ALIGN;
}

export function encodeBatch(place: BatchPlace, number: number, records: readonly LogRecord[]): Bytes {
  let payloadBytes = 0;
  for (const { payload } of records) payloadBytes += payload.length;
  const bytes = new Uint8Array(batchBytes(payloadBytes, records.length));
  const view = viewOf(bytes);
  let at = BATCH_HEADER_BYTES;
  let recordsCrc = 0;
  for (const { kind, payload } of records) {
    const payloadAt = at + RECORD_HEADER_BYTES;
    view.setUint32(at, payload.length);
    view.setUint32(at + 4, crc32(payload, placeCrc(place.logId, place.segment, place.offset + payloadAt, kind)));
    bytes[at + 8] = kind;
    recordsCrc = crc32(bytes.subarray(at, payloadAt), recordsCrc);
    bytes.set(payload, payloadAt);
    at = payloadAt + payload.length;
  }
  bytes.fill(PADDING, at);
  view.setUint32(0, BATCH_MAGIC);
  view.setUint32(4, at - BATCH_HEADER_BYTES);
  writeU64(view, 8, number);
  view.setUint32(16, records.length);
  view.setUint32(24, recordsCrc);
  view.setUint32(20, zeroPieces(bytes, place.offset));
  view.setUint32(28, crc32(bytes.subarray(0, 28), placeCrc(place.logId, place.segment, place.offset, HEADER)));
  return bytes;
}

export function decodeBatchHeader(place: BatchPlace, bytes: Bytes): BatchHeader | undefined {
  if (bytes.length < BATCH_HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0) !== BATCH_MAGIC) return undefined;
  if (view.getUint32(28) !== crc32(bytes.subarray(0, 28), placeCrc(place.logId, place.segment, place.offset, HEADER))) return undefined;
  const number = readU64(view, 8);
  if (number === undefined) return undefined;
  return {
    bodyBytes: view.getUint32(4),
    number,
    count: view.getUint32(16),
    zeroPieces: view.getUint32(20),
    recordsCrc: view.getUint32(24),
  };
}

/** The records of a whole batch, `undefined` when one byte of them is not what was written. Payloads are views. */
export function decodeBatch(place: BatchPlace, header: BatchHeader, bytes: Bytes): LogRecord[] | undefined {
  const view = viewOf(bytes);
  const end = BATCH_HEADER_BYTES + header.bodyBytes;
  const records: LogRecord[] = [];
  let at = BATCH_HEADER_BYTES;
  let recordsCrc = 0;
  for (let index = 0; index < header.count; index++) {
    const payloadAt = at + RECORD_HEADER_BYTES;
    if (payloadAt > end) return undefined;
    const payload = decodeRecord(place, bytes, view, at, end);
    if (payload === undefined) return undefined;
    recordsCrc = crc32(bytes.subarray(at, payloadAt), recordsCrc);
    records.push({ kind: bytes[at + 8] as RecordKind, payload });
    at = payloadAt + payload.length;
  }
  return at === end && recordsCrc === header.recordsCrc ? records : undefined;
}

/** The payload of a record of kind {@link RECORD} given its header and payload bytes, `undefined` when it is not that. */
export function decodeRecordAt(logId: Bytes, segment: number, offset: number, length: number, bytes: Bytes): Bytes | undefined {
  if (bytes.length !== RECORD_HEADER_BYTES + length || bytes[8] === MANIFEST) return undefined;
  const place = { logId, segment, offset: offset - RECORD_HEADER_BYTES };
  const payload = decodeRecord(place, bytes, viewOf(bytes), 0, bytes.length);
  return payload?.length === length ? payload : undefined;
}

function decodeRecord(place: BatchPlace, bytes: Bytes, view: DataView, at: number, end: number): Bytes | undefined {
  const payloadAt = at + RECORD_HEADER_BYTES;
  const length = view.getUint32(at);
  const kind = bytes[at + 8] as number;
  if (payloadAt + length > end || kind > MANIFEST || !isZero(bytes, at + 9, at + RECORD_HEADER_BYTES)) return undefined;
  const payload = bytes.subarray(payloadAt, payloadAt + length);
  return view.getUint32(at + 4) === crc32(payload, placeCrc(place.logId, place.segment, place.offset + payloadAt, kind))
    ? payload
    : undefined;
}

/** How many of the pieces of `bytes`, cut at sector boundaries of the file they lie in from `offset`, are all zero. */
export function zeroPieces(bytes: Bytes, offset: number): number {
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    if (isZero(bytes, at, end)) count++;
    at = end;
  }
  return count;
}

export function isZero(bytes: Bytes, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}

export function encodeManifest(segments: readonly SegmentEnd[]): Bytes {
  const bytes = new Uint8Array(4 + segments.length * 12);
  const view = viewOf(bytes);
  view.setUint32(0, segments.length);
  for (const [index, { segment, end }] of segments.entries()) {
    view.setUint32(4 + index * 12, segment);
    writeU64(view, 8 + index * 12, end);
  }
  return bytes;
}

export function decodeManifest(bytes: Bytes): SegmentEnd[] | undefined {
  if (bytes.length < 4) return undefined;
  const view = viewOf(bytes);
  const count = view.getUint32(0);
  if (bytes.length !== 4 + count * 12) return undefined;
  const segments: SegmentEnd[] = [];
  for (let index = 0; index < count; index++) {
    const end = readU64(view, 8 + index * 12);
    if (end === undefined) return undefined;
    segments.push({ segment: view.getUint32(4 + index * 12), end });
  }
  return segments;
}

/** Stands for a batch header where the kind of a record stands otherwise. */
const HEADER = 255;

function placeCrc(logId: Bytes, segment: number, offset: number, kind: number): number {
  const place = new Uint8Array(LOG_ID_BYTES + 13);
  place.set(logId);
  // Without a DataView, which moves so small an array out of the heap: this runs for every record.
  placeU32(place, LOG_ID_BYTES, segment);
  placeU32(place, LOG_ID_BYTES + 4, Math.floor(offset / 0x1_0000_0000));
  placeU32(place, LOG_ID_BYTES + 8, offset);
  place[LOG_ID_BYTES + 12] = kind;
  return crc32(place);
}

function placeU32(bytes: Bytes, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
