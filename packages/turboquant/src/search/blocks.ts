/**
 * Codes in blocks of 64 vectors of one width, which is how many bits a filter has in two words. A block has two pieces of memory:
 *
 *   signs       of 64 rows, `lookStride` bytes each: all that a first look at a vector reads. They stand in two lots of 32 rows, in which first come the first bytes of all rows, then their second. Those
 *               of some blocks stand behind one another, on a shelf: a scan that jumps after each block takes three times as long.
 *   rest        64 rows: the signs that are not looked at first, where there are many, and the other planes of a vector, one behind the other; then 64 32-bit floats, the scales
 *
 * A slot is a place in a block: 64 times the number of the block, and the row in it. Blocks belong to groups: what is looked at together.
 */
import { planeStride } from "../codec/quantizer.ts";
import type { Shape } from "../codec/shape.ts";
import { isTurboQuantError } from "../error.ts";
import type { Arena } from "../kernels/arena.ts";

export const BLOCK_ROWS = 64;
export const LOT_ROWS = 32;
/** Of so many coordinates signs are looked at first, where there are more: what that leaves open, a few codes more tell sooner. */
const MOST_LOOKS = 384;

/** Codes of one width. */
export interface Width {
  readonly bits: number;
  /** The bits that codes were encoded with. */
  readonly from: number;
  readonly shape: Shape;
  /** Of the planes besides the signs, together. */
  readonly restStride: number;
}

export function widthOf(shape: Shape, bits: number, from: number): Width {
  return { bits, from, shape, restStride: shape.planes.slice(1).reduce((sum, count) => sum + planeStride(count), 0) };
}

interface Block {
  readonly signs: number;
  readonly rest: number;
  readonly width: Width;
  readonly group: Group;
  /** Rows that were handed out. */
  filled: number;
}

/** What is looked at together. */
export interface Group {
  /** Numbers of its blocks. */
  readonly blocks: readonly number[];
  /** Blocks whose signs stand behind one another, from the first block on. */
  readonly shelfBlocks: number;
}

interface OwnGroup extends Group {
  readonly blocks: number[];
  /** The block of each width that has rows left. */
  readonly open: Map<Width, number>;
  /** Slots of each width that removed vectors left. */
  readonly left: Map<Width, number[]>;
  readonly shelves: number[];
  /** Pieces of the last shelf that are in use. */
  shelved: number;
}

export class Blocks {
  /** Of all signs. */
  readonly signStride: number;
  /** Coordinates whose signs are looked at first. */
  readonly looks: number;
  /** Of their signs. */
  readonly lookStride: number;
  readonly #arena: Arena;
  readonly #blocks: Block[] = [];
  /** Numbers of blocks that were given up. */
  readonly #vacant: number[] = [];
  /** Two words for each block: the bits of rows with a vector. */
  #live = new Uint32Array(0);
  /** Memory that was given up, by size. */
  readonly #spare = new Map<number, number[]>();
  #count = 0;

  /** `looks`: of none, where nothing is looked at first, and all signs of a vector stand behind one another. */
  constructor(dim: number, arena: Arena, looks = Math.min(dim, MOST_LOOKS)) {
    this.signStride = planeStride(dim);
    this.looks = looks;
    this.lookStride = planeStride(looks);
    this.#arena = arena;
  }

  /** Vectors. */
  get count(): number {
    return this.#count;
  }

  /** One more than the largest number of a block. */
  get blockCount(): number {
    return this.#blocks.length;
  }

  /** `shelfBlocks`: how many blocks' signs stand behind one another. */
  newGroup(shelfBlocks: number): Group {
    const group: OwnGroup = { blocks: [], open: new Map(), left: new Map(), shelfBlocks, shelves: [], shelved: shelfBlocks };
    return group;
  }

  /** A slot for a code of this width: one that a removed vector left, or the next. */
  take(width: Width, to: Group): number {
    const group = to as OwnGroup;
    const left = this.#leftFor(width, group);
    if (left !== undefined) return this.#occupy(left);
    const nth = group.open.get(width) ?? this.#begin(width, group);
    const block = this.#blocks[nth] as Block;
    const row = block.filled++;
    if (block.filled === BLOCK_ROWS) group.open.delete(width);
    return this.#occupy(nth * BLOCK_ROWS + row);
  }

  remove(slot: number): void {
    if (!this.isLive(slot)) return;
    this.vacate(slot);
    this.leave(slot);
  }

  /** Lets the next vector of a group have a slot that nothing is in any more. */
  leave(slot: number): void {
    const { width, group } = this.#blocks[slot >>> 6] as Block;
    const { left } = group as OwnGroup;
    const slots = left.get(width);
    if (slots === undefined) left.set(width, [slot]);
    else slots.push(slot);
  }

  /** Takes a vector away from a group that is given up next: its slot is not handed out again. */
  vacate(slot: number): void {
    const word = slot >>> 5;
    this.#live[word] = (this.#live[word] as number) & ~(1 << (slot & 31));
    this.#count--;
  }

