/**
 * Memory that was used and waits for the next use: made anew it comes from the system page by page, which takes longer than to read a
 * file into it or to make a message in it. What must hold: a piece has one user at a time, and what waits is bounded.
 */
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";

/** All of one size, so that each fits whoever comes next: the longest message. */
const PIECE_BYTES = MAX_TRANSPORT_BYTES;
/** A reader that is far behind has as many on their way to it, and half of them being read for it. */
const MOST_PIECES = 8;
/** Less is made where it is needed: most have little to read, and there may be thousands of them. */
const LEAST_BYTES = 64 * 1024;

/** Whole, as it was taken: a part of it is for its user alone. */
export type SparePiece = Uint8Array<ArrayBuffer>;

export class SpareMemory {
  /** bound: MOST_PIECES */
  readonly #pieces: SparePiece[] = [];

  /** A piece of at least so many bytes, whatever lies in it; `undefined` where so few or so many are not worth one. */
  take(bytes: number): SparePiece | undefined {
    if (bytes < LEAST_BYTES || bytes > PIECE_BYTES) return undefined;
    return this.#pieces.pop() ?? new Uint8Array(PIECE_BYTES);
  }

  /** Whoever took it is done with it. Said twice it is heard once: nobody else may have it meanwhile. */
  giveBack(piece: SparePiece): void {
    if (this.#pieces.length < MOST_PIECES && !this.#pieces.includes(piece)) this.#pieces.push(piece);
  }

  /** Gives what waits back to the system, and not only when the engine next tidies up, which it does late where nothing happens. */
  clear(): void {
    for (const piece of this.#pieces.splice(0)) piece.buffer.transfer(0);
  }
}
