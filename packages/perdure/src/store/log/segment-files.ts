/** The open files of a log: reading handles are kept for the segments read last, and closed when nobody reads. */
import type { Files, OpenFile } from "../../host/files.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { segmentName } from "./segment-format.ts";

export interface SegmentFiles extends AsyncDisposable {
  create(segment: number): Promise<OpenFile>;
  /**
   * Makes bytes of an earlier process durable. They are written again first: after a sync that failed the system may hold them for
   * clean although they never reached the disk, and a sync alone would then succeed without doing anything.
   */
  confirm(segment: number, offset: number, end: number): Promise<void>;
  read(segment: number, offset: number, length: number): Promise<Bytes>;
  remove(segment: number): Promise<void>;
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
    confirm: async (segment, offset, end) => {
      const file = await files.open(path(segment), "write");
      try {
        await file.write(offset, await file.read(offset, end - offset));
        await file.sync();
      } finally {
        await file.close();
      }
    },
    read: async (segment, offset, length) => {
      const used = reader(segment);
      used.users++;
      try {
        return await (await used.file).read(offset, length);
      } catch (error) {
        // Whoever reads next opens it anew.
        if (readers.get(segment) === used) readers.delete(segment);
        throw error;
      } finally {
        used.users--;
        if (readers.get(segment) !== used) await drop(segment, used);
        await dropIdle();
      }
    },
    remove: async (segment) => {
      const used = readers.get(segment);
      if (used !== undefined) await drop(segment, used);
      await files.remove(path(segment));
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      for (const [segment, used] of [...readers]) await drop(segment, used);
    },
  };
}
