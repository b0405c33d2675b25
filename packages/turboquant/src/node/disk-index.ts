import { realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { orAwaited, refuse, shown } from "../argument.ts";
import { checkHeader } from "../file/header-record.ts";
import { type IndexReader, type ReadingOptions, readIndexFile } from "../file/index-reader.ts";
import { type IndexWriter, openIndexFile, WRITING_OPTIONS, type WritingOptions } from "../file/index-writer.ts";
import type { IndexHeader } from "../file/segment.ts";
import { checkOptions } from "../options.ts";
import { type Calls, createCalls } from "./calls.ts";
import { type DiskFile, openDiskFile } from "./disk-file.ts";
import { closedFile, fileCall } from "./failed-file.ts";
import { lockFile } from "./file-lock.ts";
import { keepingOf, keepTail } from "./kept-tails.ts";

/** A file of this machine that is written to. While it is open nobody else can open it for writing; anybody can read what was written. */
export interface DiskIndex extends Omit<IndexWriter, "compact">, AsyncDisposable {
  /** Puts what is left of everything in the place of the file, at once. Needs room for it beside the file. Whoever reads the former one goes on reading that. */
  compact(): Promise<void>;
  /** When what was begun is done, ends the file with a directory and lets others write. What is called later throws `closed`. */
  close(): Promise<void>;
}

/**
 * Opens the file of an index for writing, and begins one with `header` where there is none. What is cut off its end lies beside it from then on (kept-tails.ts), unless `keepTail` puts it somewhere
 * else. Throws as `openIndexFile` does, `file-busy` where somebody else writes to it, and `file-failed`.
 */
export async function openIndexAt(path: string, header?: IndexHeader, options: WritingOptions = {}): Promise<DiskIndex> {
  checkPath(path);
  checkOptions("openIndexAt", options, WRITING_OPTIONS);
  if (header !== undefined) checkHeader(header);
  const place = await realPlace(path);
  // Before the lock, which stays as a file: beside a name that was mistyped there is nothing to lock.
  if (header === undefined) await fileCall(`open ${place}`, () => stat(place));
  const lock = lockFile(place);
  let file: DiskFile | undefined;
  try {
    file = await openDiskFile(place, header === undefined ? "write" : "create");
    // Of a process that ended while it compacted, or kept a tail: nobody else may be at it now.
    for (const beside of [besideOf(place), keepingOf(place)]) await fileCall(`remove ${beside}`, () => rm(beside, { force: true }));
    const writer = await openIndexFile(file, header, { keepTail: (tail, source) => keepTail(place, tail, source), ...options });
    return diskIndex(place, writer, file, () => lock.release());
  } catch (error) {
    await file?.close();
    lock.release();
    throw error;
  }
}

/** Reads a file as it is now; also while somebody writes to it. What is called after it was closed throws `closed`. */
export async function readIndexAt(path: string, options: ReadingOptions = {}): Promise<IndexReader & AsyncDisposable> {
  checkPath(path);
  const file = await openDiskFile(path, "read");
  try {
    const reader = await readIndexFile(file, options);
    let closing: Promise<void> | undefined;
    const checkOpen = (): void => {
      if (closing !== undefined) throw closedFile(path);
    };
    const reading = createCalls(checkOpen);
    const close = (): Promise<void> => (closing ??= reading.settled().then(() => file.close()));
    return withMethods(reader, { ...readMethods(reader, checkOpen, reading), [Symbol.asyncDispose]: close });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Throws `bad-argument`. */
export function checkPath(path: string): void {
  if (typeof path !== "string" || path === "" || path.includes("\0"))
    refuse(
      `the path of a file is ${shown(path)}`,
      orAwaited(path, "It is a text, relative or from the root on; of a URL, fileURLToPath(url)."),
    );
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
  const checkOpen = (): void => {
    if (closing !== undefined) throw closedFile(place);
  };
  const reading = createCalls(checkOpen);
  const changing = createCalls(checkOpen);
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
    await reading.settled();
    await former.close();
  };
  const close = async (): Promise<void> => {
    try {
      // Before the lock is given back: a compaction puts another file in the place of this one.
      await changing.settled();
      await writer.close();
    } finally {
      await reading.settled();
      await file.close().finally(release);
    }
  };
  const closeOnce = (): Promise<void> => (closing ??= close());
  return withMethods(writer, {
    ...readMethods(writer, checkOpen, reading),
    append: (...given: Parameters<IndexWriter["append"]>) => changing.begin(() => writer.append(...given)),
    remove: (...given: Parameters<IndexWriter["remove"]>) => changing.begin(() => writer.remove(...given)),
    truncateSegment: (...given: Parameters<IndexWriter["truncateSegment"]>) => changing.begin(() => writer.truncateSegment(...given)),
    sync: () => changing.begin(() => writer.sync()),
    compact: () => changing.begin(compact),
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  });
}

type ReadMethods = Pick<IndexReader, "readColumns" | "readPlane" | "readRows" | "columns">;

function readMethods(reader: IndexReader, checkOpen: () => void, reading: Calls): ReadMethods {
  return {
    readColumns: (...given) => reading.begin(() => reader.readColumns(...given)),
    readPlane: (...given) => reading.begin(() => reader.readPlane(...given)),
    readRows: (...given) => reading.begin(() => reader.readRows(...given)),
    columns: async function* (options) {
      checkOpen();
      yield* reader.columns(options);
    },
  };
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
