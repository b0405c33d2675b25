/**
 * Files of an agent in the IndexedDB of its origin. A path names a file number, a number its size and its blocks.
 *
 * A file that is removed or replaced while this page has it open keeps what it holds until its last close; when the page ends
 * before, the next lock of its folder frees it. Several tabs may read a folder; who changes it has its lock.
 */
import { PerdureError } from "../../wire/error.ts";
import { type Files, isThrough, type OpenFile, type OpenMode } from "../files.ts";
import type { Database, Work } from "./database.ts";
import { lockFolder } from "./folder-lock.ts";
import type { Locks } from "./platform.ts";
import { createStoredFile, dropFile, type FileEntry, type StoredFile } from "./stored-file.ts";

export interface BrowserFilesOptions {
  readonly database: Database;
  readonly locks: Locks;
}

interface Shared {
  readonly file: StoredFile;
  users: number;
}

/** Greater than every path that begins with what stands before it. */
const AFTER = "\uffff";

export function createBrowserFiles({ database, locks }: BrowserFilesOptions): Files {
  /** By file number; one for all handles of this page. */
  // bound: one per open file
  const open = new Map<number, Shared>();
  let last: Promise<unknown> = Promise.resolve();

  /** What a path means, and who has it open, changes in one place at a time. */
  const inTurn = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  };

  const handle = (number: number, size: number, mode: OpenMode): OpenFile => {
    const shared = open.get(number) ?? { file: createStoredFile(database, number, size), users: 0 };
    open.set(number, shared);
    shared.users++;
    const letGo = async (): Promise<void> => {
      shared.users--;
      if (shared.users > 0) return;
      open.delete(number);
      await shared.file.close();
    };
    let closing: Promise<void> | undefined;
    return {
      size: () => shared.file.size(),
      read: (offset, length) => shared.file.read(offset, length),
      write: async (offset, bytes) => {
        if (mode === "read") throw new PerdureError("bad-argument", "the file was opened for reading");
        await shared.file.write(offset, bytes);
        if (isThrough(mode)) await shared.file.flush();
      },
      sync: () => shared.file.flush(),
      close: () => (closing ??= inTurn(letGo)),
    };
  };

  const numberOf = async ({ store, result }: Work, path: string): Promise<number | undefined> =>
    (await result(store("names").get(path))) as number | undefined;

  const find = (path: string): Promise<{ readonly number: number; readonly size: number } | undefined> =>
    database.look(`open ${path}`, ["names", "files"], async (work) => {
      const number = await numberOf(work, path);
      if (number === undefined) return undefined;
      const entry = (await work.result(work.store("files").get(number))) as FileEntry | undefined;
      return { number, size: entry?.size ?? 0 };
    });

  const create = (path: string): Promise<number> =>
    database.change(`open ${path}`, ["names", "files"], async ({ store, result }) => {
      const number = (await result(store("files").add({ size: 0 } satisfies FileEntry))) as number;
      store("names").put(number, path);
      return number;
    });

  /** Runs `change`, in which `path` loses its meaning; what it meant is freed with it, or by its last close. */
  const unlinking = async (doing: string, path: string, change: (work: Work) => Promise<void>): Promise<void> => {
    const old = await find(path);
    const shared = old === undefined ? undefined : open.get(old.number);
    const unlink = (): Promise<void> =>
      database.change(doing, ["names", "files", "blocks"], async (work) => {
        if (old !== undefined && shared === undefined) dropFile(database, work, old.number);
        if (old !== undefined && shared !== undefined)
          work.store("files").put({ size: old.size, removedFrom: folderOf(path) } satisfies FileEntry, old.number);
        await change(work);
      });
    await (shared === undefined ? unlink() : shared.file.forget(unlink));
  };

  /** Frees what a page that ended had removed. */
  const sweep = (folder: string): Promise<void> =>
    database.change(`look through ${folder}`, ["files", "blocks"], async (work) => {
      const files = work.store("files");
      const everything = database.ranges.bound(0, Number.MAX_SAFE_INTEGER);
      const [numbers, entries] = await Promise.all([work.result(files.getAllKeys(everything)), work.result(files.getAll(everything))]);
      for (const [at, entry] of (entries as readonly FileEntry[]).entries()) {
        const number = numbers[at] as number;
        if (entry.removedFrom === folder && !open.has(number)) dropFile(database, work, number);
      }
    });

  return {
    open: (path, mode) =>
      inTurn(async () => {
        folderOf(path);
        const found = await find(path);
        if (found !== undefined) return handle(found.number, found.size, mode);
        if (mode === "read") throw new PerdureError("not-found", `there is no file ${path}`);
        return handle(await create(path), 0, mode);
      }),
    list: (folder) =>
      inTurn(async () => {
        const before = `${folder}/`;
        const range = database.ranges.bound(before, `${before}${AFTER}`);
        const paths = await database.look(`list ${folder}`, ["names"], ({ store, result }) => result(store("names").getAllKeys(range)));
        return paths
          .map((path) => String(path).slice(before.length))
          .filter((name) => !name.includes("/"))
          .sort();
      }),
    rename: (from, to) =>
      inTurn(async () => {
        folderOf(to);
        const moved = await find(from);
        if (moved === undefined) throw new PerdureError("not-found", `there is no file ${from}`);
        if (from === to) return;
        await unlinking(`rename ${from} to ${to}`, to, async ({ store }) => {
          store("names").put(moved.number, to);
          store("names").delete(from);
        });
      }),
    remove: (path) =>
      inTurn(() =>
        unlinking(`remove ${path}`, path, async ({ store }) => {
          store("names").delete(path);
        }),
      ),
    lock: async (folder) => {
      const lock = await lockFolder(locks, folder);
      try {
        await inTurn(() => sweep(folder));
        return lock;
      } catch (error) {
        await lock.release();
        throw error;
      }
    },
  };
}

/** `bad-argument` for what names no file. */
function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  if (end === path.length - 1) throw new PerdureError("bad-argument", `"${path}" names no file`, { hint: "Check the path." });
  return path.slice(0, Math.max(0, end));
}
