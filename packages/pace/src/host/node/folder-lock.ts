/**
 * A folder belongs to the process that holds an exclusive SQLite transaction on `<folder>/lock`: the operating system frees it when that process
 * ends, however it ends. POSIX drops such a lock when the process closes any handle of that file, so nothing may open it by other means.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { DatabaseSync } from "node:sqlite";
import { PaceError } from "../../error.ts";

export const LOCK_FILE = "lock";
/** Beside it: who has the lock, for people. What it says counts only while the lock is taken. */
const HOLDER_FILE = "holder";

/** Without a write, a file that can only be read would be "locked" by everybody. It is never committed. */
const TAKE = "PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; PRAGMA user_version = 1";

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;

/** What is returned frees it. Throws `in-use`, `disk-failed` and, by an older Node, `bad-argument`. */
export async function lockFolder(folder: string): Promise<() => void> {
  const sqlite = process.getBuiltinModule?.("node:sqlite");
  if (sqlite === undefined)
    throw new PaceError("bad-argument", `work is kept by Node 22.13 or newer; this is ${process.version}`, "Run it with a newer Node.");
  const path = join(folder, LOCK_FILE);
  // It is there before SQLite opens it, so that it gets our mode; one that is there must not be opened.
  await open(path, "wx", 0o600).then(
    (handle) => handle.close(),
    () => undefined,
  );
  let database: DatabaseSync | undefined;
  try {
    const taken = new sqlite.DatabaseSync(path, { timeout: 0 });
    database = taken;
    taken.exec(TAKE);
    tellHolder(folder);
    return () => taken.close();
  } catch (cause) {
    database?.close();
    throw isBusy(cause)
      ? inUse(folder, cause)
      : new PaceError("disk-failed", `${folder} cannot be locked`, "Choose a folder on a local disk that can be written.", { cause });
  }
}

/** As of this process; of several containers each may have a process 1, but not the same host name. */
function nameOfThis(): string {
  return `process ${process.pid} of ${hostname()}`;
}

function tellHolder(folder: string): void {
  try {
    writeFileSync(join(folder, HOLDER_FILE), nameOfThis(), { mode: 0o600 });
  } catch {
    // A full disk takes the name away, and not the lock.
  }
}

function inUse(folder: string, cause: unknown): PaceError {
  let holder = "";
  try {
    holder = readFileSync(join(folder, HOLDER_FILE), "utf8");
  } catch {
    // It just took the lock.
  }
  return holder === nameOfThis()
    ? new PaceError("in-use", `the work in ${folder} is open in this very process`, "Open it once and share it, or close it before.", {
        cause,
      })
    : new PaceError("in-use", `the work in ${folder} is done by another process`, "End that one, or choose another folder.", { cause });
}

function isBusy(error: unknown): boolean {
  const code = typeof error === "object" && error !== null && "errcode" in error ? Number(error.errcode) & 0xff : 0;
  return code === SQLITE_BUSY || code === SQLITE_LOCKED;
}
