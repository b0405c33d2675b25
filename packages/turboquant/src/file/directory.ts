/**
 * The parts of a directory (record.ts).
 *
 *   segments, 160 bytes each, by number
 *      0   4  number
 *      4   4  count
 *      8   8  bits now
 *     16   8  from
 *     24   8  bits its planes were written with
 *     32   8  where its record begins
 *     40   8  where its scales are
 *     48   4  flags of its record
 *     52   4  parts of its record
 *     56  96  table of its parts, as in its head; with the checksum of the scales that count now
 *    152   8  zero
 *
 *   lists of removed ids
 *      0   4  the segments with smaller numbers have lost them
 *      4   4  count, 1 to 4,096
 *      8   4  bytes of the list
 *     12   4  zero
 *     16      the list (id-column.ts), then zeroes up to a multiple of 8
 */
import { badFile } from "./bad-file.ts";
import { decodeIds, encodeIdSet } from "./id-column.ts";
import { aligned, HEAD_BYTES, MOST_PARTS, type Part } from "./record.ts";
import { getSafe, putSafe } from "./safe-integer.ts";
import { type IndexHeader, MOST_ROWS, type VectorId } from "./segment.ts";
import { HAS_ORIGINALS, partsInPlace, REMOVES, type StoredSegment, segmentOf } from "./stored-segment.ts";

export const ENTRY_BYTES = 160;
const TABLE_AT = 56;
const LIST_HEAD_BYTES = 16;

export function encodeEntries(segments: readonly StoredSegment[]): Uint8Array {
  const bytes = new Uint8Array(segments.length * ENTRY_BYTES);
  segments.forEach((segment, nth) => {
    const view = new DataView(bytes.buffer, nth * ENTRY_BYTES, ENTRY_BYTES);
    view.setUint32(0, segment.number, true);
    view.setUint32(4, segment.count, true);
    view.setFloat64(8, segment.bits, true);
    view.setFloat64(16, segment.from, true);
    view.setFloat64(24, segment.written, true);
    putSafe(view, 32, segment.at);
    putSafe(view, 40, segment.scales.at);
    view.setUint32(48, (segment.originals === undefined ? 0 : HAS_ORIGINALS) | (segment.removes === undefined ? 0 : REMOVES), true);
    const parts = partsInPlace(segment);
    view.setUint32(52, parts.length, true);
    parts.forEach(({ length, crc }, part) => {
      view.setUint32(TABLE_AT + part * 8, length, true);
      view.setUint32(TABLE_AT + part * 8 + 4, crc, true);
    });
  });
  return bytes;
}

/** `before`: where the directory begins, and so everything else ends. Throws `bad-file`. */
export function decodeEntries(header: IndexHeader, bytes: Uint8Array, before: number): readonly StoredSegment[] {
  const segments: StoredSegment[] = [];
  let [end, number] = [HEAD_BYTES, -1];
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const segment = decodeEntry(header, new DataView(bytes.buffer, bytes.byteOffset + at, ENTRY_BYTES));
    // Rising and apart from each other: however many entries there are, they stand for no more than the file has.
    if (
      segment.number <= number ||
      segment.at < end ||
      segment.at + segment.length > before ||
      segment.scales.at + segment.scales.length > before
    )
      throw badFile("the directory names a segment that is not in the file");
    [end, number] = [segment.at + segment.length, segment.number];
    segments.push(segment);
  }
  return segments;
}

function decodeEntry(header: IndexHeader, view: DataView): StoredSegment {
  const [at, scalesAt, count] = [getSafe(view, 32), getSafe(view, 40), view.getUint32(52, true)];
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(scalesAt) || count > MOST_PARTS || at % 64 !== 0 || scalesAt % 64 !== 0)
    throw badFile("the directory has an entry that cannot be");
  const parts: Part[] = [];
  let partAt = at + HEAD_BYTES;
  for (let nth = 0; nth < count; nth++) {
    const length = view.getUint32(TABLE_AT + nth * 8, true);
    parts.push({ at: partAt, length, crc: view.getUint32(TABLE_AT + nth * 8 + 4, true) });
    partAt += aligned(length);
  }
  const said = {
    number: view.getUint32(0, true),
    count: view.getUint32(4, true),
    bits: view.getFloat64(8, true),
    from: view.getFloat64(16, true),
    written: view.getFloat64(24, true),
    at,
  };
  const segment = segmentOf(header, said, view.getUint32(48, true), parts);
  return { ...segment, scales: { ...segment.scales, at: scalesAt } };
}

export interface RemovedLists {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** `removed`: ids, each with the number of the segment from which on it may be there again. */
export function encodeRemoved(removed: ReadonlyMap<VectorId, number>): RemovedLists {
  const byNumber = new Map<number, VectorId[]>();
  for (const [id, before] of removed) {
    const ids = byNumber.get(before);
    if (ids === undefined) byNumber.set(before, [id]);
    else ids.push(id);
  }
  const lists = [...byNumber].flatMap(([before, ids]) => inLists(ids).map((list) => encodeList(before, list)));
  const bytes = new Uint8Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  for (const list of lists) {
    bytes.set(list, at);
    at += list.length;
  }
  return { count: lists.length, bytes };
}

/** As many at once as one list takes. */
export function inLists(ids: readonly VectorId[]): readonly (readonly VectorId[])[] {
  return Array.from({ length: Math.ceil(ids.length / MOST_ROWS) }, (_, nth) => ids.slice(nth * MOST_ROWS, (nth + 1) * MOST_ROWS));
}

function encodeList(before: number, ids: readonly VectorId[]): Uint8Array {
  const list = encodeIdSet(ids);
  const bytes = new Uint8Array(Math.ceil((LIST_HEAD_BYTES + list.length) / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, before, true);
  view.setUint32(4, ids.length, true);
  view.setUint32(8, list.length, true);
  bytes.set(list, LIST_HEAD_BYTES);
  return bytes;
}

/** Throws `bad-file`. */
export function decodeRemoved({ count, bytes }: RemovedLists): Map<VectorId, number> {
  const removed = new Map<VectorId, number>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  for (let nth = 0; nth < count; nth++) {
    if (at + LIST_HEAD_BYTES > bytes.length) throw badFile("the directory ends within a list of removed ids");
    const [before, ids, length] = [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
    const from = at + LIST_HEAD_BYTES;
    if (ids < 1 || ids > MOST_ROWS || from + length > bytes.length) throw badFile("the directory ends within a list of removed ids");
    for (const id of decodeIds(bytes.subarray(from, from + length), ids, 1)) removed.set(id, Math.max(before, removed.get(id) ?? 0));
    at += Math.ceil((LIST_HEAD_BYTES + length) / 8) * 8;
  }
  if (at !== bytes.length) throw badFile("the directory has bytes behind its last list of removed ids");
  return removed;
}
