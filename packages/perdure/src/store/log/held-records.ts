/**
 * The records of one segment that are needed, in numbers alone: offset and length of each that was ever added, in order of offset, and
 * whether it still counts. Invariants: offsets rise; `count` and `bytes` are sums over those that count.
 */
export interface HeldRecords {
  /** Adding what counts already changes nothing. */
  add(offset: number, length: number): void;
  has(offset: number): boolean;
  /** False when it did not count. */
  release(offset: number): boolean;
  list(): readonly { readonly offset: number; readonly length: number }[];
  readonly count: number;
  readonly bytes: number;
}

const FIRST_ROOM = 8;
/** Stands for the length of a record that does not count any more; no record is so long. */
const GONE = 0xffff_ffff;

export function createHeldRecords(): HeldRecords {
  // Offsets pass 2^32 in no segment that anybody configures, but nothing else forbids it.
  let offsets = new Float64Array(FIRST_ROOM);
  let lengths = new Uint32Array(FIRST_ROOM);
  let size = 0;
  let count = 0;
  let bytes = 0;

  /** Behind the record that was let go of last: the one that comes next is mostly its neighbour. */
  let next = 0;

  /** Index of the first record at or behind `offset`. */
  const indexOf = (offset: number): number => {
    if (next < size && offsets[next] === offset) return next;
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((offsets[middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const makeRoom = (): void => {
    if (size < offsets.length) return;
    const [oldOffsets, oldLengths] = [offsets, lengths];
    offsets = new Float64Array(2 * size);
    lengths = new Uint32Array(2 * size);
    offsets.set(oldOffsets);
    lengths.set(oldLengths);
  };

  const counts = (index: number, offset: number): boolean => index < size && offsets[index] === offset && lengths[index] !== GONE;

  return {
    add: (offset, length) => {
      const index = size === 0 || offset > (offsets[size - 1] as number) ? size : indexOf(offset);
      if (counts(index, offset)) return;
      if (index === size || offsets[index] !== offset) {
        makeRoom();
        offsets.copyWithin(index + 1, index, size);
        lengths.copyWithin(index + 1, index, size);
        offsets[index] = offset;
        size++;
      }
      lengths[index] = length;
      count++;
      bytes += length;
    },
    has: (offset) => counts(indexOf(offset), offset),
    release: (offset) => {
      const index = indexOf(offset);
      if (!counts(index, offset)) return false;
      next = index + 1;
      count--;
      bytes -= lengths[index] as number;
      lengths[index] = GONE;
      return true;
    },
    list: () => {
      const all: { readonly offset: number; readonly length: number }[] = [];
      for (let index = 0; index < size; index++)
        if (lengths[index] !== GONE) all.push({ offset: offsets[index] as number, length: lengths[index] as number });
      return all;
    },
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
  };
}
