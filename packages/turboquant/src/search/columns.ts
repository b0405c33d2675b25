/** Between blocks and the columns that a file keeps. */
import { TurboQuantError } from "../error.ts";
import { checkColumns } from "../file/column-checks.ts";
import { type IndexHeader, MOST_ROWS, rowBytes, type SegmentColumns, type VectorId } from "../file/segment.ts";
import { checkId } from "../file/vector-id.ts";
import type { Arena } from "../kernels/arena.ts";
import { BLOCK_ROWS, type Blocks, type Width } from "./blocks.ts";
import type { IdTable } from "./id-table.ts";
import type { Originals } from "./originals.ts";

interface Inside {
  readonly header: IndexHeader;
  readonly blocks: Blocks;
  readonly arena: Arena;
  readonly ids: IdTable;
  readonly originals: Originals | undefined;
}

/** `most`: rows of a segment. `slots`: of vectors; those of all unless said. */
export function* columnsOf(
  inside: Inside,
  most = MOST_ROWS,
  slots: Iterable<number> = liveSlots(inside.blocks),
): Generator<SegmentColumns> {
  const { blocks } = inside;
  const rows = Math.min(most, MOST_ROWS);
  const waiting = new Map<Width, number[]>();
  for (const slot of slots) {
    const width = blocks.widthAt(slot >>> 6);
    const together = waiting.get(width) ?? [];
    together.push(slot);
    waiting.set(width, together);
    if (together.length < rows) continue;
    waiting.delete(width);
    yield segmentOf(inside, width, together);
  }
  for (const [width, together] of waiting) yield segmentOf(inside, width, together);
}

export function* liveSlots(blocks: Blocks): Generator<number> {
  for (let slot = 0; slot < blocks.blockCount * BLOCK_ROWS; slot++) if (blocks.isLive(slot)) yield slot;
}

export function liveIn(blocks: Blocks, block: number): readonly number[] {
  return Array.from({ length: BLOCK_ROWS }, (_, row) => block * BLOCK_ROWS + row).filter((slot) => blocks.isLive(slot));
}

function segmentOf({ header: { dim }, blocks, arena, ids, originals }: Inside, width: Width, slots: readonly number[]): SegmentColumns {
  const { u8, f32 } = arena.views;
  const planes = width.shape.planes.map((count, plane) => {
    const bytes = rowBytes(count);
    const rows = new Uint8Array(slots.length * bytes);
    for (const [row, slot] of slots.entries()) {
      const at = planeAt(blocks, slot, plane);
      rows.set(plane === 0 ? blocks.signsOf(slot).subarray(0, bytes) : u8.subarray(at, at + bytes), row * bytes);
      // A cut plane has bits of the finer one behind its end.
      if (count % 8 !== 0) rows[(row + 1) * bytes - 1] = (rows[(row + 1) * bytes - 1] as number) & ((1 << (count & 7)) - 1);
    }
    return rows;
  });
  const columns = {
    count: slots.length,
    bits: width.bits,
    from: width.from,
    ids: slots.map((slot) => ids.at(slot)),
    scales: Float32Array.from(slots, (slot) => f32[blocks.scaleAt(slot) / 4] as number),
    planes,
  };
  if (originals === undefined) return columns;
  const all = new Float32Array(slots.length * dim);
  for (const [row, slot] of slots.entries()) all.set(originals.at(slot), row * dim);
  return { ...columns, originals: all };
}

interface Taking extends Inside {
  /** A slot. Throws `full`. */
  readonly take: () => number;
  readonly isThere: (id: VectorId) => boolean;
  /** From here on what is in a slot is in the index. `replaces`: what `isThere` said before there was a slot, which a vector that is gone may have left under this very id. */
  readonly name: (slot: number, id: VectorId, scale: number, replaces: boolean) => void;
}

/** Throws `bad-argument` for columns that are none of this index, before anything is made of them. */
export function checkColumnsFor(header: IndexHeader, columns: SegmentColumns): void {
  const hasOriginals = columns?.originals !== undefined;
  checkColumns({ ...header, originals: hasOriginals }, columns);
  columns.ids.forEach(checkId);
  if (header.originals && !hasOriginals)
    throw new TurboQuantError("bad-argument", "a segment has no originals", "This index keeps them: create it without.");
}

/** Of columns that were checked. Where memory ends those before are in, and the others are as they were. */
export function putColumns(
  { count, ids, scales, planes, originals }: SegmentColumns,
  { header: { dim }, blocks, arena, originals: kept, take, isThere, name }: Taking,
): void {
  for (const [row, id] of ids.entries()) {
    const replaces = isThere(id);
    const slot = take();
    const { u8 } = arena.views;
    for (const [plane, rows] of planes.entries()) {
      const bytes = rows.length / count;
      const code = rows.subarray(row * bytes, (row + 1) * bytes);
      if (plane === 0) blocks.putSigns(slot, code);
      else u8.set(code, planeAt(blocks, slot, plane));
    }
    if (originals !== undefined) kept?.putOrLeave(slot, originals.subarray(row * dim, (row + 1) * dim), blocks);
    name(slot, id, scales[row] as number, replaces);
  }
}

/** Of planes besides the signs. */
function planeAt(blocks: Blocks, slot: number, plane: number): number {
  return blocks.restAt(slot) + (plane - 1) * blocks.signStride;
}
