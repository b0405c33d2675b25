/** Memory of batches, one after the other: as much as comes in would else be garbage, outside of what is cheap to collect. */
import { type Bytes, EMPTY } from "../../wire/bytes.ts";

export interface BatchRoom {
  /** For a batch of that size, until the next one is asked for. */
  of(size: number): Bytes;
  /** What the last batch lies in stays its own. */
  leave(): void;
}

/** Larger batches have memory of their own. */
const ROOM_BYTES = 4 * 1024 * 1024;

export function createBatchRoom(): BatchRoom {
  let room: Bytes = EMPTY;
  return {
    of: (size) => {
      const least = Math.min(Math.max(2 * room.length, size), ROOM_BYTES);
      if (room.length < size && size <= ROOM_BYTES) room = new Uint8Array(least);
      return size <= room.length ? room.subarray(0, size) : new Uint8Array(size);
    },
    leave: () => {
      room = EMPTY;
    },
  };
}
