import { TurboQuantError } from "../error.ts";
import { BLOCK_ROWS, type Blocks } from "./blocks.ts";

/** Vectors as they were given, beside their codes: the last few of a search are put in order by them. */
export class Originals {
  readonly #dim: number;
  /** Of each block that has any. */
  readonly #pages: (Float32Array | undefined)[] = [];

  constructor(dim: number) {
    this.#dim = dim;
  }

  put(slot: number, vector: ArrayLike<number>): void {
    this.makeRoom(slot).set(vector, (slot % BLOCK_ROWS) * this.#dim);
  }

  /** For what is put into a slot later, which then has nothing to throw. Throws `full`. */
  makeRoom(slot: number): Float32Array {
    const block = Math.floor(slot / BLOCK_ROWS);
    const page = this.#pages[block] ?? this.#allocate();
    this.#pages[block] = page;
    return page;
  }

  /** In a slot that was just taken, which is left again where there is no memory. */
  makeRoomOrLeave(slot: number, blocks: Blocks): void {
    try {
      this.makeRoom(slot);
    } catch (error) {
      blocks.remove(slot);
      throw error;
    }
  }

  /** Of a slot that was just taken, and is left again where there is no memory. */
  putOrLeave(slot: number, vector: ArrayLike<number>, blocks: Blocks): void {
    try {
      this.put(slot, vector);
    } catch (error) {
      blocks.remove(slot);
      throw error;
    }
  }

  at(slot: number): Float32Array {
    const row = (slot % BLOCK_ROWS) * this.#dim;
    return (this.#pages[Math.floor(slot / BLOCK_ROWS)] as Float32Array).subarray(row, row + this.#dim);
  }

  get sizeBytes(): number {
    return this.#pages.reduce((sum, page) => sum + (page?.byteLength ?? 0), 0);
  }

  #allocate(): Float32Array {
    try {
      return new Float32Array(BLOCK_ROWS * this.#dim);
    } catch (error) {
      throw new TurboQuantError("full", `no memory for originals: ${String(error)}`, "Keep none, or several indexes.");
    }
  }
}
