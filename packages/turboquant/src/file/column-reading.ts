/** The columns of a stored segment, checked: nothing of a file is believed because it was written once. */
import { checkYesOrNo, kindOf, refuse, shown } from "../argument.ts";
import { checkOptions, type OptionNames, optionNames } from "../options.ts";
import { badFile } from "./bad-file.ts";
import { type Contents, liveRows } from "./contents.ts";
import { crc32c } from "./crc32c.ts";
import { floatsOf, isFinite32 } from "./float-column.ts";
import { decodeIds } from "./id-column.ts";
import type { RangeSource } from "./index-file.ts";
import { aligned, type Part } from "./record.ts";
import { planeCoordinates, rowBytes, type SegmentColumns, type VectorId } from "./segment.ts";
import type { StoredSegment } from "./stored-segment.ts";

export interface ReadOptions {
  /** How many planes, from the signs on; all unless said. */
  readonly planes?: number;
  /** Also the originals, where there are any; true unless said, and false where `planes` is. */
  readonly originals?: boolean;
}

const READ_OPTIONS: OptionNames = optionNames<ReadOptions>({ planes: true, originals: true });

/** Without the vectors that were removed since. With fewer planes than its width says where fewer were asked for. */
export interface ReadColumns extends SegmentColumns {
  /** Where in the stored segment the vectors stand; without it, all do as they are here. */
  readonly rows?: Uint16Array;
}

export async function readColumns(
  source: RangeSource,
  contents: Contents,
  segment: StoredSegment,
  options: ReadOptions = {},
): Promise<ReadColumns> {
  checkOptions("readColumns", options, READ_OPTIONS);
  const { number, count, bits, from, ids, scales } = segment;
  const widths = planeCoordinates(contents.header.dim, bits);
  const { planes: wanted = widths.length } = options;
  if (!(Number.isSafeInteger(wanted) && wanted >= 0)) refuse(`planes is ${shown(wanted)}`, "It is a whole number, from 0 on.");
  if (options.originals !== undefined) checkYesOrNo("originals", options.originals);
  const planes = segment.planes.slice(0, Math.min(widths.length, wanted));
  const withOriginals = (options.originals ?? options.planes === undefined) && segment.originals !== undefined;
  // One behind the other in the file, so that one reading brings them all; only scales may have moved.
  const last = planes.at(-1) ?? (scales.at === ids.at + aligned(ids.length) ? scales : ids);
  const bytes = await source.read(ids.at, last.at + last.length - ids.at);
  const within = (part: Part, name: string): Uint8Array =>
    checked(bytes.subarray(part.at - ids.at, part.at - ids.at + part.length), part, number, name);
  const foundIds = inSegment(number, () => decodeIds(within(ids, "its ids"), count, 0));
  const moved = scales.at < ids.at || scales.at >= ids.at + bytes.length;
  const scaleBytes = moved
    ? checked(await source.read(scales.at, scales.length), scales, number, "its scales")
    : within(scales, "its scales");
  const foundScales = floatsOf(scaleBytes);
  if (!isFinite32(foundScales)) throw badFile(`segment ${number} has a scale that is no number`);
  const foundPlanes = planes.map((part, nth) => narrowed(within(part, `its plane ${nth}`), contents.header.dim, segment, nth));
  const originals = withOriginals ? await readOriginals(source, segment) : undefined;
  const rows = liveRows(contents, foundIds, number);
  const all = {
    count,
    bits,
    from,
    ids: foundIds,
    scales: foundScales,
    planes: foundPlanes,
    ...(originals === undefined ? {} : { originals }),
  };
  return rows === undefined ? all : { ...onlyRows(all, rows), rows };
}

/** One plane of the same vectors as `rows` names, of all without. */
export async function readPlane(
  source: RangeSource,
  { header }: Contents,
  segment: StoredSegment,
  plane: number,
  rows?: Uint16Array,
): Promise<Uint8Array> {
  if (rows !== undefined) checkRows(segment, rows);
  const part = segment.planes[plane] as Part;
  const bytes = checked(await source.read(part.at, part.length), part, segment.number, `its plane ${plane}`);
  const all = narrowed(bytes, header.dim, segment, plane);
  return rows === undefined ? all : pickedRows(all, rows, segment.count);
}

/** Rows with no more than so many bytes between them come in one piece: asking for another takes longer than so much does to come. */
const NEAR_BYTES = 1024;

/** Of one plane. `rows` rise. */
export async function readRows(
  source: RangeSource,
  { header }: Contents,
  segment: StoredSegment,
  plane: number,
  rows: readonly number[],
): Promise<Uint8Array> {
  checkRows(segment, rows);
  const { at } = segment.planes[plane] as Part;
  const width = rowBytes(planeCoordinates(header.dim, segment.written)[plane] as number);
  const bytes = new Uint8Array(rows.length * width);
  await Promise.all(
    runsOf(rows, NEAR_BYTES / width).map(async ([from, to]) => {
      const first = rows[from] as number;
      const piece = await source.read(at + first * width, ((rows[to] as number) - first + 1) * width);
      for (let nth = from; nth <= to; nth++) {
        const start = ((rows[nth] as number) - first) * width;
        bytes.set(piece.subarray(start, start + width), nth * width);
      }
    }),
  );
  return narrowed(bytes, header.dim, { ...segment, count: rows.length }, plane);
}

