/**
 * What the records of a file come to, one after the other.
 *
 * Segments keep the order of their numbers. An id that was removed is kept with the number of the next segment at that time: there and in later ones
 * it counts again.
 */
import { orAwaited, refuse, shown } from "../argument.ts";
import { TurboQuantError } from "../error.ts";
import { badFile } from "./bad-file.ts";
import { widthFault } from "./header-record.ts";
import { decodeIds } from "./id-column.ts";
import type { RecordHead } from "./record.ts";
import { type IndexHeader, MOST_ROWS, type VectorId } from "./segment.ts";
import { type StoredSegment, storedSegment } from "./stored-segment.ts";

export interface Contents {
  readonly header: IndexHeader;
  readonly identity: bigint;
  readonly segments: Map<number, StoredSegment>;
  readonly removed: Map<VectorId, number>;
  /** All widths that segments have or had. */
  readonly widths: Set<string>;
  /** Larger than the number of any segment so far. */
  next: number;
  /** Where the last record that counts ends. */
  end: number;
  /** Where the last directory begins, and where it ends; 0 without. */
  directory: number;
  directoryEnd: number;
}

export function emptyContents(header: IndexHeader, identity: bigint, end: number): Contents {
  return { header, identity, segments: new Map(), removed: new Map(), widths: new Set(), next: 0, end, directory: 0, directoryEnd: 0 };
}

/** Whoever searches makes tables for each width, which takes time and memory: a file of more is not of one index. */
const MOST_WIDTHS = 64;

/** Throws `bad-file` for a file of more widths than there are reasons for. */
export function checkWidths({ segments }: Contents): void {
  const widths = new Set([...segments.values()].map(widthName));
  if (widths.size > MOST_WIDTHS) throw badFile(`the file has segments of ${widths.size} widths, and at most ${MOST_WIDTHS} can be`);
}

/** Throws `bad-argument` where one more would be too many. */
export function checkNewWidth({ widths }: Contents, bits: number, from: number): void {
  if (widths.has(widthName({ bits, from })) || widths.size < MOST_WIDTHS) return;
  throw new TurboQuantError("bad-argument", `a file has segments of at most ${MOST_WIDTHS} widths`, "Truncate to bits that others have.");
}

export function widthName({ bits, from }: Pick<StoredSegment, "bits" | "from">): string {
  return `${bits} of ${from}`;
}

/** Numbers of segments end here. */
const MOST_NUMBER = 2 ** 32 - 2;

/** Throws `bad-argument` for a segment that was truncated or compacted away since it was told. */
export function known({ segments }: Contents, segment: StoredSegment): StoredSegment {
  if (typeof segment !== "object" || segment === null || typeof segment.number !== "number")
    refuse(`a segment is ${shown(segment)}`, orAwaited(segment, "It is one of `segments`, or what `append` resolves to."));
  if (segments.get(segment.number) === segment) return segment;
  throw new TurboQuantError(
    "bad-argument",
    `segment ${segment.number} is not as it was`,
    "Take it from `segments` again: it was truncated, or the file compacted.",
  );
}

/** `ids`: the bytes of the part of ids that a removal has, and of the ids that a segment removes. Throws `bad-file`. */
export function applyRecord(contents: Contents, head: RecordHead, ids: Uint8Array | undefined): void {
  if (head.kind === "segment") applySegment(contents, storedSegment(contents.header, head), ids);
  else if (head.kind === "removal") applyRemoval(contents, head, ids);
  else if (head.kind === "truncation") applyTruncation(contents, head);
  else if (head.kind === "directory") {
    contents.directory = head.at;
    contents.directoryEnd = head.at + head.length;
  } else throw badFile(`the file has a second header at byte ${head.at}`);
  contents.end = head.at + head.length;
}

/** Which part of a record `applyRecord` wants the bytes of. */
export function idsPart({ kind, flags, parts }: RecordHead): number | undefined {
  if (kind === "removal") return 0;
  return kind === "segment" && (flags & 2) !== 0 ? parts.length - 1 : undefined;
}

function applySegment(contents: Contents, segment: StoredSegment, removes: Uint8Array | undefined): void {
  if (segment.number < contents.next || segment.number > MOST_NUMBER)
    throw badFile(`segment ${segment.number} stands behind one with the number ${contents.next - 1}`);
  if (removes !== undefined) {
    if (removes.length < 4) throw badFile(`segment ${segment.number} removes ids and does not say which`);
    const count = new DataView(removes.buffer, removes.byteOffset, 4).getUint32(0, true);
    remove(contents, removes.subarray(4), count, segment.number);
  }
  contents.segments.set(segment.number, segment);
  contents.widths.add(widthName(segment));
  contents.next = segment.number + 1;
}

function applyRemoval(contents: Contents, { fields, parts, at }: RecordHead, ids: Uint8Array | undefined): void {
  if (ids === undefined || parts.length !== 1) throw badFile(`a removal at byte ${at} does not say of what`);
  remove(contents, ids, fields.getUint32(4, true), contents.next);
}

function remove(contents: Contents, ids: Uint8Array, count: number, before: number): void {
  if (count < 1 || count > MOST_ROWS) throw badFile(`a removal says that it has ${count} ids`);
  for (const id of decodeIds(ids, count, 1)) contents.removed.set(id, before);
}

function applyTruncation(contents: Contents, { fields, parts, at }: RecordHead): void {
  const segment = contents.segments.get(fields.getUint32(0, true));
  const bits = fields.getFloat64(8, true);
  const [scales, more] = parts;
  if (segment === undefined) throw badFile(`a truncation at byte ${at} is of a segment that is not there`);
  if (scales === undefined || more !== undefined || fields.getUint32(4, true) !== segment.count || scales.length !== segment.count * 4)
    throw badFile(`a truncation at byte ${at} has not a scale for each vector of segment ${segment.number}`);
  if (widthFault(bits, segment.from) !== undefined || !(bits < segment.bits))
    throw badFile(`a truncation at byte ${at} leaves segment ${segment.number} ${bits} bits of ${segment.bits}`);
  contents.segments.set(segment.number, { ...segment, bits, scales });
  contents.widths.add(widthName({ bits, from: segment.from }));
}

/** The rows of a segment that were not removed, where some were. */
export function liveRows({ removed }: Contents, ids: readonly VectorId[], segment: number): Uint16Array | undefined {
  if (removed.size === 0) return undefined;
  const rows = new Uint16Array(ids.length);
  let live = 0;
  ids.forEach((id, row) => {
    if ((removed.get(id) ?? 0) <= segment) rows[live++] = row;
  });
  return live === ids.length ? undefined : rows.subarray(0, live);
}
