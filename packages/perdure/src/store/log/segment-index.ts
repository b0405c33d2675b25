/**
 * The file beside a closed segment that says what of it its owner needs at a start, so that the segment itself need not be read then.
 * It holds nothing that cannot be made again from the segment: one that is missing, or is not what was written, costs time.
 *
 *   "000123.idx", integers big-endian
 *      0  8  "prdidx" and two zero bytes
 *      8  8  kind of log, ASCII, zero-padded
 *     16  8  log id
 *     24  4  segment number
 *     28  4  format version, 1
 *     32  8  end of the segment's valid bytes
 *     40  8  bytes of the body
 *     48 12  zero
 *     60  4  CRC-32 of bytes 0 to 59
 *     64     body, its owner's: pieces of 16,384 bytes, the last one shorter, each followed by the CRC-32 of log id, segment number,
 *            number of the piece, and its bytes
 *
 * It is written under the name "000123.idx.part" and gets its own when it is durable.
 */
import type { Files, OpenFile } from "../../host/files.ts";
import { type Bytes, concat, EMPTY, equalBytes, putU32, putU64, u32At, u64At, utf8 } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { crc32 } from "./crc32.ts";
import { type Crc32, LOG_ID_BYTES, segmentName, segmentOfName } from "./segment-format.ts";

const MAGIC: Bytes = utf8("prdidx\0\0");
const HEADER_BYTES = 64;
const VERSION = 1;
const PIECE_BYTES = 16_384;
const SUM_BYTES = 4;
/** Read at once where all of it is. */
const CHECKED_BYTES = 64 * PIECE_BYTES;

/** Whose index it is. */
export interface IndexOf {
  readonly magic: string;
  readonly logId: Bytes;
  readonly segment: number;
  /** The end of the segment's valid bytes. */
  readonly end: number;
  readonly crc32?: Crc32 | undefined;
}

/** The body of an index, as far as it is what was written. */
export interface IndexReader {
  readonly bytes: number;
  /** Exactly these bytes; `log-damaged` when one of them is not what was written, or they lie beyond the end. */
  read(offset: number, length: number): Promise<Bytes>;
  /** Whether none of these bytes can be read where all of them cannot. */
  isOnePiece(offset: number, length: number): boolean;
}

export function indexName(segment: number): string {
  return segmentName(segment).replace(/log$/, "idx");
}

/** The segment of an index, whole or under its first name, or `undefined` for another file. */
export function segmentOfIndex(name: string): { readonly segment: number; readonly whole: boolean } | undefined {
  const found = /^(\d+)\.idx(\.part)?$/.exec(name);
  const segment = found === null ? undefined : segmentOfName(`${found[1]}.log`);
  return segment === undefined ? undefined : { segment, whole: found?.[2] === undefined };
}

