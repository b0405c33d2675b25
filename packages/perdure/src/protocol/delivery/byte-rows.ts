/** Rows of the same number of bytes, side by side: thousands of them are one object for the garbage collector. */
import type { Bytes } from "../../wire/bytes.ts";

/** So many of 32 bytes lie on the heap of JavaScript: most leaves have no more, and memory beside that heap is dear to get and to give back. */
const FIRST_ROWS = 2;

export class ByteRows {
  readonly #width: number;
  #held: Bytes;
  #length = 0;

  /** `bytes`: the rows it begins with, which are copied; what is left over of them is dropped. `room`: for so many without moving them. */
  constructor(width: number, bytes?: Bytes, room = 0) {
    this.#width = width;
    this.#length = Math.floor((bytes?.length ?? 0) / width);
    this.#held = bytes === undefined ? new Uint8Array(room * width) : bytes.slice(0, this.#length * width);
  }

  get length(): number {
    return this.#length;
  }

  /** A view of all rows; gone stale with the next row. */
  get bytes(): Bytes {
    return this.#held.subarray(0, this.#length * this.#width);
  }

  /** The row that lies in `bytes` from `at` on. */
  push(bytes: Bytes, at = 0): void {
    const start = this.#length * this.#width;
    if (start === this.#held.length) this.#grow();
    for (let index = 0; index < this.#width; index++) this.#held[start + index] = bytes[at + index] as number;
    this.#length++;
  }

  /** A view of one row, whichever come behind it. */
  row(index: number): Bytes {
    return this.#held.subarray(index * this.#width, (index + 1) * this.#width);
  }

  /** Rows from `from` to before `to`, by themselves. */
  slice(from: number, to: number = this.#length): ByteRows {
    return new ByteRows(this.#width, this.bytes.subarray(from * this.#width, Math.max(from, to) * this.#width));
  }

  #grow(): void {
    const held = new Uint8Array(Math.max(FIRST_ROWS * this.#width, 2 * this.#held.length));
    held.set(this.#held);
    this.#held = held;
  }

  *[Symbol.iterator](): Generator<Bytes> {
    for (let row = 0; row < this.#length; row++) yield this.bytes.slice(row * this.#width, (row + 1) * this.#width);
  }
}
