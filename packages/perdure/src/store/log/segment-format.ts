/** The bytes of a segment: reading and writing what record-log.ts describes. */
import type { Bytes, Piece } from "../../wire/bytes.ts";
import { putU32, putU64, u32At, u64At, utf8, writePiece } from "../../wire/bytes.ts";
import { crc32 } from "./crc32.ts";

export const SEGMENT_HEADER_BYTES = 64;
export const BATCH_HEADER_BYTES = 32;
export const RECORD_HEADER_BYTES = 12;
export const LOG_ID_BYTES = 8;
/** Of a segment that ends where it was written last, and of one in a file that was prepared. */
export const GROWING = 1;
export const PREPARED = 2;
export type FormatVersion = typeof GROWING | typeof PREPARED;
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

export interface RecordToWrite {
  readonly kind: RecordKind;
  readonly payload: Piece;
}

export type Crc32 = (bytes: Bytes, before?: number) => number;

export interface BatchPlace {
  readonly logId: Bytes;
  readonly segment: number;
  /** Where the batch begins in its file. */
  readonly offset: number;
  /** The machine's own, where it has one. */
  readonly crc32?: Crc32 | undefined;
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

/** Whether a file was prepared for a segment, or was being filled for one. */
export function isSpareName(name: string): boolean {
  return /^(\d+\.spare|spare\.part)$/.test(name);
}

export function encodeSegmentHeader(kind: string, logId: Bytes, segment: number, version: FormatVersion): Bytes {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  bytes.set(SEGMENT_MAGIC);
  bytes.set(utf8(kind), SEGMENT_MAGIC.length);
  bytes.set(logId, 16);
  putU32(bytes, 24, segment);
  putU32(bytes, 28, version);
  putU32(bytes, 60, crc32(bytes.subarray(0, 60)));
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
  if (SEGMENT_MAGIC.some((byte, index) => bytes[index] !== byte) || u32At(bytes, 60) !== crc32(bytes.subarray(0, 60))) return "invalid";
  let kind = "";
  for (const byte of bytes.subarray(8, 8 + KIND_BYTES)) if (byte !== 0) kind += String.fromCharCode(byte);
  return { kind, logId: bytes.slice(16, 16 + LOG_ID_BYTES), segment: u32At(bytes, 24), version: u32At(bytes, 28) };
}

/** Bytes a batch of records with these payload lengths takes, padding included. */
export function batchBytes(payloadBytes: number, count: number): number {
  return Math.ceil((BATCH_HEADER_BYTES + count * RECORD_HEADER_BYTES + payloadBytes) / BATCH_ALIGN) * BATCH_ALIGN;
}

/**
 * A batch that is put together in memory: each record is copied to where it goes as it comes, so that nothing of what it was made of is
 * kept until the disk has time for it. `memory` may hold anything; where it is too small there is more.
 */
export class BatchDraft {
  readonly place: BatchPlace;
  /** Where in the file the payload of the next record lies. */
  nextOffset: number;
  memory: Bytes;
  readonly #placeSum: PlaceSum;
  #count = 0;
  #recordsCrc = 0;

  constructor(place: BatchPlace, memory: Bytes = new Uint8Array(BATCH_ALIGN)) {
    this.place = place;
    this.nextOffset = place.offset + BATCH_HEADER_BYTES + RECORD_HEADER_BYTES;
    this.memory = memory;
    this.#placeSum = placeSums(place);
  }

  /** A view of what lies at that offset of the file; valid until something is added. */
  view(offset: number, length: number): Bytes {
    const at = offset - this.place.offset;
    return this.memory.subarray(at, at + length);
  }

