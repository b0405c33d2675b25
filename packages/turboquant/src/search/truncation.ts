/**
 * Vectors are cut to fewer bits where they are: the first planes of a code are a code of fewer bits. Of a block all of whose vectors are cut the other planes are given back; single vectors move to a block of
 * their width. Each vector is cut wholly or not at all: where memory ends on the way, those before are cut and the others are as they were.
 */
import { truncatedFactor } from "../codec/quantizer.ts";
import { MAX_FLOAT } from "../codec/vector.ts";
import type { IndexHeader } from "../file/segment.ts";
import type { Arena } from "../kernels/arena.ts";
import { BLOCK_ROWS, type Blocks, type Group, type Width } from "./blocks.ts";
import { codeValues } from "./code-values.ts";
import { liveIn } from "./columns.ts";
import type { IdTable } from "./id-table.ts";
import type { LargestScale } from "./largest-scale.ts";
import type { Originals } from "./originals.ts";
import type { Widths } from "./widths.ts";

export interface Truncating {
  readonly header: IndexHeader;
  readonly blocks: Blocks;
  readonly arena: Arena;
  readonly ids: IdTable;
  readonly originals: Originals | undefined;
  readonly scales: LargestScale;
  readonly widths: Widths;
  /** A slot for a code. Throws `full`. */
  readonly take: (width: Width, group: Group) => number;
}

/** Those in the slots that are chosen, and have more bits; tells how many. Throws `full`. */
export function truncateCodes(inside: Truncating, bits: number, isChosen: (slot: number) => boolean): number {
  const { blocks, widths } = inside;
  let cut = 0;
  const { blockCount } = blocks;
  for (let block = 0; block < blockCount; block++) {
    const width = blocks.widthAt(block);
    if (width.bits <= bits) continue;
    const live = liveIn(blocks, block);
    const slots = live.filter(isChosen);
    if (slots.length === 0) continue;
    const to = widths.of(bits, width.from);
    // A block of few would stay one of few: they move to where others left room.
    const isWhole =
      slots.length === live.length && (slots.length === BLOCK_ROWS || slots.length > blocks.roomFor(to, blocks.groupAt(block)));
    if (isWhole) cutBlock(inside, block, slots, to);
    else for (const slot of slots) move(inside, slot, to);
    cut += slots.length;
  }
  return cut;
}

function cutBlock({ header, blocks, arena, scales }: Truncating, block: number, slots: readonly number[], to: Width): void {
  const cut = slots.map((slot) => cutScale(header.dim, blocks, arena, slot, to));
  blocks.narrow(block, to);
  const { f32 } = arena.views;
  for (const [nth, slot] of slots.entries()) {
    const at = blocks.scaleAt(slot) / 4;
    scales.leave(f32[at] as number);
    f32[at] = cut[nth] as number;
    scales.put(cut[nth] as number);
  }
}

function move({ header, blocks, arena, ids, originals, scales, take }: Truncating, slot: number, to: Width): void {
  const id = ids.at(slot);
  const scale = cutScale(header.dim, blocks, arena, slot, to);
  const target = take(to, blocks.groupAt(slot >>> 6));
  originals?.putOrLeave(target, originals.at(slot), blocks);
  blocks.copy(slot, target);
  const { f32 } = arena.views;
  scales.leave(f32[blocks.scaleAt(slot) / 4] as number);
  blocks.remove(slot);
  ids.forget(id);
  ids.put(target, id);
  f32[blocks.scaleAt(target) / 4] = scale;
  scales.put(scale);
}

function cutScale(dim: number, blocks: Blocks, arena: Arena, slot: number, to: Width): number {
  const finer = codeValues(dim, blocks, arena, slot, blocks.widthAt(slot >>> 6));
  const factor = truncatedFactor("unbiased", finer, codeValues(dim, blocks, arena, slot, to));
  return Math.min(MAX_FLOAT, (arena.views.f32[blocks.scaleAt(slot) / 4] as number) * factor);
}
