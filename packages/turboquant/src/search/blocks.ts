/**
 * Codes in blocks of 64 vectors of one width, which is how many bits a filter has in two words. A block has two pieces of memory:
 *
 *   signs       64 rows of `signStride` bytes: all that a first look at a vector reads. Those of sixteen blocks stand behind one another: a scan that jumps after each takes three times as long.
 *   rest        64 rows of `restStride` bytes: the other planes of a vector, one behind the other; then 64 32-bit floats, the scales
 *
 * A slot is a place in a block: 64 times the number of the block, and the row in it.
 */
import { planeStride } from "../codec/quantizer.ts";
import type { Shape } from "../codec/shape.ts";
import type { Arena } from "../kernels/arena.ts";

export const BLOCK_ROWS = 64;

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

/** Whose signs stand behind one another. */
const SHELF_BLOCKS = 16;

interface Block {
  readonly signs: number;
  readonly rest: number;
  readonly width: Width;
  /** Rows that were handed out. */
  filled: number;
}

export class Blocks {
  readonly signStride: number;
  readonly #arena: Arena;
  readonly #blocks: Block[] = [];
  /** Two words for each block: the bits of rows with a vector. */
  #live = new Uint32Array(0);
  /** The block of each width that has rows left. */
  readonly #open = new Map<Width, number>();
  /** Slots of each width that removed vectors left. */
  readonly #left = new Map<Width, number[]>();
  /** Memory of blocks that were made narrower, by size. */
  readonly #spare = new Map<number, number[]>();
  #shelf = 0;
  #count = 0;

  constructor(dim: number, arena: Arena) {
    this.signStride = planeStride(dim);
    this.#arena = arena;
  }

  /** Vectors. */
  get count(): number {
    return this.#count;
  }

  get blockCount(): number {
    return this.#blocks.length;
  }

  /** Slots that were handed out, and those between them. */
  get slots(): number {
    return this.#blocks.length * BLOCK_ROWS;
  }

  /** A slot for a code of this width: one that a removed vector left, or the next. */
  take(width: Width): number {
    const left = this.#leftFor(width);
    if (left !== undefined) return this.#occupy(left);
    let nth = this.#open.get(width);
    if (nth === undefined) {
      nth = this.#blocks.length;
      this.#blocks.push({ signs: this.#signsFor(nth), rest: this.#allocate(this.#restBytes(width)), width, filled: 0 });
      this.#open.set(width, nth);
      this.#growLive();
    }
    const block = this.#blocks[nth] as Block;
    const row = block.filled++;
    if (block.filled === BLOCK_ROWS) this.#open.delete(width);
    return this.#occupy(nth * BLOCK_ROWS + row);
  }

  #occupy(slot: number): number {
    const word = slot >>> 5;
    this.#live[word] = (this.#live[word] as number) | (1 << (slot & 31));
    this.#count++;
    return slot;
  }

  remove(slot: number): void {
    if (!this.isLive(slot)) return;
    const word = slot >>> 5;
    this.#live[word] = (this.#live[word] as number) & ~(1 << (slot & 31));
    this.#count--;
    this.#leave(slot, this.widthAt(slot >>> 6));
  }

  /** Rows of this width that are there, without a vector. */
  roomFor(width: Width): number {
    const open = this.#open.get(width);
    return (this.#left.get(width)?.length ?? 0) + (open === undefined ? 0 : BLOCK_ROWS - (this.#blocks[open] as Block).filled);
  }

  #leave(slot: number, width: Width): void {
    const left = this.#left.get(width);
    if (left === undefined) this.#left.set(width, [slot]);
    else left.push(slot);
  }

  #leftFor(width: Width): number | undefined {
    const left = this.#left.get(width) ?? [];
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

  signsAt(slot: number): number {
    return (this.#blocks[slot >>> 6] as Block).signs + (slot & 63) * this.signStride;
  }

  restAt(slot: number): number {
    const { rest, width } = this.#blocks[slot >>> 6] as Block;
    return rest + (slot & 63) * width.restStride;
  }

  scaleAt(slot: number): number {
    const { rest, width } = this.#blocks[slot >>> 6] as Block;
    return rest + BLOCK_ROWS * width.restStride + 4 * (slot & 63);
  }

  /** Gives a block fewer planes. Scales stay as they are. */
  narrow(block: number, width: Width): void {
    const old = this.#blocks[block] as Block;
    const rest = this.#allocate(this.#restBytes(width));
    const { u8 } = this.#arena.views;
    const [wide, narrow] = [old.width.restStride, width.restStride];
    for (let row = 0; row < BLOCK_ROWS; row++) u8.copyWithin(rest + row * narrow, old.rest + row * wide, old.rest + row * wide + narrow);
    u8.copyWithin(rest + BLOCK_ROWS * narrow, old.rest + BLOCK_ROWS * wide, old.rest + this.#restBytes(old.width));
    this.#release(old.rest, this.#restBytes(old.width));
    if (this.#open.get(old.width) === block) this.#open.delete(old.width);
    this.#blocks[block] = { signs: old.signs, rest, width, filled: BLOCK_ROWS };
    for (let slot = block * BLOCK_ROWS; slot < (block + 1) * BLOCK_ROWS; slot++) if (!this.isLive(slot)) this.#leave(slot, width);
  }

  /** Of codes, scales and the words of rows. */
  get sizeBytes(): number {
    const rests = this.#blocks.reduce((sum, { width }) => sum + this.#restBytes(width), 0);
    return rests + this.#blocks.length * (BLOCK_ROWS * this.signStride + 8);
  }

  #restBytes({ restStride }: Width): number {
    return BLOCK_ROWS * (restStride + 4);
  }

  #signsFor(block: number): number {
    const size = BLOCK_ROWS * this.signStride;
    if (block % SHELF_BLOCKS === 0) this.#shelf = this.#arena.allocate(SHELF_BLOCKS * size);
    return this.#shelf + (block % SHELF_BLOCKS) * size;
  }

  #allocate(sizeBytes: number): number {
    const spare = this.#spare.get(sizeBytes)?.pop();
    if (spare === undefined) return this.#arena.allocate(sizeBytes);
    this.#arena.views.u8.fill(0, spare, spare + sizeBytes);
    return spare;
  }

  #release(at: number, sizeBytes: number): void {
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
