import * as fs from "node:fs";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { PaceError } from "../../error.ts";
import type { Folder } from "../folder.ts";
import { lockFolder } from "./folder-lock.ts";

/**
 * Files are open by number and not as a `FileHandle`: work that a program keeps no name of until it ends is collected, and a handle that is collected is a warning
 * today and an error in later versions of Node.
 */
const openFile = promisify(fs.open);
const closeFile = promisify(fs.close);
const sizeOf = promisify(fs.fstat);
const cutFile = promisify(fs.ftruncate);
const syncFile = promisify(fs.fdatasync);
const writeFile = promisify(fs.write);

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Makes the folder where it is missing, for nobody else to read. Throws `in-use`, `disk-failed`, `disk-full`. */
export async function openFolder(path: string): Promise<Folder> {
  const folder = resolve(path);
  const made = await toldAs(`make ${folder}`, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  if (made !== undefined) await toldAs(`make ${folder}`, () => syncNames(made, folder));
  const release = await lockFolder(folder);
  const files = new Map<string, number>();
  /** Files whose name is durable. */
  const named = new Set<string>();
  /** A number that is closed in the middle of a write may be another file's before the write ends. */
  const underWay = new Set<Promise<unknown>>();
  let isClosed = false;

  const told = async <Value>(doing: string, work: () => Promise<Value>): Promise<Value> => {
    const doingIt = toldAs(doing, work);
    underWay.add(doingIt);
    try {
      return await doingIt;
    } finally {
      underWay.delete(doingIt);
    }
  };

  const fileOf = async (name: string): Promise<number> => {
    if (isClosed) throw new PaceError("closed", `${folder} was closed`, "Open it again.");
    const known = files.get(name);
    if (known !== undefined) return known;
    const file = await openFile(join(folder, name), fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
    files.set(name, file);
    return file;
  };

  return {
    read: (name) =>
      told(`read ${name}`, async () => {
        try {
          return new Uint8Array(await readFile(join(folder, name)));
        } catch (error) {
          if (codeOf(error) === "ENOENT") return undefined;
          throw error;
        }
      }),
    write: (name, offset, bytes) =>
      told(`write ${name}`, async () => {
        const file = await fileOf(name);
        if ((await sizeOf(file)).size !== offset) await cutFile(file, offset);
        for (let at = 0; at < bytes.length; ) at += (await writeFile(file, bytes, at, bytes.length - at, offset + at)).bytesWritten;
      }),
    sync: (name) =>
      told(`sync ${name}`, async () => {
        await syncFile(await fileOf(name));
        if (named.has(name)) return;
        await syncFolder(folder);
        named.add(name);
      }),
    rename: (from, to) =>
      told(`rename ${from}`, async () => {
        // Some systems do not put a file in the place of one that is open.
        for (const name of [from, to]) {
          const file = files.get(name);
          files.delete(name);
          named.delete(name);
          if (file !== undefined) await closeFile(file);
        }
        await rename(join(folder, from), join(folder, to));
        await syncFolder(folder);
        named.add(to);
      }),
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      await Promise.allSettled(underWay);
      await Promise.allSettled([...files.values()].map((file) => closeFile(file)));
      release();
    },
  };
}

/** Of `folder` and all above it up to the first that was made. */
async function syncNames(made: string, folder: string): Promise<void> {
  for (let at = folder; at.length >= made.length; at = dirname(at)) await syncFolder(dirname(at));
}

async function syncFolder(folder: string): Promise<void> {
  // Windows has no way to; NTFS journals names by itself.
  if (process.platform === "win32") return;
  const handle = await open(folder, fs.constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function toldAs<Value>(doing: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PaceError) throw cause;
    if (FULL.has(codeOf(cause)))
      throw new PaceError("disk-full", `no room to ${doing}`, "Make room; what was accepted before is kept.", { cause });
    const hint =
      codeOf(cause) === "EEXIST" || codeOf(cause) === "ENOTDIR"
        ? "A file has its name: choose another."
        : "Look at the folder's rights and the system's log.";
    throw new PaceError("disk-failed", `could not ${doing} (${codeOf(cause)})`, hint, {
      cause,
    });
  }
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}
