/** A file of this machine. What was synced is there after a loss of power: content by fsync, a new name by fsync of its folder. */
import { constants } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { checkRange, type IndexFile } from "../file/index-file.ts";
import { createCalls } from "./calls.ts";
import { closedFile, fileCall } from "./failed-file.ts";

export interface DiskFile extends IndexFile {
  /**
   * Puts it in the place of the file `path` at once; it was synced before. Throws when that is still there. Where the new name cannot be made durable, the next
   * `sync` has to.
   */
  moveTo(path: string): Promise<void>;
  /** Waits for what was begun; what is called later throws `closed`. */
  close(): Promise<void>;
}

/** `read` and `write` want the file to be there; `create` begins one where it is not, `replace` an empty one in any case, with the rights `mode`. */
export type DiskMode = "read" | "write" | "create" | "replace";

const FLAGS: Readonly<Record<DiskMode, number>> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT,
  replace: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
};
/** What is kept may be private. */
const FILE_MODE = 0o600;

export async function openDiskFile(path: string, how: DiskMode, mode: number = FILE_MODE): Promise<DiskFile> {
  const handle = await fileCall(`open ${path}`, () => open(path, FLAGS[how], mode));
  try {
    const { size } = await fileCall(`look at ${path}`, () => handle.stat());
    return diskFile(path, handle, size, how === "create" || how === "replace");
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function diskFile(opened: string, handle: FileHandle, found: number, maybeNew: boolean): DiskFile {
  let path = opened;
  let size = found;
  let named = !maybeNew;
  let isClosed = false;
  const calls = createCalls(() => {
    if (isClosed) throw closedFile(path);
  });
  const call = <Result>(what: string, act: () => Promise<Result>): Promise<Result> => calls.begin(() => fileCall(`${what} ${path}`, act));
  return {
    get size() {
      return size;
    },
    read: async (at, length) => {
      checkRange(size, at, length);
      return await call("read", () => readAll(handle, at, length, size));
    },
    append: async (bytes) => {
      const at = size;
      // Before it is written: nobody may append in the same place.
      size += bytes.length;
      await call("write", () => writeAll(handle, at, bytes));
    },
    sync: () =>
      call("sync", async () => {
        await handle.sync();
        if (!named) await syncFolder(dirname(path));
        named = true;
      }),
    truncate: (to) =>
      call("cut", async () => {
        await handle.truncate(to);
        size = Math.min(size, to);
        await handle.sync();
      }),
    moveTo: (to) =>
      call("rename", async () => {
        await rename(path, to);
        path = to;
        named = await syncFolder(dirname(to)).then(
          () => true,
          () => false,
        );
      }),
    close: async () => {
      isClosed = true;
      await calls.settled();
      await fileCall(`close ${path}`, () => handle.close());
    },
  };
}

async function readAll(handle: FileHandle, at: number, length: number, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, at + done);
    // Somebody cut it.
    if (bytesRead === 0) checkRange(Math.min(size, at + done), at, length);
    done += bytesRead;
  }
  return bytes;
}

async function writeAll(handle: FileHandle, at: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

/** Windows has no such thing, and does without. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
