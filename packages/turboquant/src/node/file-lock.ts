/**
 * One process at a time appends to a file: whoever holds an exclusive SQLite transaction on `<file>.lock`. The operating system frees it when the process
 * ends, however it ends. The file `.lock` stays: where it is removed, two processes may hold two of that name.
 */
import process from "node:process";
import type { DatabaseSync } from "node:sqlite";
import { TurboQuantError } from "../error.ts";
import { failedFile } from "./failed-file.ts";

export interface FileLock {
  release(): void;
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_CANTOPEN = 14;
/** The write tells a lock that excludes somebody from one on a file that can only be read. It is never committed. */
const TAKE = "PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; PRAGMA user_version = 1";

/** Looked up when it is needed: whoever only reads does without. */
function databaseClass(): typeof DatabaseSync {
  const sqlite = process.getBuiltinModule?.("node:sqlite");
  if (sqlite === undefined)
    throw new TurboQuantError("file-failed", `this Node (${process.version}) cannot lock a file`, "To write, use Node 22.13 or newer.");
  return sqlite.DatabaseSync;
}

/** Throws `file-busy` where another process, or this one, holds it. */
export function lockFile(path: string): FileLock {
  const Database = databaseClass();
  let database: DatabaseSync | undefined;
  try {
    database = new Database(`${path}.lock`, { timeout: 0 });
    database.exec(TAKE);
  } catch (error) {
    database?.close();
    const result = typeof error === "object" && error !== null && "errcode" in error ? Number(error.errcode) & 0xff : 0;
    if (result === SQLITE_BUSY || result === SQLITE_LOCKED)
      throw new TurboQuantError("file-busy", `somebody else writes to ${path}`, "Close it there, or open it for reading.", error);
    if (result === SQLITE_READONLY || result === SQLITE_CANTOPEN)
      throw new TurboQuantError(
        "file-failed",
        `could not write ${path}.lock`,
        "Whoever writes to an index may also write beside it.",
        error,
      );
    throw failedFile(error, `lock ${path}`);
  }
  const held = database;
  return { release: () => held.close() };
}
