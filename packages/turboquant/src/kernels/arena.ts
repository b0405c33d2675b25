import { TurboQuantError } from "../error.ts";
import type { Memory } from "./kernels.ts";

const PAGE_BYTES = 65_536;
/** What WebAssembly can address. */
const MOST_BYTES = 2 ** 32 - PAGE_BYTES;
/** The widest that is read at once. */
const ALIGNMENT = 16;
/** Kernels read up to a group of 128 bits beyond what they are given. */
const MARGIN_BYTES = 64;
/** A part of what there is: growing is rare, and little of it lies idle. */
const GROWTH = 1 / 128;

/** Hands out addresses of a memory, and looks at it: views are made anew when it has grown. */
export class Arena {
  readonly #memory: Memory;
  #used = ALIGNMENT;
  #views: Views | undefined;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** Zeros. Throws `full` where memory ends. */
  allocate(sizeBytes: number): number {
    const at = this.#used;
    const used = at + Math.ceil(sizeBytes / ALIGNMENT) * ALIGNMENT;
    const missing = used + MARGIN_BYTES - this.#memory.buffer.byteLength;
    if (missing > 0) this.#grow(missing);
    // Not before: what was refused takes nothing away from what is smaller.
    this.#used = used;
    return at;
  }

  /** Does what allocates several times, and keeps nothing of it where it throws: then all of it is given back. */
  whole<Result>(act: () => Result): Result {
    const before = this.#used;
    try {
      return act();
    } catch (error) {
      this.views.u8.fill(0, before, this.#used);
      this.#used = before;
      throw error;
    }
  }

  get usedBytes(): number {
    return this.#used;
  }

  get views(): Views {
    const { buffer } = this.#memory;
    if (this.#views?.u8.buffer !== buffer)
      this.#views = {
        u8: new Uint8Array(buffer),
        i8: new Int8Array(buffer),
        u16: new Uint16Array(buffer),
        i16: new Int16Array(buffer),
        u32: new Uint32Array(buffer),
        i32: new Int32Array(buffer),
        f32: new Float32Array(buffer),
        f64: new Float64Array(buffer),
      };
    return this.#views;
  }

  #grow(missing: number): void {
    const before = this.#memory.buffer.byteLength;
    const wanted = Math.max(missing, Math.min(Math.floor(before * GROWTH), MOST_BYTES - before));
    const pages = Math.ceil(wanted / PAGE_BYTES);
    const full = (cause?: unknown): TurboQuantError =>
      new TurboQuantError(
        "full",
        `no memory for ${missing} bytes more${cause === undefined ? "" : `: ${String(cause)}`}`,
        "Use fewer bits, or several indexes.",
      );
    if (before + pages * PAGE_BYTES > MOST_BYTES) throw full();
    try {
      this.#memory.grow(pages);
    } catch (error) {
      throw full(error);
    }
  }
}

export interface Views {
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
}
