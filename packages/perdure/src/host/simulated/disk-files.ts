/**
 * The Files port over a simulated disk. When an operation takes effect and when its caller learns of it are two things:
 * a write counts from the call, a sync covers what was written before the call, a change of names happens at the end. What
 * a fault says of syncs it says of what is written through.
 */
import { PerdureError } from "../../wire/error.ts";
import { type Files, isThrough, type OpenFile, type OpenMode } from "../files.ts";
import type { CrashPick, Disk, StoredFile } from "./disk.ts";
import { normalPath } from "./disk.ts";

/** What is wrong with a disk at the moment. All fields may be changed at any time. */
export interface DiskFaults {
  /** Writes that would pass this fail with `disk-full`, after the part that still fits. */
  capacityBytes: number;
  readOnly: boolean;
  /** So many of the next writes fail with `disk-failed`; nothing of them is written, or all. */
  failWrites: number;
  /** So many of the next syncs fail with `disk-failed`: part of what was pending is lost for good though still readable. */
  failSyncs: number;
  /** So many of the next reads fail with `disk-failed`. */
  failReads: number;
  /** Syncs resolve and do nothing: the lie a negative control needs. */
  syncIgnored: boolean;
}

export type DiskWork = "read" | "write" | "sync" | "names";

/** Calls `finish` when work of this kind is done, or never when the process is gone by then. */
export type DiskDelay = (work: DiskWork, finish: () => void) => void;

export function healthyDisk(): DiskFaults {
  return { capacityBytes: Number.POSITIVE_INFINITY, readOnly: false, failWrites: 0, failSyncs: 0, failReads: 0, syncIgnored: false };
}

export interface DiskFilesOptions {
  readonly disk: Disk;
  readonly faults: DiskFaults;
  readonly delay: DiskDelay;
  /** What a failing write or sync leaves on the platter. */
  readonly pick: CrashPick;
  /** The process these files are for; once it is dead nothing it calls has any effect. */
  readonly owner: { readonly alive: boolean };
  /** Told of every call, before it does anything. */
  readonly called?: () => void;
}

/** Files that work at once and never fail; for tests that need no world around them. */
export function createMemoryFiles(disk: Disk, faults: DiskFaults = healthyDisk()): Files {
  const pick = { sector: () => true, name: () => true };
  return createDiskFiles({ disk, faults, delay: (_work, finish) => queueMicrotask(finish), pick, owner: { alive: true } });
}

