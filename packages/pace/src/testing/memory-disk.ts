/**
 * A folder in memory, that loses at a crash what a disk may lose, as `host/folder.ts` states it, and fails when it is told to.
 *
 * A process that crashed does not go on: nothing that it asked for ever resolves.
 */
import { PaceError } from "../error.ts";
import type { Folder } from "../host/folder.ts";
import type { Random } from "../host/random.ts";

export type DiskFault = "crash" | "disk-full" | "disk-failed";

export interface DiskOperation {
  readonly nth: number;
  readonly kind: "read" | "write" | "sync" | "rename";
  readonly name: string;
}

export interface MemoryDisk {
  /** Operations so far. */
  readonly operations: number;
  /** Asked before each. */
  fault: (operation: DiskOperation) => DiskFault | undefined;
  /** Throws `in-use` while it is open. */
  open(): Folder;
  /** Whoever has it open is no more. */
  crash(): void;
  /** Resolves at the next crash. */
  died(): Promise<void>;
  names(): readonly string[];
  bytes(name: string): Uint8Array | undefined;
  /** Is in the place of what was there, and kept. */
  set(name: string, bytes: Uint8Array): void;
}

interface Write {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface File {
  kept: Uint8Array;
  seen: Uint8Array;
  unsynced: Write[];
}

const SECTOR_BYTES = 512;

export function createMemoryDisk(random: Random): MemoryDisk {
  let operations = 0;
  let generation = 0;
  let isOpen = false;
  /** As the process sees them, and as they are after a crash. */
  let names = new Map<string, File>();
  const keptNames = new Map<string, File>();
  let mourners: (() => void)[] = [];

  /** Some sectors of what is not synced get there. */
  const settle = (file: File): void => {
    for (const write of file.unsynced) file.kept = mixed(random, file.kept, after(file.kept, write));
    file.unsynced = [];
  };

  const crash = (): void => {
    generation++;
    isOpen = false;
    for (const [name, file] of names) if (!keptNames.has(name) && random() < 0.5) keptNames.set(name, file);
    names = new Map(keptNames);
    for (const file of new Set(names.values())) {
      settle(file);
      file.seen = file.kept;
    }
    const told = mourners;
    mourners = [];
    for (const tell of told) tell();
  };

  const disk: MemoryDisk = {
    get operations() {
      return operations;
    },
    fault: () => undefined,
    crash,
    died: () => new Promise((resolve) => mourners.push(resolve)),
    names: () => [...names.keys()].sort(),
    bytes: (name) => names.get(name)?.seen.slice(),
    set: (name, bytes) => {
      const file = { kept: bytes.slice(), seen: bytes.slice(), unsynced: [] };
      names.set(name, file);
      keptNames.set(name, file);
    },
    open: () => {
      if (isOpen) throw new PaceError("in-use", "the work in this disk is done by another process", "End that one.");
      isOpen = true;
      const mine = generation;
      let isClosed = false;
      const never = new Promise<never>(() => undefined);
      /** `half`: what a crash or a full disk leaves of it. */
      const operate = async <Value>(kind: DiskOperation["kind"], name: string, whole: () => Value, half: () => void): Promise<Value> => {
        await Promise.resolve();
        if (mine !== generation) return await never;
        if (isClosed) throw new PaceError("closed", "the folder was closed", "Open it again.");
        const fault = disk.fault({ nth: operations++, kind, name });
        if (fault === undefined) return whole();
        half();
        if (fault !== "crash") throw new PaceError(fault, `could not ${kind} ${name}`, "It was told to fail.");
        crash();
        return await never;
      };
      const fileOf = (name: string): File => {
        const file = names.get(name) ?? { kept: new Uint8Array(), seen: new Uint8Array(), unsynced: [] };
        names.set(name, file);
        return file;
      };
      return {
        read: (name) =>
          operate(
            "read",
            name,
            () => names.get(name)?.seen.slice(),
            () => undefined,
          ),
        write: (name, offset, bytes) => {
          const put = (given: Uint8Array): void => {
            const file = fileOf(name);
            const write = { offset, bytes: given.slice() };
            file.unsynced.push(write);
            file.seen = after(file.seen, write);
          };
          return operate(
            "write",
            name,
            () => put(bytes),
            () => put(bytes.subarray(0, Math.floor(random() * (bytes.length + 1)))),
          );
        },
        sync: (name) =>
          operate(
            "sync",
            name,
            () => {
              const file = fileOf(name);
              for (const write of file.unsynced) file.kept = after(file.kept, write);
              file.unsynced = [];
              keptNames.set(name, file);
            },
            // What failed to get there is not tried again.
            () => settle(fileOf(name)),
          ),
        rename: (from, to) => {
          const move = (map: Map<string, File>): void => {
            const file = names.get(from) ?? map.get(from);
            if (file === undefined) throw new PaceError("disk-failed", `there is no ${from}`, "Write it before.");
            map.delete(from);
            map.set(to, file);
          };
          return operate(
            "rename",
            from,
            () => {
              move(keptNames);
              move(names);
            },
            () => {
              if (random() < 0.5) return;
              move(keptNames);
              move(names);
            },
          );
        },
        close: async () => {
          if (mine !== generation || isClosed) return;
          isClosed = true;
          isOpen = false;
        },
      };
    },
  };
  return disk;
}

function after(bytes: Uint8Array, { offset, bytes: more }: Write): Uint8Array {
  const whole = new Uint8Array(offset + more.length);
  whole.set(bytes.subarray(0, offset));
  whole.set(more, offset);
  return whole;
}

function mixed(random: Random, before: Uint8Array, wanted: Uint8Array): Uint8Array {
  const result = new Uint8Array(random() < 0.5 ? before.length : wanted.length);
  for (let at = 0; at < result.length; at += SECTOR_BYTES)
    result.set((random() < 0.5 ? before : wanted).subarray(at, Math.min(at + SECTOR_BYTES, result.length)), at);
  return result;
}
