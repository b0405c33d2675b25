/** The folders of a real process: where they lie, what stands in them, and how they can be full. */
import { execFile } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Image } from "../disk-records.ts";

const run = promisify(execFile);

export interface RealDisk {
  /** A file system of its own, which can be full; otherwise a folder. */
  readonly isApart: boolean;
  readonly path: string;
  /** Takes all the room that is left, or gives it back. Only of one apart. */
  fill(full: boolean): void;
  /** What stands there, as a process would read it now: also what was never synced. */
  image(): Promise<Image>;
  /** Lets go of the file system. */
  release(): Promise<void>;
}

const APART_BYTES = "64m";
const BALLAST = "ballast";
const BLOCK = new Uint8Array(64 * 1024);

/** With `apart` on a small file system in memory, where this process may mount one; throws when it may not. */
export async function openRealDisk(path: string, apart: boolean): Promise<RealDisk> {
  mkdirSync(path, { recursive: true });
  if (apart) await run("mount", ["-t", "tmpfs", "-o", `size=${APART_BYTES}`, "tmpfs", path]);
  const ballast = join(path, BALLAST);
  return {
    isApart: apart,
    path,
    fill: (full) => {
      if (!apart) throw new Error(`${path} is no file system of its own`);
      if (!full) return rmSync(ballast, { force: true });
      const file = openSync(ballast, "a");
      try {
        for (const block of [BLOCK, BLOCK.subarray(0, 4096)]) fillWith(file, block);
      } finally {
        closeSync(file);
      }
    },
    image: async () => {
      const image = new Map<string, Uint8Array>();
      for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
        const full = join(entry.parentPath, entry.name);
        const name = full.slice(path.length + 1);
        if (entry.isFile() && name !== BALLAST) image.set(name, await readFile(full));
      }
      return image;
    },
    release: async () => {
      if (apart) await run("umount", ["-l", path]);
    },
  };
}

/** Until nothing more fits. */
function fillWith(file: number, block: Uint8Array): void {
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

/** Whether this process may mount a file system of its own. */
export async function mayMount(): Promise<boolean> {
  const path = await mkdtemp(join(tmpdir(), "perdure-mount-"));
  try {
    await (await openRealDisk(path, true)).release();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
