/** Heads of records, read one behind the other. Small records lie many in a window, so that each is not read by itself. */
import type { RangeSource } from "./index-file.ts";
import { ALIGNMENT, decodeHead, HEAD_BYTES, type RecordHead } from "./record.ts";

export interface HeadScan {
  /** The head of the record at `at`, where it and the whole record are in the file. */
  headAt(at: number): Promise<RecordHead | undefined>;
  /** The first record from `at` on, at any place where one can begin: what is read through may be anything. */
  headFrom(at: number): Promise<RecordHead | undefined>;
  /** The last record that begins in the last bytes of the file. */
  lastHead(): Promise<RecordHead | undefined>;
}

const WINDOW_BYTES = 16 * 1024;
/** A window larger than a search needs costs reading, a smaller one costs calls. */
const SEARCH_BYTES = 256 * 1024;

export function createHeadScan(source: RangeSource, identity: bigint): HeadScan {
  const size = source.size;
  let windowAt = 0;
  let window: Uint8Array = new Uint8Array(0);
  const fill = async (at: number, length: number): Promise<void> => {
    if (at >= windowAt && at + HEAD_BYTES <= windowAt + window.length) return;
    window = await source.read(at, Math.min(length, size - at));
    windowAt = at;
  };
  const inWindow = (at: number): RecordHead | undefined => {
    const head = decodeHead(window.subarray(at - windowAt, at - windowAt + HEAD_BYTES), at);
    return head !== undefined && head.identity === identity && at + head.length <= size ? head : undefined;
  };
  const headAt = async (at: number): Promise<RecordHead | undefined> => {
    if (at + HEAD_BYTES > size) return undefined;
    await fill(at, WINDOW_BYTES);
    return inWindow(at);
  };
  return {
    headAt,
    headFrom: async (from) => {
      for (let at = from; at + HEAD_BYTES <= size; at += ALIGNMENT) {
        await fill(at, SEARCH_BYTES);
        const head = inWindow(at);
        if (head !== undefined) return head;
      }
      return undefined;
    },
    lastHead: async () => {
      const last = Math.floor((size - HEAD_BYTES) / ALIGNMENT) * ALIGNMENT;
      const first = Math.max(0, last - SEARCH_BYTES);
      if (last <= 0) return undefined;
      await fill(first, size - first);
      for (let at = last; at > first; at -= ALIGNMENT) {
        const head = inWindow(at);
        if (head !== undefined) return head;
      }
      return undefined;
    },
  };
}