  /** Rows of this width that are there in a group, without a vector. */
  roomFor(width: Width, of: Group): number {
    const group = of as OwnGroup;
    const open = group.open.get(width);
    return (group.left.get(width)?.length ?? 0) + (open === undefined ? 0 : BLOCK_ROWS - (this.#blocks[open] as Block).filled);
  }

  /** Gives back the memory of a block of a group of which nothing is live, but for its signs: the group is to be given up as a whole. */
  giveUp(from: Group, block: number): void {
    const group = from as OwnGroup;
    const { rest, width } = this.#blocks[block] as Block;
    group.blocks.splice(group.blocks.indexOf(block), 1);
    group.open.clear();
    group.left.clear();
    this.#giveBack(rest, this.#restBytes(width));
    this.#vacant.push(block);
  }

  /** Gives back the first shelf of a group, of which no block is left: in pieces for groups with shelves of `into` blocks. Whether there was one. */
  releaseShelf(from: Group, into: number): boolean {
    const group = from as OwnGroup;
    const shelf = group.shelves.shift();
    if (shelf === undefined) return false;
    for (let at = 0; at < group.shelfBlocks; at += into) this.#giveBack(shelf + at * this.#signBytes, into * this.#signBytes);
    if (group.shelves.length === 0) group.shelved = group.shelfBlocks;
    return true;
  }

  #leftFor(width: Width, group: OwnGroup): number | undefined {
    const left = group.left.get(width) ?? [];
    for (let slot = left.pop(); slot !== undefined; slot = left.pop()) {
      // Its block may have become narrower since.
      if (this.widthAt(slot >>> 6) === width) return slot;
    }
    return undefined;
  }

  isLive(slot: number): boolean {
    return (((this.#live[slot >>> 5] ?? 0) >>> (slot & 31)) & 1) === 1;
  }

  /** Bits of the lower (0) or upper (1) 32 rows of a block. */
  liveWord(block: number, half: 0 | 1): number {
    return this.#live[2 * block + half] as number;
  }

  widthAt(block: number): Width {
    return (this.#blocks[block] as Block).width;
  }

  groupAt(block: number): Group {
    return (this.#blocks[block] as Block).group;
  }

  /** Where the first byte of a vector's signs stands; the next is as many bytes on as a lot has rows. */
  signsAt(slot: number): number {
    const row = slot & 63;
    return (this.#blocks[slot >>> 6] as Block).signs + (row & LOT_ROWS) * this.lookStride + (row & (LOT_ROWS - 1));
  }

  /** Where the signs stand that are not looked at first. */
  moreAt(slot: number): number {
    const { rest, width } = this.#blocks[slot >>> 6] as Block;
    return rest + (slot & 63) * this.rowBytes(width);
  }

  /** All signs of a vector. */
  signsOf(slot: number): Uint8Array {
    const signs = new Uint8Array(this.signStride);
    this.copySigns(slot, signs, 0);
    return signs;
  }

  /** All signs of a vector, one behind the other. */
  copySigns(slot: number, into: Uint8Array, at: number): void {
    const { u8 } = this.#arena.views;
    const [first, more] = [this.signsAt(slot), this.moreAt(slot)];
    for (let byte = 0; byte < this.lookStride; byte++) into[at + byte] = u8[first + LOT_ROWS * byte] as number;
    for (let byte = this.lookStride; byte < this.signStride; byte++) into[at + byte] = u8[more + byte - this.lookStride] as number;
  }

  putSigns(slot: number, signs: Uint8Array): void {
    const { u8 } = this.#arena.views;
    const first = this.signsAt(slot);
    for (let byte = 0; byte < Math.min(this.lookStride, signs.length); byte++) u8[first + LOT_ROWS * byte] = signs[byte] as number;
    u8.set(signs.subarray(this.lookStride, this.signStride), this.moreAt(slot));
  }

  /** Those that are looked at first, from where they stand behind one another. */
  putFirstSigns(slot: number, from: number): void {
    const { u8 } = this.#arena.views;
    const first = this.signsAt(slot);
    for (let byte = 0; byte < this.lookStride; byte++) u8[first + LOT_ROWS * byte] = u8[from + byte] as number;
  }

  restAt(slot: number): number {
    return this.moreAt(slot) + this.signStride - this.lookStride;
  }

  scaleAt(slot: number): number {
    const { rest, width } = this.#blocks[slot >>> 6] as Block;
    return rest + BLOCK_ROWS * this.rowBytes(width) + 4 * (slot & 63);
  }

  /** Copies a code to a slot of the same width or of fewer planes. */
  copy(from: number, to: number): void {
    const { u8 } = this.#arena.views;
    const [signs, more, scale] = [this.signsAt(from), this.moreAt(from), this.scaleAt(from)];
    const target = this.signsAt(to);
    for (let byte = 0; byte < this.lookStride; byte++) u8[target + LOT_ROWS * byte] = u8[signs + LOT_ROWS * byte] as number;
    u8.copyWithin(this.moreAt(to), more, more + this.rowBytes(this.widthAt(to >>> 6)));
    u8.copyWithin(this.scaleAt(to), scale, scale + 4);
  }

  /** Gives a block fewer planes. Scales stay as they are. */
  narrow(block: number, width: Width): void {
    const old = this.#blocks[block] as Block;
    const group = old.group as OwnGroup;
    const rest = this.#allocateOr(old.rest, this.#restBytes(width));
    const { u8 } = this.#arena.views;
    const [wide, narrow] = [this.rowBytes(old.width), this.rowBytes(width)];
    for (let row = 0; row < BLOCK_ROWS; row++) u8.copyWithin(rest + row * narrow, old.rest + row * wide, old.rest + row * wide + narrow);
    u8.copyWithin(rest + BLOCK_ROWS * narrow, old.rest + BLOCK_ROWS * wide, old.rest + this.#restBytes(old.width));
    if (rest !== old.rest) this.#giveBack(old.rest, this.#restBytes(old.width));
    else this.#giveBackBehind(rest, this.#restBytes(old.width), this.#restBytes(width));
    if (group.open.get(old.width) === block) group.open.delete(old.width);
    this.#blocks[block] = { ...old, rest, width, filled: BLOCK_ROWS };
    for (let slot = block * BLOCK_ROWS; slot < (block + 1) * BLOCK_ROWS; slot++) if (!this.isLive(slot)) this.leave(slot);
  }

  /** Of codes, scales and the words of rows. */
  get sizeBytes(): number {
    const isVacant = new Set(this.#vacant);
    return this.#blocks.reduce((sum, { width }, nth) => (isVacant.has(nth) ? sum : sum + this.#restBytes(width) + this.#signBytes + 8), 0);
  }

  #begin(width: Width, group: OwnGroup): number {
    const rest = this.#allocate(this.#restBytes(width));
    const signs = this.#signsOr(group, () => this.#giveBack(rest, this.#restBytes(width)));
    const nth = this.#vacant.pop() ?? this.#blocks.length;
    this.#blocks[nth] = { signs, rest, width, group, filled: 0 };
    group.blocks.push(nth);
    group.open.set(width, nth);
    this.#growLive();
    return nth;
  }

  #occupy(slot: number): number {
    const word = slot >>> 5;
    this.#live[word] = (this.#live[word] as number) | (1 << (slot & 31));
    this.#count++;
    return slot;
  }

  get #signBytes(): number {
    return BLOCK_ROWS * this.lookStride;
  }

  /** Of a row behind the signs that are looked at first. */
  rowBytes({ restStride }: Width): number {
    return this.signStride - this.lookStride + restStride;
  }

  #restBytes(width: Width): number {
    return BLOCK_ROWS * (this.rowBytes(width) + 4);
  }

  /** Room for signs, or, where there is none, what is to be done before that is thrown. */
  #signsOr(group: OwnGroup, otherwise: () => void): number {
    if (group.shelved === group.shelfBlocks) {
      try {
        group.shelves.push(this.#allocate(group.shelfBlocks * this.#signBytes));
      } catch (error) {
        otherwise();
        throw error;
      }
      group.shelved = 0;
    }
    return (group.shelves.at(-1) as number) + group.shelved++ * this.#signBytes;
  }

  /** Zeros. */
  #allocate(sizeBytes: number): number {
    const spare = this.#spare.get(sizeBytes)?.pop();
    if (spare === undefined) return this.#arena.allocate(sizeBytes);
    this.#arena.views.u8.fill(0, spare, spare + sizeBytes);
    return spare;
  }

  /** Where memory is at its end what is there has to do: codes become narrower in place. Those of fewer bits are in front of where they were. */
  #allocateOr(instead: number, sizeBytes: number): number {
    try {
      return this.#allocate(sizeBytes);
    } catch (error) {
      if (isTurboQuantError(error) && error.code === "full") return instead;
      throw error;
    }
  }

  /** Of a piece of which the front is in use, as many pieces like that as there are behind it; less than one serves nobody any more. */
  #giveBackBehind(at: number, sizeBytes: number, inUse: number): void {
    for (let piece = at + inUse; piece + inUse <= at + sizeBytes; piece += inUse) this.#giveBack(piece, inUse);
  }

  #giveBack(at: number, sizeBytes: number): void {
    const spare = this.#spare.get(sizeBytes);
    if (spare === undefined) this.#spare.set(sizeBytes, [at]);
    else spare.push(at);
  }

  #growLive(): void {
    const wanted = 2 * this.#blocks.length;
    if (wanted <= this.#live.length) return;
    const grown = new Uint32Array(Math.max(2, 2 * this.#live.length));
    grown.set(this.#live);
    this.#live = grown;
  }
}
