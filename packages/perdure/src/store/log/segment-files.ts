/** The open files of a log: reading handles are kept for the segments read last, and closed when nobody reads. */
import type { Files, OpenFile } from "../../host/files.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { segmentName } from "./segment-format.ts";
import { indexName } from "./segment-index.ts";

export interface SegmentFiles extends AsyncDisposable {
  create(segment: number): Promise<OpenFile>;
  /** Opens a file that was prepared under another name, and gives it that of the segment. */
  openPrepared(path: string): Promise<OpenFile>;
  name(path: string, segment: number): Promise<void>;
  discard(path: string): Promise<void>;
  /**
   * Makes bytes of an earlier process durable. They are written again first: after a sync that failed the system may hold them for
   * clean although they never reached the disk, and a sync alone would then succeed without doing anything.
   */
  confirm(segment: number, offset: number, end: number): Promise<void>;
  /** They may come in the memory given. */
  read(segment: number, offset: number, length: number, memory?: Bytes): Promise<Bytes>;
  /** `keep` may put the file under another name instead and say so; it is asked only when nobody reads the file. An index goes first. */
  remove(segment: number, keep?: (path: string) => Promise<boolean>, indexed?: boolean): Promise<void>;
  /** The file beside the segment that says what of it is needed. */
  removeIndex(segment: number): Promise<void>;
  path(segment: number): string;
}

interface Reader {
  readonly file: Promise<OpenFile>;
  users: number;
}

const MAX_READERS = 16;

export function createSegmentFiles(files: Files, folder: string): SegmentFiles {
  // bound: MAX_READERS, and those in use
  const readers = new Map<number, Reader>();
  /** How often each is being read. bound: reads under way */
  const reading = new Map<number, number>();
  /** Being removed. bound: the segments of one manifest */
  const leaving = new Set<number>();
  /** What is still read then is opened for that alone. */
  let closed = false;
  const path = (segment: number): string => `${folder}/${segmentName(segment)}`;

  /** Nobody reads it from here on; who reads it at the moment closes it. */
  const drop = async (segment: number, reader: Reader): Promise<void> => {
    if (readers.get(segment) === reader) readers.delete(segment);
    if (reader.users === 0) await close(reader);
  };

  const close = async ({ file }: Reader): Promise<void> => {
    try {
      await (await file).close();
    } catch {
      // It was never open, or only read: nothing is lost.
    }
  };

  const reader = (segment: number): Reader => {
    let found = readers.get(segment);
    if (found === undefined) found = { file: files.open(path(segment), "read"), users: 0 };
    // Put at the end: the first is the one read longest ago.
    readers.delete(segment);
    if (!closed) readers.set(segment, found);
    return found;
  };

  const count = (segment: number, by: number): void => {
    const left = (reading.get(segment) ?? 0) + by;
    if (left === 0) reading.delete(segment);
    else reading.set(segment, left);
  };

  const dropIdle = async (): Promise<void> => {
    for (const [segment, { users }] of [...readers]) {
      if (readers.size <= MAX_READERS) return;
      const idle = readers.get(segment);
      if (users === 0 && idle !== undefined) await drop(segment, idle);
    }
  };

  return {
    path,
    create: (segment) => files.open(path(segment), "write"),
    openPrepared: (from) => files.open(from, "append-through"),
    name: (from, segment) => files.rename(from, path(segment)),
    discard: (at) => files.remove(at),
    confirm: async (segment, offset, end) => {
      const file = await files.open(path(segment), "write");
      try {
        await file.write(offset, await file.read(offset, end - offset));
        await file.sync();
      } finally {
        await file.close();
      }
    },
    read: async (segment, offset, length, memory) => {
      if (leaving.has(segment)) throw new PerdureError("not-found", `${path(segment)} is being removed`);
      const used = reader(segment);
      used.users++;
      count(segment, 1);
      try {
        return await (await used.file).read(offset, length, memory);
      } catch (error) {
        // Whoever reads next opens it anew.
        if (readers.get(segment) === used) readers.delete(segment);
        throw error;
      } finally {
        used.users--;
        count(segment, -1);
        if (readers.get(segment) !== used) await drop(segment, used);
        await dropIdle();
      }
    },
    remove: async (segment, keep = async () => false, indexed = false) => {
      if (indexed) await files.remove(`${folder}/${indexName(segment)}`);
      const used = readers.get(segment);
      if (used !== undefined) await drop(segment, used);
      // Who reads it must find what was there, and nobody else comes.
      leaving.add(segment);
      try {
        if (reading.has(segment) || !(await keep(path(segment)))) await files.remove(path(segment));
      } finally {
        leaving.delete(segment);
      }
    },
    removeIndex: (segment) => files.remove(`${folder}/${indexName(segment)}`),
    [Symbol.asyncDispose]: async () => {
      closed = true;
      for (const [segment, used] of [...readers]) await drop(segment, used);
    },
  };
}
