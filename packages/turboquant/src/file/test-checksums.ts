/** Makes the checksums of a changed file right again, as far as its records can be followed, so that what lies behind them is reached. */
import { crc32c } from "./crc32c.ts";
import { ENTRY_BYTES } from "./directory.ts";
import { aligned, FOOT_BYTES, HEAD_BYTES, MOST_PARTS } from "./record.ts";
import { getSafe } from "./safe-integer.ts";

const TABLE_AT = 88;
const ENTRY_TABLE_AT = 56;
const DIRECTORY = 5;

export function withRightChecksums(file: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(file);
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const head = new DataView(bytes.buffer, at, HEAD_BYTES);
    if (bytes[at + 8] === DIRECTORY) repairDirectory(bytes, head, at);
    repairTable(bytes, head, at);
    head.setUint32(HEAD_BYTES - 4, crc32c(bytes.subarray(at, at + HEAD_BYTES - 4)), true);
    const length = getSafe(head, 24);
    if (!(length >= HEAD_BYTES) || length % 64 !== 0) break;
    at += length;
  }
  return bytes;
}

function repairTable(bytes: Uint8Array, head: DataView, at: number): void {
  let partAt = at + HEAD_BYTES;
  const parts = Math.min(MOST_PARTS, head.getUint16(10, true));
  for (let nth = 0; nth < parts; nth++) {
    const length = head.getUint32(TABLE_AT + nth * 8, true);
    if (partAt + length > bytes.length) return;
    head.setUint32(TABLE_AT + nth * 8 + 4, crc32c(bytes.subarray(partAt, partAt + length)), true);
    partAt += aligned(length);
  }
}

function repairDirectory(bytes: Uint8Array, head: DataView, at: number): void {
  const entries = Math.min(head.getUint32(TABLE_AT, true), bytes.length - at - HEAD_BYTES);
  for (let from = 0; from + ENTRY_BYTES <= entries; from += ENTRY_BYTES) repairEntry(bytes, at + HEAD_BYTES + from);
  const end = at + getSafe(head, 24);
  if (!(end <= bytes.length) || end < at + FOOT_BYTES) return;
  const foot = new DataView(bytes.buffer, end - FOOT_BYTES, FOOT_BYTES);
  foot.setUint32(FOOT_BYTES - 4, crc32c(bytes.subarray(end - FOOT_BYTES, end - 4)), true);
}

function repairEntry(bytes: Uint8Array, at: number): void {
  const entry = new DataView(bytes.buffer, at, ENTRY_BYTES);
  let partAt = getSafe(entry, 32) + HEAD_BYTES;
  const scalesAt = getSafe(entry, 40);
  const parts = Math.min(MOST_PARTS, entry.getUint32(52, true));
  for (let nth = 0; nth < parts; nth++) {
    const length = entry.getUint32(ENTRY_TABLE_AT + nth * 8, true);
    const from = nth === 1 ? scalesAt : partAt;
    if (from + length <= bytes.length) entry.setUint32(ENTRY_TABLE_AT + nth * 8 + 4, crc32c(bytes.subarray(from, from + length)), true);
    partAt += aligned(length);
  }
}