  add(kind: RecordKind, payload: Piece): void {
    const { offset, crc32: sum = crc32 } = this.place;
    const { length } = payload;
    const payloadAt = this.nextOffset - offset;
    const at = payloadAt - RECORD_HEADER_BYTES;
    const end = payloadAt + length;
    let bytes = this.memory;
    if (end + BATCH_ALIGN > bytes.length) {
      this.memory = new Uint8Array(Math.max(end + BATCH_ALIGN, 2 * bytes.length));
      this.memory.set(bytes);
      bytes = this.memory;
    }
    writePiece(payload, bytes, payloadAt);
    putU32(bytes, at, length);
    putU32(bytes, at + 4, sum(bytes.subarray(payloadAt, end), this.#placeSum(this.nextOffset, kind)));
    putU32(bytes, at + 8, kind << 24);
    this.#recordsCrc = crc32(bytes, this.#recordsCrc, at, payloadAt);
    this.nextOffset += length + RECORD_HEADER_BYTES;
    this.#count++;
  }

  /** The whole batch; nothing is added to it afterwards. */
  seal(number: number): Bytes {
    const { offset } = this.place;
    const end = this.nextOffset - RECORD_HEADER_BYTES - offset;
    const bytes = this.memory.subarray(0, batchBytes(end - BATCH_HEADER_BYTES, 0));
    bytes.fill(PADDING, end);
    putU32(bytes, 0, BATCH_MAGIC);
    putU32(bytes, 4, end - BATCH_HEADER_BYTES);
    putU64(bytes, 8, number);
    putU32(bytes, 16, this.#count);
    putU32(bytes, 24, this.#recordsCrc);
    putU32(bytes, 20, zeroPieces(bytes, offset));
    putU32(bytes, 28, crc32(bytes, this.#placeSum(offset, HEADER), 0, 28));
    return bytes;
  }
}

export function encodeBatch(place: BatchPlace, number: number, records: readonly RecordToWrite[]): Bytes {
  const draft = new BatchDraft(place);
  for (const { kind, payload } of records) draft.add(kind, payload);
  return draft.seal(number);
}

/** Where in `bytes` from `from` on the first words of a batch header stand, at a place where one may begin; -1 when nowhere. */
export function likelyBatchIn(bytes: Bytes, from: number): number {
  for (let at = from; at + BATCH_HEADER_BYTES <= bytes.length; at += BATCH_ALIGN)
    if (bytes[at] === 0x50 && u32At(bytes, at) === BATCH_MAGIC) return at;
  return -1;
}

export function decodeBatchHeader(place: BatchPlace, bytes: Bytes): BatchHeader | undefined {
  if (bytes.length < BATCH_HEADER_BYTES) return undefined;
  if (u32At(bytes, 0) !== BATCH_MAGIC) return undefined;
  if (u32At(bytes, 28) !== crc32(bytes, placeSums(place)(place.offset, HEADER), 0, 28)) return undefined;
  const number = u64At(bytes, 8);
  if (number === undefined) return undefined;
  return {
    bodyBytes: u32At(bytes, 4),
    number,
    count: u32At(bytes, 16),
    zeroPieces: u32At(bytes, 20),
    recordsCrc: u32At(bytes, 24),
  };
}

/** The records of a whole batch, `undefined` when one byte of them is not what was written. Payloads are views. */
export function decodeBatch(place: BatchPlace, header: BatchHeader, bytes: Bytes): LogRecord[] | undefined {
  const end = BATCH_HEADER_BYTES + header.bodyBytes;
  const records: LogRecord[] = [];
  const placeSum = placeSums(place);
  let at = BATCH_HEADER_BYTES;
  let recordsCrc = 0;
  for (let index = 0; index < header.count; index++) {
    const payloadAt = at + RECORD_HEADER_BYTES;
    if (payloadAt > end) return undefined;
    const payload = decodeRecord(place, placeSum, bytes, at, end);
    if (payload === undefined) return undefined;
    recordsCrc = crc32(bytes, recordsCrc, at, payloadAt);
    records.push({ kind: bytes[at + 8] as RecordKind, payload });
    at = payloadAt + payload.length;
  }
  return at === end && recordsCrc === header.recordsCrc ? records : undefined;
}

/** Reads single records out of `bytes`, which lie at `place`: the payload of so many bytes whose header begins at `at`, `undefined` when it is not that. */
export function recordsIn(place: BatchPlace, bytes: Bytes): (at: number, length: number) => Bytes | undefined {
  const placeSum = placeSums(place);
  return (at, length) => {
    const end = at + RECORD_HEADER_BYTES + length;
    if (end > bytes.length || u32At(bytes, at) !== length || bytes[at + 8] === MANIFEST) return undefined;
    return decodeRecord(place, placeSum, bytes, at, end);
  };
}

/** The payload of the record whose header begins at `at` in `bytes`, `undefined` when it is not what was written. */
export function decodeRecord(place: BatchPlace, placeSum: PlaceSum, bytes: Bytes, at: number, end: number): Bytes | undefined {
  const payloadAt = at + RECORD_HEADER_BYTES;
  const length = u32At(bytes, at);
  const kind = bytes[at + 8] as number;
  if (payloadAt + length > end || kind > MANIFEST || !isZero(bytes, at + 9, at + RECORD_HEADER_BYTES)) return undefined;
  const payload = bytes.subarray(payloadAt, payloadAt + length);
  const { crc32: sum = crc32 } = place;
  return u32At(bytes, at + 4) === sum(payload, placeSum(place.offset + payloadAt, kind)) ? payload : undefined;
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
  putU32(bytes, 0, segments.length);
  for (const [index, { segment, end }] of segments.entries()) {
    putU32(bytes, 4 + index * 12, segment);
    putU64(bytes, 8 + index * 12, end);
  }
  return bytes;
}

export function decodeManifest(bytes: Bytes): SegmentEnd[] | undefined {
  if (bytes.length < 4) return undefined;
  const count = u32At(bytes, 0);
  if (bytes.length !== 4 + count * 12) return undefined;
  const segments: SegmentEnd[] = [];
  for (let index = 0; index < count; index++) {
    const end = u64At(bytes, 8 + index * 12);
    if (end === undefined) return undefined;
    segments.push({ segment: u32At(bytes, 4 + index * 12), end });
  }
  return segments;
}

/** Stands for a batch header where the kind of a record stands otherwise. */
const HEADER = 255;

/** The checksum that those of one file begin with: of log id, segment, offset and kind. */
export type PlaceSum = (offset: number, kind: number) => number;

export function placeSums({ logId, segment }: Pick<BatchPlace, "logId" | "segment">): PlaceSum {
  const place = new Uint8Array(LOG_ID_BYTES + 13);
  place.set(logId);
  putU32(place, LOG_ID_BYTES, segment);
  const file = crc32(place, 0, 0, LOG_ID_BYTES + 4);
  return (offset, kind) => {
    putU64(place, LOG_ID_BYTES + 4, offset);
    place[LOG_ID_BYTES + 12] = kind;
    return crc32(place, file, LOG_ID_BYTES + 4);
  };
}
