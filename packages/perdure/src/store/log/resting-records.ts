/**
 * Records of one segment that are needed and of which only the count is known: their places stand in the segment's index. What was let
 * go of is remembered by place, so that a release said twice counts once. Invariant: `count` and `bytes` are sums over those that are needed.
 */
import type { RecordAt } from "./record-log.ts";
import { SEGMENT_HEADER_BYTES } from "./segment-format.ts";

export interface RestingRecords {
  readonly count: number;
  readonly bytes: number;
  add(count: number, bytes: number): void;
  /** Whether nothing was let go of at that place. Of a place where none of them lies it says nothing. */
  has(offset: number): boolean;
  /** False when it was let go of before. A place in the header of the file is that of one whose own nobody knows: it counts each time. */
  release(at: Pick<RecordAt, "offset" | "length">): boolean;
}

/** Two records that rest never begin within so many bytes of each other. */
export const RESTING_BYTES = 64;

/** `segmentBytes`: where the segment ends. */
export function createRestingRecords(segmentBytes: number): RestingRecords {
  let count = 0;
  let bytes = 0;
  /** A bit for every place where one may begin; most segments are let go of before they need it. */
  let gone: Uint32Array | undefined;
  const isGone = (place: number): boolean => gone !== undefined && (((gone[place >>> 5] as number) >>> (place & 31)) & 1) === 1;
  return {
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
    add: (more, moreBytes) => {
      count += more;
      bytes += moreBytes;
    },
    has: (offset) => count > 0 && !isGone(Math.floor(offset / RESTING_BYTES)),
    release: ({ offset, length }) => {
      const place = Math.floor(offset / RESTING_BYTES);
      if (count === 0 || offset >= segmentBytes || isGone(place)) return false;
      if (offset >= SEGMENT_HEADER_BYTES) {
        gone ??= new Uint32Array(Math.ceil(segmentBytes / RESTING_BYTES / 32));
        gone[place >>> 5] = (gone[place >>> 5] as number) | (1 << (place & 31));
      }
      count--;
      bytes -= length;
      if (count === 0) gone = undefined;
      return true;
    },
  };
}
