/** The middles of cells: means of signs, as codes. The nth is in the nth slot of blocks of their own, whose signs stand behind one another. */
import { createEncoder, type Encoder } from "../codec/encoder.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { SignRows } from "./bisection.ts";
import { BLOCK_ROWS, Blocks, type Group, type Width } from "./blocks.ts";
import { createMultiplier, LIST, type ListPlace, type Multiplier, putInList } from "./question.ts";

const SHELF = 4;

/** The cell for a vector, and how many of its signs differ from the middle's. */
export interface Nearest {
  readonly cell: number;
  readonly distance: number;
}

export interface MiddlesInside {
  readonly dim: number;
  /** Of vectors. */
  readonly blocks: Blocks;
  readonly encoder: Encoder;
  readonly kernels: Kernels;
  readonly place: ListPlace;
  /** Of middles. */
  readonly width: Width;
}

export class Middles {
  readonly rows: SignRows;
  readonly #inside: MiddlesInside;
  readonly #blocks: Blocks;
  readonly #group: Group;
  readonly #multiplier: Multiplier;
  /** Middles have a width of their own. */
  readonly #encoder: Encoder;
  readonly #signsAt: number;
  readonly #distancesAt: number;
  #count = 0;

  constructor(inside: MiddlesInside) {
    this.#inside = inside;
    const { dim, blocks, encoder, width, place, kernels } = inside;
    this.#blocks = new Blocks(dim, encoder.arena, 0);
    this.#encoder = createEncoder({ dim, seed: 0n, scale: "unbiased", shape: width.shape, center: undefined }, kernels, encoder.arena);
    this.#multiplier = createMultiplier(dim, this.#blocks, width, place, kernels, encoder.arena);
    this.#group = this.#blocks.newGroup(SHELF);
    this.#signsAt = encoder.arena.allocate(blocks.signStride);
    this.#distancesAt = encoder.arena.allocate(2 * BLOCK_ROWS);
    this.rows = new SignRows(dim, blocks, kernels, encoder.arena);
  }

  /** One more, the mean of these slots. Throws `full`. */
  add(slots: readonly number[]): void {
    if (this.#count === this.#blocks.count) this.#blocks.take(this.#inside.width, this.#group);
    this.write(this.#count++, slots);
  }

  /** All of them; their memory serves the next. */
  forget(): void {
    this.#count = 0;
  }

  /** The nth becomes the mean of these slots. Where they cancel each other it is like nothing: it has a cosine of zero to everything. */
  write(nth: number, slots: readonly number[]): void {
    const { dim } = this.#inside;
    const { arena, turnedAt } = this.#encoder;
    const mean = this.rows.mean(slots);
    const length = Math.sqrt(mean.reduce((sum, value) => sum + value * value, 0));
    const { f32 } = arena.views;
    for (let at = 0; at < dim; at++) f32[turnedAt / 4 + at] = ((mean[at] as number) / (length || 1)) * Math.sqrt(dim);
    const to = { signs: this.#blocks.moreAt(nth), rest: this.#blocks.restAt(nth), stride: this.#blocks.signStride };
    f32[this.#blocks.scaleAt(nth) / 4] = this.#encoder.write(length > 0 ? 1 / Math.sqrt(dim) : 0, to);
  }

  /** For the vector that was turned last. */
  nearest(): Nearest {
    const { dim, kernels, encoder } = this.#inside;
    kernels.signPlane(encoder.turnedAt, dim, this.#signsAt);
    return this.#nearestTo(this.#signsAt);
  }

  /** For the vector in a slot. */
  nearestOf(slot: number): Nearest {
    return this.#nearestTo(this.rows.rowOf(slot));
  }

  distance(slot: number, cell: number): number {
    return this.rows.distance(this.rows.rowOf(slot), this.#blocks.moreAt(cell));
  }

  /** Of a rotated query and each. */
  cosinesTo(turned: Float32Array): Float64Array {
    const { dim, encoder, place } = this.#inside;
    const multiplier = this.#multiplier;
    const cosines = new Float64Array(this.#count);
    multiplier.ask(turned);
    for (let first = 0; first < cosines.length; first += LIST) {
      const count = Math.min(LIST, cosines.length - first);
      const { u32, f32 } = encoder.arena.views;
      for (let nth = 0; nth < count; nth++) putInList(u32, place, nth, this.#blocks, first + nth);
      const products = multiplier.multiply(count);
      for (let nth = 0; nth < count; nth++) {
        const scale = f32[this.#blocks.scaleAt(first + nth) / 4] as number;
        cosines[first + nth] = Math.max(-1, Math.min(1, ((products[nth] as number) * multiplier.unit * scale) / Math.sqrt(dim)));
      }
    }
    return cosines;
  }

  #nearestTo(signsAt: number): Nearest {
    const { kernels, encoder, width } = this.#inside;
    const stride = this.#blocks.rowBytes(width);
    let [cell, least] = [0, Number.POSITIVE_INFINITY];
    for (let first = 0; first < this.#count; first += BLOCK_ROWS) {
      const rows = Math.min(BLOCK_ROWS, this.#count - first);
      kernels.hamming(this.#blocks.moreAt(first), stride, this.#blocks.signStride, rows, signsAt, this.#distancesAt);
      const { u16 } = encoder.arena.views;
      for (let row = 0; row < rows; row++) {
        const distance = u16[this.#distancesAt / 2 + row] as number;
        if (distance < least) [cell, least] = [first + row, distance];
      }
    }
    return { cell, distance: least };
  }
}
