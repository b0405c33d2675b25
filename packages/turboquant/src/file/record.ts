/**
 * The file of an index (`.tqi`), version 1.
 *
 * It is only ever appended to. Numbers are little-endian; counts and places of 8 bytes are safe integers. It is records one behind the other, each of a
 * head of 192 bytes and parts, which follow in the order of the head's table, each beginning at a multiple of 64 bytes. What lies between is zero.
 *
 *   head     0   8  89 54 51 49 0d 0a 1a and the version, 01
 *            8   1  kind: 1 header, 2 segment, 3 removal, 4 truncation, 5 directory
 *            9   1  flags; of a segment: 1 it has originals, 2 it removes
 *           10   2  parts, at most 12
 *           12   4  zero
 *           16   8  where in the file this record begins
 *           24   8  bytes of the record: a multiple of 64
 *           32   8  identity of the file, drawn at random: no record of another file is taken for one of this
 *           40   8  bytes of the file that were durable when this was written
 *           48   8  where the last directory before this one begins; 0 without
 *           56  32  what the kind says, below
 *           88  96  table of the parts: of each 4 bytes length and 4 bytes CRC-32C
 *          184   4  zero
 *          188   4  CRC-32C of what of the head stands before
 *
 * Header: the first record, and no other.
 *           56   4  dim
 *           60   1  codec: which rotation and codebooks the codes are of; 1
 *           61   1  scale: 0 raw, 1 norm, 2 unbiased, 3 mse
 *           62   1  metric: 0 cosine, 1 dot
 *           63   1  1 where the segments have originals, else 0
 *           64   8  bits, a 64-bit float
 *           72   8  from, a 64-bit float
 *           80   8  seed
 *   part     center: a 32-bit float a coordinate; there is none without a center
 *
 * Segment: vectors by columns (segment.ts says what the columns are). Of one file they have at most 64 different pairs of bits and from.
 *           56   4  number: larger than that of any segment before
 *           60   4  count, 1 to 4,096
 *           64   8  bits, a 64-bit float
 *           72   8  from, a 64-bit float
 *   parts    ids (id-column.ts); scales, a 32-bit float each; the planes; where it has them the originals, 32-bit floats; where it removes the
 *            ids (id-column.ts) that all segments before have lost, with 4 bytes count before them
 *
 * Removal: the segments before it have lost vectors.
 *           56   4  zero
 *           60   4  count, 1 to 4,096
 *   part     their ids (id-column.ts)
 *
 * Truncation: a segment before it goes on with fewer bits. Its planes beyond, and the ends of the rows of a plane that became shorter, count no more.
 *           56   4  number of the segment
 *           60   4  its count
 *           64   8  bits from now on
 *   part     new scales
 *
 * Directory: what all records before come to. All of them are durable when it is written. Where the file ends with one, nothing else has to be
 * searched: its foot are the last 64 bytes.
 *           56   4  how many segments
 *           60   4  the number that is larger than that of any segment before
 *           64   4  how many lists of removed ids
 *   parts    segments (directory.ts); lists of removed ids (directory.ts); foot
 *   foot     0   8  89 54 51 46 0d 0a 1a and the version
 *            8   8  where the directory begins
 *           16   8  identity of the file
 *           24  36  zero
 *           60   4  CRC-32C of what of the foot stands before
 *
 * After a crash the end may be anything. Records are taken in order. Up to the highest "durable" that any of them names they were written for
 * good, and what cannot be read there is damage. Behind it a record counts when it and all before it are whole; from the first that is not,
 * there is nothing.
 */
import { TurboQuantError } from "../error.ts";
import { badFile } from "./bad-file.ts";
import { crc32c } from "./crc32c.ts";
import { getSafe, putSafe } from "./safe-integer.ts";

export const VERSION = 1;
export const ALIGNMENT = 64;
export const HEAD_BYTES = 192;
export const FIELD_BYTES = 32;
export const FOOT_BYTES = 64;
export const MOST_PARTS = 12;
const MAGIC: readonly number[] = [0x89, 0x54, 0x51, 0x49, 0x0d, 0x0a, 0x1a];
const FOOT_MAGIC: readonly number[] = [0x89, 0x54, 0x51, 0x46, 0x0d, 0x0a, 0x1a];
const FIELDS_AT = 56;
const TABLE_AT = FIELDS_AT + FIELD_BYTES;
const HEAD_CRC_AT = HEAD_BYTES - 4;
const FOOT_CRC_AT = FOOT_BYTES - 4;
const KINDS = ["header", "segment", "removal", "truncation", "directory"] as const;

export type RecordKind = (typeof KINDS)[number];

/** Bytes of a file with their checksum. */
export interface Part {
  readonly at: number;
  readonly length: number;
  readonly crc: number;
}

/** Where a record stands among others. */
export interface RecordPlace {
  readonly at: number;
  readonly identity: bigint;
  readonly durable: number;
  readonly directory: number;
}

