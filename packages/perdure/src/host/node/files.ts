/**
 * Files of this machine. Durability of names: a created file is durable once its folder, and the folders made for it,
 * were synced; that happens with the file's first `sync`. Content goes through `fdatasync`, which includes the size, or is
 * written through: by O_DSYNC where the system means by it what it says, past its memory when one thing comes behind the other, and
 * otherwise by `fdatasync` after each write.
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PerdureError } from "../../wire/error.ts";
import { type Files, isThrough, type OpenFile, type OpenMode } from "../files.ts";
import { type DirectAppends, openDirectAppends } from "./direct-appends.ts";
import { fileCall, fileError, hasSystemCode } from "./file-error.ts";
import { LOCK_FILE, lockFolder } from "./folder-lock.ts";

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** macOS has the flag and leaves what was written in the memory of the disk; Windows has none. 0 where a sync has to do it. */
const WRITE_THROUGH = process.platform === "linux" ? constants.O_DSYNC : 0;

export function createNodeFiles(): Files {
  return {
    open: async (path, mode) => {
      // Closing any handle of that file would silently give the lock away.
      if (basename(path) === LOCK_FILE) throw new PerdureError("bad-argument", `${path} is a folder's lock and is not to be opened`);
      return await (mode === "read" ? openToRead(path) : openToWrite(path, mode));
    },
    list: async (folder) => {
      try {
        const entries = await readdir(folder, { withFileTypes: true });
        return entries
          .filter((entry) => !entry.isDirectory())
          .map(({ name }) => name)
          .sort();
      } catch (error) {
        if (hasSystemCode(error, "ENOENT")) return [];
        throw fileError(error, `list ${folder}`);
      }
    },
    rename: (from, to) =>
      fileCall(`rename ${from} to ${to}`, async () => {
        await rename(from, to);
        await syncFolder(dirname(to));
        if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
      }),
    remove: (path) =>
      fileCall(`remove ${path}`, async () => {
        await rm(path, { force: true });
        await syncFolder(dirname(path)).catch((error: unknown) => {
          if (!hasSystemCode(error, "ENOENT")) throw error;
        });
      }),
    lock: async (folder) => {
      await fileCall(`make the folder ${folder}`, () => makeFolder(folder));
      return await lockFolder(folder);
    },
  };
}

/**
 * Makes a folder and what is missing above it; returns the folders whose entries are new and not yet durable. Written out
 * because Node's recursive `mkdir` never returns on file systems that answer ENOENT for a folder whose parent exists (/proc).
 */
async function makeFolder(folder: string): Promise<readonly string[]> {
  const parent = dirname(folder);
  try {
    await mkdir(folder, { mode: FOLDER_MODE });
    return [parent];
  } catch (error) {
    if ((await stat(folder).catch(() => undefined))?.isDirectory() === true) return [];
    if (!hasSystemCode(error, "ENOENT") || parent === folder) throw error;
  }
  const above = await makeFolder(parent);
  try {
    await mkdir(folder, { mode: FOLDER_MODE });
  } catch (error) {
    // Another process may make the same folder at the same time.
    if (!hasSystemCode(error, "EEXIST")) throw error;
  }
  return [parent, ...above];
}

function openToRead(path: string): Promise<OpenFile> {
  return fileCall(`open ${path}`, async () => openFile(path, "read", await open(path, constants.O_RDONLY), []));
}

function openToWrite(path: string, mode: OpenMode): Promise<OpenFile> {
  const flags = constants.O_RDWR | (isThrough(mode) ? WRITE_THROUGH : 0);
  return fileCall(`open ${path}`, async () => {
    const folder = dirname(path);
    try {
      // Whoever made it may have died before its first sync.
      return await openWritten(path, mode, await open(path, flags), [folder]);
    } catch (error) {
      if (!hasSystemCode(error, "ENOENT")) throw error;
    }
    const unsynced = [folder, ...(await makeFolder(folder))];
    return await openWritten(path, mode, await open(path, flags | constants.O_CREAT, FILE_MODE), unsynced);
  });
}

async function openWritten(path: string, mode: OpenMode, handle: FileHandle, unsynced: readonly string[]): Promise<OpenFile> {
  if (mode !== "append-through") return openFile(path, mode, handle, unsynced);
  try {
    const direct = await openDirectAppends(path, (offset, length) => readFrom(handle, offset, length));
    return openFile(path, mode, handle, unsynced, direct);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** `unsynced`: folders whose entries must be synced before this file is durable. */
function openFile(
  path: string,
  mode: OpenMode,
  handle: FileHandle,
  unsynced: readonly string[],
  direct: DirectAppends | undefined = undefined,
): OpenFile {
  let folders = unsynced;
  let closing: Promise<void> | undefined;
  return {
    size: () => fileCall(`look at ${path}`, async () => (await handle.stat()).size),
    read: (offset, length, memory) => fileCall(`read ${path}`, () => readFrom(handle, offset, length, memory)),
    write: (offset, bytes) =>
      fileCall(`write ${path}`, async () => {
        const directly = direct?.write(offset, bytes);
        if (directly !== undefined && (await directly)) return;
        let written = 0;
        while (written < bytes.length) {
          const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, offset + written);
          written += bytesWritten;
        }
        if (isThrough(mode) && WRITE_THROUGH === 0) await handle.datasync();
      }),
    sync: () =>
      fileCall(`sync ${path}`, async () => {
        const pending = folders;
        if (!isThrough(mode)) await handle.datasync();
        for (const folder of pending) await syncFolder(folder);
        folders = [];
      }),
    close: () => (closing ??= fileCall(`close ${path}`, () => Promise.all([handle.close(), direct?.close()]).then(() => {}))),
  };
}

async function readFrom(handle: FileHandle, offset: number, length: number, memory?: Uint8Array): Promise<Uint8Array> {
  const bytes = memory?.subarray(0, length) ?? new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled === length ? bytes : bytes.slice(0, filled);
}

async function syncFolder(folder: string): Promise<void> {
  // Windows has no way to sync a folder; NTFS journals the change of names by itself.
  if (process.platform === "win32") return;
  const handle = await open(join(folder, "."), constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
