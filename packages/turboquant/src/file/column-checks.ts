/** What is to be written is checked like what is read, so that nothing gets into a file that would not come out of it. */
import { kindOf, orAwaited, refuse, shown } from "../argument.ts";
import { hasBitsBehind } from "./column-reading.ts";
import { isFinite32 } from "./float-column.ts";
import { widthFault } from "./header-record.ts";
import { type IndexHeader, MOST_ROWS, planeCoordinates, rowBytes, type SegmentColumns } from "./segment.ts";

const HINT = "SegmentColumns says what a segment has.";

/** Throws `bad-argument` for columns that are no segment of this index; ids are checked where they are encoded. */
export function checkColumns(header: IndexHeader, columns: SegmentColumns): void {
  if (typeof columns !== "object" || columns === null) refuse(`a segment is ${shown(columns)}`, orAwaited(columns, HINT));
  if (Symbol.iterator in columns)
    refuse(`a segment is ${shown(columns)}`, "Take one after the other: for (const columns of index.segments()) again.load(columns).");
  const fault = columnsFault(header, columns);
  if (fault !== undefined) refuse(`a segment has ${fault}`, orAwaited(columns, HINT));
}

function columnsFault({ dim, originals }: IndexHeader, columns: SegmentColumns): string | undefined {
  const { count, bits, from, ids, scales, planes } = columns;
  if (!Number.isInteger(count) || count < 1 || count > MOST_ROWS) return `${shown(count)} vectors, not 1 to ${MOST_ROWS}`;
  const width = widthFault(bits, from);
  if (width !== undefined) return width;
  // One of them may be a hole.
  if (!Array.isArray(ids) || ids.includes(undefined)) return `ids that are ${shown(ids)}, or not all there`;
  if (ids.length !== count) return `${ids.length} ids for ${count} vectors`;
  const scale = scalesFault(scales, count);
  if (scale !== undefined) return scale;
  const coordinates = planeCoordinates(dim, bits);
  if (!Array.isArray(planes)) return `planes that are ${shown(planes)}`;
  if (planes.length !== coordinates.length) return `${planes.length} planes, not ${coordinates.length}`;
  for (const [nth, plane] of planes.entries()) {
    const most = coordinates[nth] as number;
    if (kindOf(plane) !== "Uint8Array") return `a plane ${nth} that is ${shown(plane)}`;
    if (plane.length !== count * rowBytes(most)) return `${plane.length} bytes in its plane ${nth}, not ${count * rowBytes(most)}`;
    if (hasBitsBehind(plane, count, most)) return `bits behind the last coordinate in its plane ${nth}`;
  }
  if ((columns.originals !== undefined) !== originals)
    return originals ? "no originals, which the header promises" : "originals, which the header excludes";
  if (columns.originals !== undefined && !isVectors(columns.originals, count * dim)) return "originals that are not as many finite vectors";
  return undefined;
}

function isVectors(originals: Float32Array, coordinates: number): boolean {
  return kindOf(originals) === "Float32Array" && originals.length === coordinates && isFinite32(originals);
}

/** What in scales cannot be. */
export function scalesFault(scales: Float32Array, count: number): string | undefined {
  if (kindOf(scales) !== "Float32Array") return `scales that are ${shown(scales)}`;
  if (scales.length !== count) return `${scales.length} scales for ${count} vectors`;
  return isFinite32(scales) ? undefined : "a scale that is no finite number";
}