export interface RecordHead extends RecordPlace {
  readonly kind: RecordKind;
  readonly flags: number;
  /** Of the record. */
  readonly length: number;
  readonly fields: DataView;
  readonly parts: readonly Part[];
}

export interface RecordContent {
  readonly kind: RecordKind;
  readonly flags?: number;
  /** Writes what the kind says. */
  readonly fields?: (view: DataView) => void;
  readonly parts: readonly Uint8Array[];
}

export function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** The bytes of a record. */
export function encodeRecord(
  { at, identity, durable, directory }: RecordPlace,
  { kind, flags = 0, fields, parts }: RecordContent,
): Uint8Array {
  const length = parts.reduce((sum, part) => sum + aligned(part.length), HEAD_BYTES);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  bytes[MAGIC.length] = VERSION;
  bytes[8] = KINDS.indexOf(kind) + 1;
  bytes[9] = flags;
  view.setUint16(10, parts.length, true);
  putSafe(view, 16, at);
  putSafe(view, 24, length);
  view.setBigUint64(32, identity, true);
  putSafe(view, 40, durable);
  putSafe(view, 48, directory);
  fields?.(new DataView(bytes.buffer, FIELDS_AT, FIELD_BYTES));
  let partAt = HEAD_BYTES;
  parts.forEach((part, nth) => {
    view.setUint32(TABLE_AT + nth * 8, part.length, true);
    view.setUint32(TABLE_AT + nth * 8 + 4, crc32c(part), true);
    bytes.set(part, partAt);
    partAt += aligned(part.length);
  });
  view.setUint32(HEAD_CRC_AT, crc32c(bytes.subarray(0, HEAD_CRC_AT)), true);
  return bytes;
}

/** What the head of a record says, or `undefined` where `bytes` do not begin with one that belongs at `at`. Whether the file is long enough is not looked at. */
export function decodeHead(bytes: Uint8Array, at: number): RecordHead | undefined {
  if (!beginsWith(bytes, MAGIC) || bytes[MAGIC.length] !== VERSION || bytes.length < HEAD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  const kind = KINDS[view.getUint8(8) - 1];
  const count = view.getUint16(10, true);
  if (view.getUint32(HEAD_CRC_AT, true) !== crc32c(bytes.subarray(0, HEAD_CRC_AT))) return undefined;
  if (kind === undefined || count > MOST_PARTS || getSafe(view, 16) !== at) return undefined;
  const parts: Part[] = [];
  let end = at + HEAD_BYTES;
  for (let nth = 0; nth < count; nth++) {
    const length = view.getUint32(TABLE_AT + nth * 8, true);
    parts.push({ at: end, length, crc: view.getUint32(TABLE_AT + nth * 8 + 4, true) });
    end += aligned(length);
  }
  const [durable, directory] = [getSafe(view, 40), getSafe(view, 48)];
  if (getSafe(view, 24) !== end - at || durable > at || directory > at) return undefined;
  const fields = new DataView(new Uint8Array(bytes.subarray(FIELDS_AT, TABLE_AT)).buffer);
  return { kind, flags: view.getUint8(9), at, length: end - at, identity: view.getBigUint64(32, true), durable, directory, fields, parts };
}

/** Throws where the first bytes of a file say that it is something else, or of a version that this cannot read. */
export function checkBeginning(bytes: Uint8Array): void {
  if (!beginsWith(bytes, MAGIC)) throw badFile("this is no file of an index", "An index file begins with the bytes 89 54 51 49.");
  const version = bytes[MAGIC.length] ?? 0;
  if (version > VERSION)
    throw new TurboQuantError(
      "wrong-version",
      `the file has version ${version} of the format, and this reads version ${VERSION}`,
      "Use a newer @perdure/turboquant.",
    );
  if (version < VERSION) throw badFile(`no file of an index has version ${version}`);
}

/** Whether `bytes` may be what a crash left of the first record: its beginning, or nothing where it should be. */
export function isTornBeginning(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0) || bytes.subarray(0, MAGIC.length).every((byte, at) => byte === MAGIC[at]);
}

export function encodeFoot(at: number, identity: bigint): Uint8Array {
  const bytes = new Uint8Array(FOOT_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(FOOT_MAGIC);
  bytes[FOOT_MAGIC.length] = VERSION;
  putSafe(view, 8, at);
  view.setBigUint64(16, identity, true);
  view.setUint32(FOOT_CRC_AT, crc32c(bytes.subarray(0, FOOT_CRC_AT)), true);
  return bytes;
}

/** Where the directory begins that a file with this identity ends with, as its last bytes say. */
export function decodeFoot(bytes: Uint8Array, identity: bigint): number | undefined {
  if (!beginsWith(bytes, FOOT_MAGIC) || bytes[FOOT_MAGIC.length] !== VERSION || bytes.length !== FOOT_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, FOOT_BYTES);
  if (view.getUint32(FOOT_CRC_AT, true) !== crc32c(bytes.subarray(0, FOOT_CRC_AT)) || view.getBigUint64(16, true) !== identity)
    return undefined;
  return getSafe(view, 8);
}

function beginsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}
