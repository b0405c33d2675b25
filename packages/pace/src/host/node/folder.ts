import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { PaceError } from "../../error.ts";
import type { Folder } from "../folder.ts";
import { lockFolder } from "./folder-lock.ts";

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Makes the folder where it is missing, for nobody else to read. Throws `in-use`, `disk-failed`, `disk-full`. */
export async function openFolder(path: string): Promise<Folder> {
  const folder = resolve(path);
  const made = await told(`make ${folder}`, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  if (made !== undefined) await told(`make ${folder}`, () => syncNames(made, folder));
  const release = await lockFolder(folder);
  const handles = new Map<string, FileHandle>();
  /** Files whose name is durable. */
  const named = new Set<string>();
  let isClosed = false;

  const handleOf = async (name: string): Promise<FileHandle> => {
    if (isClosed) throw new PaceError("closed", `${folder} was closed`, "Open it again.");
    const known = handles.get(name);
    if (known !== undefined) return known;
    const handle = await open(join(folder, name), constants.O_RDWR | constants.O_CREAT, 0o600);
    handles.set(name, handle);
    return handle;
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
        const handle = await handleOf(name);
        if ((await handle.stat()).size !== offset) await handle.truncate(offset);
        for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
      }),
    sync: (name) =>
      told(`sync ${name}`, async () => {
        await (await handleOf(name)).datasync();
        if (named.has(name)) return;
        await syncFolder(folder);
        named.add(name);
      }),
    rename: (from, to) =>
      told(`rename ${from}`, async () => {
        // Some systems do not put a file in the place of one that is open.
        for (const name of [from, to]) {
          await handles.get(name)?.close();
          handles.delete(name);
          named.delete(name);
        }
        await rename(join(folder, from), join(folder, to));
        await syncFolder(folder);
        named.add(to);
      }),
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      await Promise.allSettled([...handles.values()].map((handle) => handle.close()));
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
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function told<Value>(doing: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PaceError) throw cause;
    if (FULL.has(codeOf(cause)))
      throw new PaceError("disk-full", `no room to ${doing}`, "Make room; what was accepted before is kept.", { cause });
    throw new PaceError("disk-failed", `could not ${doing} (${codeOf(cause)})`, "Look at the folder's rights and the system's log.", {
      cause,
    });
  }
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}
