/**
 * Memory for short messages, side by side: asked of the system for each, and given back by the garbage collector for each, it would take
 * longer than to fill it.
 */
import { type Bytes, EMPTY } from "./bytes.ts";

/** What is cut into messages. One that stays in a queue keeps all of it: not much more than the queue itself takes. */
const WHOLE_BYTES = 16 * 1024;
/** A longer one has memory of its own: little would be saved, and more would be left over. */
const LONGEST_BYTES = 2 * 1024;

let whole: Bytes = EMPTY;
let taken = 0;

/** So many bytes that nobody else has, all zero. */
export function shortMemory(bytes: number): Bytes {
  if (bytes > LONGEST_BYTES) return new Uint8Array(bytes);
  taken += bytes;
  if (taken > whole.length) {
    whole = new Uint8Array(WHOLE_BYTES);
    taken = bytes;
  }
  return whole.subarray(taken - bytes, taken);
}
