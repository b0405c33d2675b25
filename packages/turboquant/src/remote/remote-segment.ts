/** A segment of a file that lies elsewhere, of which as many planes are here as came so far. */
import { shapeOf } from "../codec/shape.ts";
import type { IndexReader } from "../file/index-reader.ts";
import { type IndexHeader, planeCoordinates, type SegmentColumns, type VectorId } from "../file/segment.ts";
import type { StoredSegment } from "../file/stored-segment.ts";

export interface RemoteSegment {
  readonly stored: StoredSegment;
  /** Where in the stored segment the vectors stand; without it, all do as they are here. */
  readonly rows?: Uint16Array;
  readonly ids: readonly VectorId[];
  /** As in the file, where they are for all planes. */
  readonly scales: Float32Array;
}

/** What codes of a width explain of a coordinate on average, of 1: all but the squared error. */
export type Explained = (bits: number, from: number) => number;

/** Each width is computed once: its codebook takes a tenth of a second. */
export function createExplained({ dim }: IndexHeader): Explained {
  const known = new Map<string, number>();
  return (bits, from) => {
    const key = `${bits} of ${from}`;
    const found = known.get(key) ?? 1 - shapeOf(dim, bits, from).distortion;
    known.set(key, found);
    return found;
  };
}

/** How many planes its vectors have. */
export function planesOf({ dim }: IndexHeader, { stored }: RemoteSegment): number {
  return planeCoordinates(dim, stored.bits).length;
}

/**
 * Its vectors by so many planes. The scale of a code is right for all of its planes: that of a part is larger by (1 - D of all) / (1 - D of the part), which `truncate` computes of each code exactly
 * and which it is on average, D being the squared error of a coordinate.
 */
export function withPlanes(explained: Explained, { stored, ids, scales }: RemoteSegment, planes: readonly Uint8Array[]): SegmentColumns {
  const { from } = stored;
  const bits = bitsOf(stored, planes.length);
  const factor = bits === stored.bits ? 1 : explained(stored.bits, from) / explained(bits, from);
  return { count: ids.length, bits, from, ids, scales: factor === 1 ? scales : scales.map((scale) => scale * factor), planes };
}

/** The width that the first planes of a segment make. */
export function bitsOf({ bits }: StoredSegment, planes: number): number {
  return Math.min(bits, planes);
}

/** Some of its vectors. */
export function picked({ stored, ids, scales, rows }: RemoteSegment, which: readonly number[]): RemoteSegment {
  return {
    stored,
    ids: which.map((nth) => ids[nth] as VectorId),
    scales: Float32Array.from(which, (nth) => scales[nth] as number),
    rows: Uint16Array.from(which, (nth) => rows?.[nth] ?? nth),
  };
}

/** A plane of all its vectors. */
export async function planeOf(reader: IndexReader, { stored, rows }: RemoteSegment, plane: number): Promise<Uint8Array> {
  return await reader.readPlane(stored, plane, rows);
}

/** The same of few vectors, and only their bytes are read. */
export async function rowsOf(reader: IndexReader, { stored, rows }: RemoteSegment, plane: number): Promise<Uint8Array> {
  return await reader.readRows(stored, plane, [...(rows ?? [])]);
}
