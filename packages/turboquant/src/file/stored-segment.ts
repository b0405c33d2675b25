/** Where a segment lies in its file. */
import { badFile } from "./bad-file.ts";
import { widthFault } from "./header-record.ts";
import { aligned, HEAD_BYTES, type Part, type RecordHead } from "./record.ts";
import { type IndexHeader, MOST_ROWS, planeCoordinates, rowBytes } from "./segment.ts";

export interface StoredSegment {
  /** Rises from segment to segment. */
  readonly number: number;
  /** Vectors in it, with those that were removed since. */
  readonly count: number;
  /** Now, with those it was first encoded with, and those that its planes were written for. */
  readonly bits: number;
  readonly from: number;
  readonly written: number;
  /** Of its record in the file. */
  readonly at: number;
  readonly length: number;
  readonly ids: Part;
  readonly scales: Part;
  /** All that were written. */
  readonly planes: readonly Part[];
  readonly originals?: Part;
  readonly removes?: Part;
}

export const HAS_ORIGINALS = 1;
export const REMOVES = 2;

/** What the head of a segment says. Throws `bad-file` where that cannot be. */
export function storedSegment(header: IndexHeader, head: RecordHead): StoredSegment {
  const { fields } = head;
  const [bits, from] = [fields.getFloat64(8, true), fields.getFloat64(16, true)];
  const said = { number: fields.getUint32(0, true), count: fields.getUint32(4, true), bits, from, written: bits, at: head.at };
  return segmentOf(header, said, head.flags, head.parts);
}

type Said = Pick<StoredSegment, "number" | "count" | "bits" | "from" | "written" | "at">;

/** Throws `bad-file` where parts have other lengths than the numbers say. */
export function segmentOf({ dim, originals }: IndexHeader, said: Said, flags: number, parts: readonly Part[]): StoredSegment {
  const { number, count, bits, from, written, at } = said;
  const name = `segment ${number}`;
  if (count < 1 || count > MOST_ROWS) throw badFile(`${name} says that it has ${count} vectors`);
  const fault = widthFault(bits, from) ?? widthFault(written, from) ?? (bits > written ? `${bits} bits of ${written} written` : undefined);
  if (fault !== undefined) throw badFile(`${name} says that it has ${fault}`);
  if (flags > (HAS_ORIGINALS | REMOVES) || (flags & HAS_ORIGINALS) !== (originals ? HAS_ORIGINALS : 0))
    throw badFile(`${name} has other columns than the header says`);
  const planeLengths = planeCoordinates(dim, written).map((coordinates) => count * rowBytes(coordinates));
  const lengths = [count * 4, ...planeLengths, ...(originals ? [count * dim * 4] : [])];
  const [ids, scales, ...rest] = parts;
  const fit =
    parts.length === 1 + lengths.length + ((flags & REMOVES) === 0 ? 0 : 1) &&
    lengths.every((length, nth) => parts[nth + 1]?.length === length);
  if (ids === undefined || scales === undefined || !fit) throw badFile(`${name} has columns of other lengths than its numbers say`);
  const last = parts[parts.length - 1] as Part;
  const kept = rest[planeLengths.length];
  return {
    ...{ number, count, bits, from, written, at },
    length: last.at + aligned(last.length) - at,
    ids,
    scales,
    planes: rest.slice(0, planeLengths.length),
    ...(originals && kept !== undefined ? { originals: kept } : {}),
    ...((flags & REMOVES) === 0 ? {} : { removes: last }),
  };
}

/** Its parts one behind the other, as in its record; the scales may have moved since. */
export function partsInPlace(segment: StoredSegment): readonly Part[] {
  const { ids, scales, planes, originals, removes } = segment;
  return [
    ids,
    { ...scales, at: ids.at + aligned(ids.length) },
    ...planes,
    ...(originals === undefined ? [] : [originals]),
    ...(removes === undefined ? [] : [removes]),
  ];
}

/** Bytes of a segment that still say something. */
export function liveBytes(dim: number, { bits, ids, scales, planes, originals }: StoredSegment): number {
  const kept = planes.slice(0, planeCoordinates(dim, bits).length);
  const parts = [ids, scales, ...kept, ...(originals === undefined ? [] : [originals])];
  return parts.reduce((sum, { length }) => sum + aligned(length), HEAD_BYTES);
}