export function createDiskFiles({ disk, faults, delay, pick, owner, called = () => {} }: DiskFilesOptions): Files {
  const never = new Promise<never>(() => {});

  const after = <Value>(work: DiskWork, finish: () => Value): Promise<Value> =>
    new Promise((resolve, reject) =>
      delay(work, () => {
        try {
          resolve(finish());
        } catch (error) {
          reject(error);
        }
      }),
    );

  const mustBeWritable = (path: string): void => {
    if (faults.readOnly) throw readOnly(path);
  };

  const write = (path: string, mode: OpenMode, file: StoredFile, offset: number, written: Uint8Array): Promise<void> => {
    const bytes = mode === "append-through" ? toWholeBlocks(offset, written) : written;
    let failure: PerdureError | undefined;
    called();
    if (!owner.alive) return never;
    if (faults.readOnly) {
      failure = readOnly(path);
    } else if (faults.failWrites > 0) {
      faults.failWrites--;
      if (pick.sector()) disk.write(file, offset, bytes);
      failure = new PerdureError("disk-failed", `writing ${path} failed`, { retry: "after", hint: "Check the disk." });
    } else {
      const growth = Math.max(0, offset + bytes.length - file.current.size);
      const room = faults.capacityBytes === Number.POSITIVE_INFINITY ? faults.capacityBytes : faults.capacityBytes - disk.usedBytes;
      if (growth > Math.max(0, room)) {
        disk.write(file, offset, bytes.subarray(0, bytes.length - growth + Math.max(0, room)));
        failure = new PerdureError("disk-full", `no space is left for ${path}`, { retry: "after", hint: "Free some space." });
      } else {
        disk.write(file, offset, bytes);
      }
    }
    const mark = disk.mark(file);
    return after(isThrough(mode) ? "sync" : "write", () => {
      if (failure !== undefined) throw failure;
      if (!isThrough(mode) || bytes.length === 0 || faults.syncIgnored) return;
      if (faults.failSyncs > 0) {
        faults.failSyncs--;
        disk.writeThroughFailed(file, mark, pick);
        throw new PerdureError("disk-failed", `writing ${path} through failed`, { retry: "after", hint: "Check the disk." });
      }
      disk.wroteThrough(file, mark);
    });
  };

  const sync = (path: string, mode: OpenMode, file: StoredFile): Promise<void> => {
    called();
    const mark = disk.mark(file);
    return after("sync", () => {
      if (faults.syncIgnored) return;
      if (faults.failSyncs > 0) {
        faults.failSyncs--;
        if (!isThrough(mode)) disk.syncFailed(file, pick);
        throw new PerdureError("disk-failed", `syncing ${path} failed`, { retry: "after", hint: "Check the disk." });
      }
      if (isThrough(mode)) file.named = true;
      else disk.syncedTo(file, mark);
    });
  };

  const openFile = (path: string, mode: OpenMode, file: StoredFile): OpenFile => {
    let closed = false;
    const mustBeOpen = (): void => {
      if (closed) throw new PerdureError("internal", `${path} was used after it was closed`);
    };
    return {
      size: async () => {
        mustBeOpen();
        return await after("read", () => file.current.size);
      },
      read: async (offset, length) => {
        mustBeOpen();
        called();
        return await after("read", () => {
          if (faults.failReads > 0) {
            faults.failReads--;
            throw new PerdureError("disk-failed", `reading ${path} failed`, { retry: "after", hint: "Check the disk." });
          }
          return file.current.bytes.slice(Math.min(offset, file.current.size), Math.min(offset + length, file.current.size));
        });
      },
      write: async (offset, bytes) => {
        mustBeOpen();
        if (mode === "read") throw new PerdureError("permission-denied", `${path} was opened for reading`);
        await write(path, mode, file, offset, bytes);
      },
      sync: async () => {
        mustBeOpen();
        await sync(path, mode, file);
      },
      close: async () => {
        closed = true;
      },
    };
  };

  return {
    open: (path, mode) => {
      called();
      return after("names", () => {
        if (mode !== "read") mustBeWritable(path);
        const file = disk.file(path, mode !== "read");
        if (file === undefined) throw new PerdureError("not-found", `there is no file ${path}`);
        return openFile(path, mode, file);
      });
    },
    list: (folder) => after("names", () => disk.list(folder)),
    rename: async (from, to) => {
      mustBeWritable(to);
      called();
      if (!owner.alive) return await never;
      if (disk.file(from, false) === undefined) throw new PerdureError("not-found", `there is no file ${from}`);
      await after("names", disk.rename(from, to, owner));
    },
    remove: async (path) => {
      mustBeWritable(path);
      called();
      if (!owner.alive) return await never;
      await after("names", disk.remove(path, owner));
    },
    lock: (folder) =>
      after("names", () => {
        mustBeWritable(folder);
        const name = normalPath(folder);
        if (disk.locks.has(name)) {
          throw new PerdureError("folder-in-use", `another process uses ${folder}`, {
            hint: "Stop the other process, or use another folder.",
          });
        }
        const lock = { owner };
        disk.locks.set(name, lock);
        return {
          release: async () => {
            if (disk.locks.get(name) === lock) disk.locks.delete(name);
          },
        };
      }),
  };
}

function readOnly(path: string): PerdureError {
  return new PerdureError("read-only", `${path} is on a read-only file system`, { hint: "Make the folder writable." });
}

/** The blocks of a disk here are its sectors: a file of a few of them is a large one. */
const BLOCK_BYTES = 512;

/** What a write of one thing behind the other puts into a file: with zeroes up to the end of its last block. */
export function toWholeBlocks(offset: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes;
  const end = offset + bytes.length;
  const whole = new Uint8Array(bytes.length + ((BLOCK_BYTES - (end % BLOCK_BYTES)) % BLOCK_BYTES));
  whole.set(bytes);
  return whole;
}