/** Throws `bad-argument`. */
function checkRows({ number, count }: StoredSegment, rows: readonly number[] | Uint16Array): void {
  const isList = Array.isArray(rows) || kindOf(rows) === "Uint16Array";
  const hint = "They are an array, or what `readColumns` told: they rise, from 0 on.";
  if (!isList) refuse(`rows of segment ${number} are ${shown(rows)}`, hint);
  for (let nth = 0, last = -1; nth < rows.length; nth++) {
    const row = rows[nth] as number;
    if (!(Number.isInteger(row) && row > last && row < count)) refuse(`segment ${number} has not these rows`, hint);
    last = row;
  }
}

/** The first and the last of those that are no further apart than `gap`. */
function runsOf(rows: readonly number[], gap: number): readonly (readonly [number, number])[] {
  const runs: (readonly [number, number])[] = [];
  let from = 0;
  rows.forEach((row, nth) => {
    if (nth + 1 < rows.length && (rows[nth + 1] as number) - row - 1 <= gap) return;
    runs.push([from, nth]);
    from = nth + 1;
  });
  return runs;
}

async function readOriginals(source: RangeSource, { number, originals }: StoredSegment): Promise<Float32Array> {
  const part = originals as Part;
  const floats = floatsOf(checked(await source.read(part.at, part.length), part, number, "its originals"));
  if (!isFinite32(floats)) throw badFile(`segment ${number} has an original that is no vector`);
  return floats;
}

function checked(bytes: Uint8Array, { at, length, crc }: Part, segment: number, name: string): Uint8Array {
  if (bytes.length !== length || crc32c(bytes) !== crc)
    throw badFile(`segment ${segment} is damaged: ${name} (${length} bytes at ${at}) are not what was written`);
  return bytes;
}

function inSegment<Result>(segment: number, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw error instanceof Error && "code" in error && error.code === "bad-file" && !error.message.startsWith("segment")
      ? badFile(`segment ${segment}: ${error.message}`)
      : error;
  }
}

/** Rows as wide as the segment is now, where they were written wider. Throws `bad-file` for bits behind the last coordinate. */
function narrowed(bytes: Uint8Array, dim: number, { number, count, bits, written }: StoredSegment, plane: number): Uint8Array {
  const had = planeCoordinates(dim, written)[plane] as number;
  const has = planeCoordinates(dim, bits)[plane] as number;
  if (hasBitsBehind(bytes, count, had)) throw badFile(`segment ${number} has bits behind the last coordinate in its plane ${plane}`);
  if (had === has) return bytes;
  const [wide, narrow] = [rowBytes(had), rowBytes(has)];
  const result = new Uint8Array(count * narrow);
  const lastBits = has % 8 === 0 ? 0xff : (1 << (has % 8)) - 1;
  for (let row = 0; row < count; row++) {
    result.set(bytes.subarray(row * wide, row * wide + narrow), row * narrow);
    const last = row * narrow + narrow - 1;
    result[last] = (result[last] as number) & lastBits;
  }
  return result;
}

/** Whether a row has bits set behind its last coordinate. */
export function hasBitsBehind(plane: Uint8Array, count: number, coordinates: number): boolean {
  if (coordinates % 8 === 0) return false;
  const width = rowBytes(coordinates);
  for (let row = 1; row <= count; row++) if ((plane[row * width - 1] as number) >>> (coordinates % 8) !== 0) return true;
  return false;
}

function pickedRows(bytes: Uint8Array, rows: Uint16Array, count: number): Uint8Array {
  const width = bytes.length / count;
  const result = new Uint8Array(rows.length * width);
  rows.forEach((row, nth) => {
    result.set(bytes.subarray(row * width, (row + 1) * width), nth * width);
  });
  return result;
}

function onlyRows(columns: SegmentColumns, rows: Uint16Array): SegmentColumns {
  const { count, ids, scales, planes, originals } = columns;
  const width = originals === undefined ? 0 : originals.length / count;
  const kept = originals === undefined ? undefined : new Float32Array(rows.length * width);
  rows.forEach((row, nth) => {
    if (originals !== undefined) kept?.set(originals.subarray(row * width, (row + 1) * width), nth * width);
  });
  return {
    ...columns,
    count: rows.length,
    ids: Array.from(rows, (row) => ids[row] as VectorId),
    scales: Float32Array.from(rows, (row) => scales[row] as number),
    planes: planes.map((plane) => pickedRows(plane, rows, count)),
    ...(kept === undefined ? {} : { originals: kept }),
  };
}
