/**
 * One file in blocks. What is written waits in memory and goes to the disk in one strict transaction: at a sync, at the last
 * close, and whenever {@link MOST_DIRTY_BYTES} wait. Every handle of this page sees what waits.
 */
import { EMPTY } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { bufferOf } from "./buffer.ts";
import type { Database, Work } from "./database.ts";

const BLOCK_BYTES = 64 * 1024;
/** What may wait in memory to be written; more is written at once. */
const MOST_DIRTY_BYTES = 4 * 1024 * 1024;

export interface FileEntry {
  readonly size: number;
  /** The folder of a file that was removed while it was open. */
  readonly removedFrom?: string;
}

export interface StoredFile {
  readonly number: number;
  size(): Promise<number>;
  read(offset: number, length: number): Promise<Uint8Array>;
  write(offset: number, bytes: Uint8Array): Promise<void>;
  flush(): Promise<void>;
  /** Runs `unlink`, after which nobody can find it: its last close frees what it holds, and it is written no more. */
  forget(unlink: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** `size`: as stored. */
export function createStoredFile(database: Database, number: number, size: number): StoredFile {
  /** By index: what waits to be written, and the block at the end, where the next write most often goes on. */
  // bound: MOST_DIRTY_BYTES
  const held = new Map<number, Uint8Array>();
  let bytes = size;
  let unsaved = false;
  let forgotten = false;
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other, in the order of the calls. */
  const inTurn = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  };

  /** Blocks as stored, of those that are not in memory. */
  const stored = async (indexes: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> => {
    const absent = indexes.filter((index) => !held.has(index) && index * BLOCK_BYTES < bytes);
    if (absent.length === 0) return new Map();
    return await database.look("read a file", ["blocks"], async ({ store, result }) => {
      const blocks = await Promise.all(absent.map((index) => result(store("blocks").get([number, index]))));
      return new Map(absent.map((index, at) => [index, (blocks[at] as Uint8Array | undefined) ?? EMPTY]));
    });
  };

  const flush = async (): Promise<void> => {
    if (!unsaved || forgotten) return;
    const blocks = [...held];
    await database.change("write a file", ["files", "blocks"], async ({ store }) => {
      for (const [index, block] of blocks) store("blocks").put(bufferOf(block.slice(0, bytes - index * BLOCK_BYTES)), [number, index]);
      store("files").put({ size: bytes } satisfies FileEntry, number);
    });
    unsaved = false;
    const end = Math.floor(bytes / BLOCK_BYTES);
    for (const [index] of blocks) if (index !== end) held.delete(index);
  };

  const isOverfull = (): boolean => held.size * BLOCK_BYTES > MOST_DIRTY_BYTES;

  const write = async (offset: number, from: Uint8Array): Promise<void> => {
    if (forgotten) throw new PerdureError("not-found", "the file was removed while it was open");
    if (from.length === 0) return;
    // So much is left only by a disk that took nothing: no more is added to it.
    if (isOverfull()) await flush();
    const first = Math.floor(offset / BLOCK_BYTES);
    const until = Math.floor((offset + from.length - 1) / BLOCK_BYTES);
    const before = await stored(first === until ? [first] : [first, until]);
    for (let index = first; index <= until; index++) {
      let block = held.get(index);
      if (block === undefined) {
        block = new Uint8Array(BLOCK_BYTES);
        block.set(before.get(index) ?? EMPTY);
        held.set(index, block);
      }
      const start = index * BLOCK_BYTES - offset;
      block.set(from.subarray(Math.max(0, start), start + BLOCK_BYTES), Math.max(0, -start));
    }
    bytes = Math.max(bytes, offset + from.length);
    unsaved = true;
    if (isOverfull()) await flush();
  };

  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    const end = Math.min(offset + length, bytes);
    if (end <= offset) return new Uint8Array(0);
    const first = Math.floor(offset / BLOCK_BYTES);
    const until = Math.floor((end - 1) / BLOCK_BYTES);
    const indexes = Array.from({ length: until - first + 1 }, (_, at) => first + at);
    const before = await stored(indexes);
    const found = new Uint8Array(end - offset);
    for (const index of indexes) {
      const block = held.get(index) ?? before.get(index);
      if (block === undefined) continue;
      const start = index * BLOCK_BYTES - offset;
      const part = block.subarray(Math.max(0, -start), Math.min(BLOCK_BYTES, end - index * BLOCK_BYTES));
      found.set(part, Math.max(0, start));
    }
    return found;
  };

  return {
    number,
    size: () => inTurn(async () => bytes),
    read: (offset, length) => inTurn(() => read(offset, length)),
    write: (offset, from) => {
      const copy = from.slice();
      return inTurn(() => write(offset, copy));
    },
    flush: () => inTurn(flush),
    forget: (unlink) =>
      inTurn(async () => {
        await unlink();
        forgotten = true;
      }),
    close: () =>
      inTurn(async () => {
        // What no sync made durable may be lost, so a disk that does not take it now is no reason to fail.
        if (!forgotten) return await flush().catch(() => undefined);
        held.clear();
        await database.change("remove a file", ["files", "blocks"], async (work) => dropFile(database, work, number));
      }),
  };
}

/** Frees what a file holds; part of a transaction over `files` and `blocks`. */
export function dropFile({ ranges }: Database, { store }: Work, number: number): void {
  store("files").delete(number);
  store("blocks").delete(ranges.bound([number, 0], [number, Number.MAX_SAFE_INTEGER]));
}
