import { kindOf, refuse } from "../argument.ts";
import { BLOCK_ROWS, type Blocks } from "./blocks.ts";

/** Which vectors a search may find: made once by `index.select`, good until vectors are added, removed or truncated. */
export class Selection {
  readonly #words: Uint32Array;
  readonly #blocks: Blocks;
  /** Of the index when this was made. */
  readonly #version: number;

  constructor(blocks: Blocks, version: number, mayFind: (slot: number) => boolean) {
    this.#blocks = blocks;
    this.#version = version;
    this.#words = new Uint32Array(2 * blocks.blockCount);
    for (let slot = 0; slot < blocks.blockCount * BLOCK_ROWS; slot++)
      if (blocks.isLive(slot) && answered(mayFind(slot)))
        this.#words[slot >>> 5] = (this.#words[slot >>> 5] as number) | (1 << (slot & 31));
  }

  isOf(blocks: Blocks, version: number): boolean {
    return this.#blocks === blocks && this.#version === version;
  }

  has(slot: number): boolean {
    return (((this.#words[slot >>> 5] ?? 0) >>> (slot & 31)) & 1) === 1;
  }

  word(block: number, half: 0 | 1): number {
    return this.#words[2 * block + half] ?? 0;
  }
}

/** A promise would be as good as a yes, whatever it comes to. */
function answered(may: boolean): boolean {
  if (typeof may === "object" && kindOf(may) === "Promise")
    refuse("a filter answered with a promise", "It answers at once: ask before, and filter by what was answered.");
  return may;
}
