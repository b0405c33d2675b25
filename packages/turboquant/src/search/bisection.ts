/** Vectors in two parts that are alike within, by their signs. */
import type { Arena } from "../kernels/arena.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { Blocks } from "./blocks.ts";

/** Vectors that a middle is made of, at most. */
const SAMPLE = 256;
/** Rounds in which two middles settle. */
const ROUNDS = 3;
/** With a smaller part, the cut goes through the middle of the order instead. */
const LEAST_SHARE = 0.2;

export class SignRows {
  readonly dim: number;
  readonly #stride: number;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #blocks: Blocks;
  /** Two rows of signs, another, and a distance. */
  readonly #middleAt: number;
  readonly #rowAt: number;
  readonly #distanceAt: number;

  constructor(dim: number, blocks: Blocks, kernels: Kernels, arena: Arena) {
    this.dim = dim;
    this.#blocks = blocks;
    const stride = blocks.signStride;
    this.#stride = stride;
    this.#kernels = kernels;
    this.#arena = arena;
    this.#middleAt = arena.allocate(2 * stride);
    this.#rowAt = arena.allocate(stride);
    this.#distanceAt = arena.allocate(2);
  }

  /** Where all signs of a vector stand behind one another, until this is called again. */
  rowOf(slot: number): number {
    this.#blocks.copySigns(slot, this.#arena.views.u8, this.#rowAt);
    return this.#rowAt;
  }

  /** How many signs differ between two rows at addresses. */
  distance(left: number, right: number): number {
    this.#kernels.hamming(left, this.#stride, this.#stride, 1, right, this.#distanceAt);
    return this.#arena.views.u16[this.#distanceAt / 2] as number;
  }

  /** The mean of the signs of some of these slots: 1 where all are positive. */
  mean(slots: readonly number[]): Float32Array {
    const sum = new Float32Array(this.dim);
    const step = Math.max(1, Math.floor(slots.length / SAMPLE));
    let count = 0;
    for (let nth = 0; nth < slots.length; nth += step, count++) {
      const signs = this.#blocks.signsOf(slots[nth] as number);
      for (let at = 0; at < this.dim; at++) sum[at] = (sum[at] as number) + 1 - 2 * (((signs[at >>> 3] as number) >>> (at & 7)) & 1);
    }
    return sum.map((value) => value / Math.max(1, count));
  }

  /** Neither part is empty where there are two slots or more. */
  bisect(slots: readonly number[]): readonly [readonly number[], readonly number[]] {
    this.#copy(slots[0] as number, 0);
    this.#copy(this.#farthest(slots, 0), 1);
    this.#copy(this.#farthest(slots, 1), 0);
    let differences = this.#differences(slots);
    for (let round = 0; round < ROUNDS; round++) {
      const parts = partsOf(slots, differences);
      if (parts[0].length === 0 || parts[1].length === 0) break;
      for (const [nth, part] of parts.entries()) this.#write(this.mean(part), nth);
      differences = this.#differences(slots);
    }
    const parts = partsOf(slots, differences);
    if (Math.min(parts[0].length, parts[1].length) >= LEAST_SHARE * slots.length) return parts;
    const order = slots
      .map((_, nth) => nth)
      .sort((left, right) => (differences[left] as number) - (differences[right] as number) || left - right);
    const half = Math.floor(slots.length / 2);
    const slotsOf = (places: readonly number[]): readonly number[] => places.map((place) => slots[place] as number);
    return [slotsOf(order.slice(0, half)), slotsOf(order.slice(half))];
  }

  /** Of each slot, by how much it is farther from the first middle than from the second. */
  #differences(slots: readonly number[]): Int32Array {
    return Int32Array.from(slots, (slot) => this.#toMiddle(slot, 0) - this.#toMiddle(slot, 1));
  }

  #farthest(slots: readonly number[], middle: number): number {
    let best = { slot: slots[0] as number, distance: -1 };
    for (const slot of slots) {
      const distance = this.#toMiddle(slot, middle);
      if (distance > best.distance) best = { slot, distance };
    }
    return best.slot;
  }

  #toMiddle(slot: number, middle: number): number {
    return this.distance(this.rowOf(slot), this.#middleAt + middle * this.#stride);
  }

  #copy(slot: number, middle: number): void {
    this.#blocks.copySigns(slot, this.#arena.views.u8, this.#middleAt + middle * this.#stride);
  }

  #write(mean: Float32Array, middle: number): void {
    const { u8 } = this.#arena.views;
    const row = this.#middleAt + middle * this.#stride;
    u8.fill(0, row, row + this.#stride);
    for (const [at, value] of mean.entries()) if (value < 0) u8[row + (at >>> 3)] = (u8[row + (at >>> 3)] as number) | (1 << (at & 7));
  }
}

function partsOf(slots: readonly number[], differences: Int32Array): readonly [readonly number[], readonly number[]] {
  return [slots.filter((_, nth) => (differences[nth] as number) <= 0), slots.filter((_, nth) => (differences[nth] as number) > 0)];
}
