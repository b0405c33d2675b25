import { realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ReadOptions } from "../file/column-reading.ts";
import { checkHeader } from "../file/header-record.ts";
import { type IndexReader, type ReadingOptions, readIndexFile } from "../file/index-reader.ts";
import { type IndexWriter, openIndexFile, type WritingOptions } from "../file/index-writer.ts";
import type { IndexHeader } from "../file/segment.ts";
import type { StoredSegment } from "../file/stored-segment.ts";
import { type DiskFile, openDiskFile } from "./disk-file.ts";
import { fileCall } from "./failed-file.ts";
import { lockFile } from "./file-lock.ts";

/** A file of this machine that is written to. While it is open nobody else can open it for writing; anybody can read what was written. */
export interface DiskIndex extends Omit<IndexWriter, "compact">, AsyncDisposable {
  /** Puts what is left of everything in the place of the file, at once. Needs room for it beside the file. Whoever reads the former one goes on reading that. */
  compact(): Promise<void>;
  /** Ends the file with a directory, and lets others write. */
  close(): Promise<void>;
}

/**
 * Opens the file of an index for writing, and begins one with `header` where there is none. Throws as `openIndexFile` does, `file-busy` where
 * somebody else writes to it, and `file-failed`.
 */
export async function openIndexAt(path: string, header?: IndexHeader, options: WritingOptions = {}): Promise<DiskIndex> {
  if (header !== undefined) checkHeader(header);
  const place = await realPlace(path);
  // Before the lock, which stays as a file: beside a name that was mistyped there is nothing to lock.
  if (header === undefined) await fileCall(`open ${place}`, () => stat(place));
  const lock = lockFile(place);
  let file: DiskFile | undefined;
  try {
    file = await openDiskFile(place, header === undefined ? "write" : "create");
    // Of a process that ended while it compacted: nobody else may be at it now.
    await fileCall(`remove ${besideOf(place)}`, () => rm(besideOf(place), { force: true }));
    const writer = await openIndexFile(file, header, options);
    return diskIndex(place, writer, file, () => lock.release());
  } catch (error) {
    await file?.close();
    lock.release();
    throw error;
  }
}

/** Reads a file as it is now; also while somebody writes to it. */
export async function readIndexAt(path: string, options: ReadingOptions = {}): Promise<IndexReader & AsyncDisposable> {
  const file = await openDiskFile(path, "read");
  try {
    const reader = await readIndexFile(file, options);
    return withMethods(reader, { [Symbol.asyncDispose]: () => file.close() });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** One name for a file that has several by links, so that its lock is one. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const folder = await fileCall(`find the folder of ${path}`, () => realpath(dirname(path)));
    return join(folder, basename(path));
  }
}

function diskIndex(place: string, writer: IndexWriter, first: DiskFile, release: () => void): DiskIndex {
  let file = first;
  let closing: Promise<void> | undefined;
  const reading = new Set<Promise<unknown>>();
  const whileReading = <Result>(result: Promise<Result>): Promise<Result> => {
    const settled: Promise<unknown> = result.then(
      () => reading.delete(settled),
      () => reading.delete(settled),
    );
    reading.add(settled);
    return result;
  };
  const compact = async (): Promise<void> => {
    const beside = besideOf(place);
    const { mode } = await fileCall(`look at ${place}`, () => stat(place));
    const into = await openDiskFile(beside, "replace", mode & 0o777);
    const former = file;
    try {
      await writer.compact(into, async () => {
        await into.moveTo(place);
        file = into;
      });
    } catch (error) {
      await into.close();
      await rm(beside, { force: true });
      throw error;
    }
    await Promise.all(reading);
    await former.close();
  };
  const close = async (): Promise<void> => {
    try {
      await writer.close();
    } finally {
      await file.close();
      release();
    }
  };
  const closeOnce = (): Promise<void> => (closing ??= close());
  return withMethods(writer, {
    readColumns: (segment: StoredSegment, options?: ReadOptions) => whileReading(writer.readColumns(segment, options)),
    readPlane: (segment: StoredSegment, plane: number, rows?: Uint16Array) => whileReading(writer.readPlane(segment, plane, rows)),
    compact,
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  });
}

/** Where compaction writes to. */
function besideOf(place: string): string {
  return `${place}.compacting`;
}

/** The same with other methods; what changes in it changes here. */
function withMethods<From extends object, Methods extends object>(from: From, methods: Methods): Omit<From, keyof Methods> & Methods {
  return Object.defineProperties(methods, {
    ...Object.getOwnPropertyDescriptors(from),
    ...Object.getOwnPropertyDescriptors(methods),
  }) as Omit<From, keyof Methods> & Methods;
}
