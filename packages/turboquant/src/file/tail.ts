/**
 * What stands behind the last record that counts. A crash leaves it, of what was not synced yet; and a copy that broke off, of what had been. The two cannot be told apart: a file that was cut in the
 * middle of what one sync wrote is the same bytes as what a crash within that sync leaves. So it is never part of the index, and whoever cuts it may keep it.
 */
import type { RangeSource } from "./index-file.ts";
import { ALIGNMENT, decodeHead, HEAD_BYTES } from "./record.ts";

export interface Tail {
  readonly at: number;
  readonly bytes: number;
  /** As many as segments that begin there say they have, whole or not. */
  readonly vectors: number;
  /** Where it was put before it was cut. */
  readonly kept?: string;
}

const WINDOW_BYTES = 256 * 1024;

/** Of a file whose records count up to `at`. */
export async function tailOf(source: RangeSource, identity: bigint, at: number): Promise<Tail | undefined> {
  const bytes = source.size - at;
  if (bytes <= 0) return undefined;
  let vectors = 0;
  for await (const { from, to, window } of windowsOf(source, at))
    for (let head = from; head < to; head += ALIGNMENT)
      vectors += vectorsAt(window.subarray(head - from, head - from + HEAD_BYTES), head, identity);
  return { at, bytes, vectors };
}

/** Whether anything is in it that is not said before it: a piece of a directory is made of what the file has, and in less than a head, or in zeros, there is nothing. */
export async function isWorthKeeping(source: RangeSource, identity: bigint, { at, bytes }: Tail): Promise<boolean> {
  if (bytes < HEAD_BYTES) return false;
  const head = decodeHead(await source.read(at, HEAD_BYTES), at);
  if (head?.kind === "directory" && head.identity === identity && head.length >= bytes) return false;
  for await (const { window } of windowsOf(source, at)) if (window.some((byte) => byte !== 0)) return true;
  return false;
}

function vectorsAt(bytes: Uint8Array, at: number, identity: bigint): number {
  const head = decodeHead(bytes, at);
  return head?.kind === "segment" && head.identity === identity ? head.fields.getUint32(4, true) : 0;
}

/** What heads can begin between `from` and `to`, and stand in `window` then. */
async function* windowsOf(source: RangeSource, at: number): AsyncGenerator<{ from: number; to: number; window: Uint8Array }> {
  for (let from = at; from < source.size; from += WINDOW_BYTES) {
    const window = await source.read(from, Math.min(WINDOW_BYTES + HEAD_BYTES, source.size - from));
    yield { from, to: Math.min(from + WINDOW_BYTES, source.size), window };
  }
}