/** Puts an index beside its segment, durable when it resolves. */
export async function writeIndex(files: Files, folder: string, of: IndexOf, body: Bytes): Promise<void> {
  const path = `${folder}/${indexName(of.segment)}`;
  const part = `${path}.part`;
  // One that failed before may be longer.
  await files.remove(part);
  const file = await files.open(part, "write");
  try {
    const bytes = encodeIndex(of, body);
    await file.write(0, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(part, path);
}

export function encodeIndex({ magic, logId, segment, end, crc32: sum = crc32 }: IndexOf, body: Bytes): Bytes {
  const pieces = Math.ceil(body.length / PIECE_BYTES);
  const bytes = new Uint8Array(HEADER_BYTES + body.length + pieces * SUM_BYTES);
  bytes.set(MAGIC);
  bytes.set(utf8(magic), 8);
  bytes.set(logId, 16);
  putU32(bytes, 24, segment);
  putU32(bytes, 28, VERSION);
  putU64(bytes, 32, end);
  putU64(bytes, 40, body.length);
  putU32(bytes, 60, crc32(bytes, 0, 0, 60));
  for (let piece = 0; piece < pieces; piece++) {
    const at = startOf(piece);
    const part = body.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
    bytes.set(part, at);
    putU32(bytes, at + part.length, sum(part, placeSum(logId, segment, piece)));
  }
  return bytes;
}

/** Opens the index beside a segment; `undefined` when there is none that speaks of exactly that segment. Its user closes it. */
export async function openIndex(files: Files, folder: string, of: IndexOf): Promise<(IndexReader & AsyncDisposable) | undefined> {
  let file: OpenFile;
  try {
    file = await files.open(`${folder}/${indexName(of.segment)}`, "read");
  } catch (error) {
    if (error instanceof PerdureError && error.code === "not-found") return undefined;
    throw error;
  }
  // It is only read: when its closing fails nothing is lost.
  const close = (): Promise<void> => file.close().catch(() => {});
  try {
    const bytes = bodyBytes(of, await file.read(0, HEADER_BYTES));
    if (bytes !== undefined && (await file.size()) === startOf(0) + bytes + Math.ceil(bytes / PIECE_BYTES) * SUM_BYTES)
      return { bytes, read: (offset, length) => readBody(file, of, bytes, offset, length), isOnePiece, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
  await close();
  return undefined;
}

/** What is wrong with the index beside a segment, read as a whole; `undefined` when nothing is, or there is none. Throws what the disk says. */
export async function indexDamage(files: Files, folder: string, of: IndexOf): Promise<string | undefined> {
  try {
    await using index = await openIndex(files, folder, of);
    if (index === undefined) {
      const names = await files.list(folder);
      return names.includes(indexName(of.segment)) ? "it does not say that it is of this segment" : undefined;
    }
    for (let at = 0; at < index.bytes; at += CHECKED_BYTES) await index.read(at, Math.min(CHECKED_BYTES, index.bytes - at));
    return undefined;
  } catch (error) {
    if (error instanceof PerdureError && error.code === "log-damaged") return error.message;
    throw error;
  }
}

/** Bytes of the body a header speaks of; `undefined` when it is none of that segment. */
function bodyBytes({ magic, logId, segment, end }: IndexOf, header: Bytes): number | undefined {
  if (header.length < HEADER_BYTES || u32At(header, 60) !== crc32(header, 0, 0, 60)) return undefined;
  const expected = header.slice();
  expected.fill(0, 0, 16);
  expected.set(MAGIC);
  expected.set(utf8(magic), 8);
  expected.set(logId, 16);
  putU32(expected, 24, segment);
  putU32(expected, 28, VERSION);
  putU64(expected, 32, end);
  return equalBytes(expected, header) ? u64At(header, 40) : undefined;
}

async function readBody(file: OpenFile, { logId, segment, crc32: sum = crc32 }: IndexOf, bytes: number, offset: number, length: number) {
  if (length === 0) return EMPTY;
  const damaged = (why: string): PerdureError => new PerdureError("log-damaged", `${indexName(segment)}: ${why}`);
  if (offset + length > bytes) throw damaged(`${length} bytes from ${offset} are beyond its end at ${bytes}`);
  const first = Math.floor(offset / PIECE_BYTES);
  const last = Math.floor((offset + length - 1) / PIECE_BYTES);
  const from = startOf(first);
  const read = await file.read(from, startOf(last) + lengthOf(last, bytes) + SUM_BYTES - from);
  const parts: Bytes[] = [];
  for (let piece = first; piece <= last; piece++) {
    const at = startOf(piece) - from;
    const end = at + lengthOf(piece, bytes);
    const part = read.subarray(at, end);
    if (read.length < end + SUM_BYTES || u32At(read, end) !== sum(part, placeSum(logId, segment, piece)))
      throw damaged(`what follows byte ${startOf(piece)} is not what was written`);
    const begin = piece * PIECE_BYTES;
    parts.push(part.subarray(Math.max(0, offset - begin), Math.min(part.length, offset + length - begin)));
  }
  return parts.length === 1 ? (parts[0] as Bytes) : concat(...parts);
}

function isOnePiece(offset: number, length: number): boolean {
  return Math.floor(offset / PIECE_BYTES) === Math.floor((offset + length - 1) / PIECE_BYTES);
}

function startOf(piece: number): number {
  return HEADER_BYTES + piece * (PIECE_BYTES + SUM_BYTES);
}

function lengthOf(piece: number, bytes: number): number {
  return Math.min(PIECE_BYTES, bytes - piece * PIECE_BYTES);
}

function placeSum(logId: Bytes, segment: number, piece: number): number {
  const place = new Uint8Array(LOG_ID_BYTES + 8);
  place.set(logId);
  putU32(place, LOG_ID_BYTES, segment);
  putU32(place, LOG_ID_BYTES + 4, piece);
  return crc32(place);
}
