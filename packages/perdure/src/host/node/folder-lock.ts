/**
 * A folder belongs to the process that holds an exclusive SQLite transaction on `<folder>/lock`: the operating system
 * frees it when that process ends, however it ends. POSIX drops such a lock when the process closes *any* handle of the
 * file, so nothing here or elsewhere may open `lock` by other means while it is held; creating it never opens an existing one.
 */
import { constants } from "node:fs";
import { access, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { DatabaseSync } from "node:sqlite";
import { PerdureError } from "../../wire/error.ts";
import type { FolderLock } from "../files.ts";
import { fileError, hasSystemCode } from "./file-error.ts";

export const LOCK_FILE = "lock";
/** Who has the folder, for people. Advisory: it may be missing, or old for a moment. */
const HOLDER_FILE = "holder.json";

/**
 * A file that can only be read is opened all the same, and its "exclusive" transaction excludes nobody: a write, never
 * committed, tells the two apart.
 */
const PROVE_WRITABLE = "PRAGMA user_version = 1";

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;

export async function lockFolder(folder: string): Promise<FolderLock> {
  const Database = databaseClass();
  const path = join(folder, LOCK_FILE);
  await createOnce(path, folder);
  const database = await take(Database, path, folder);
  const holder = join(folder, HOLDER_FILE);
  await writeFile(holder, `${JSON.stringify({ pid: process.pid, sinceMs: Date.now(), title: process.title })}\n`, { mode: 0o600 }).catch(
    ignoreAdvisory,
  );
  let released: Promise<void> | undefined;
  return {
    release: () =>
      (released ??= (async () => {
        await rm(holder, { force: true }).catch(ignoreAdvisory);
        database.close();
      })()),
  };
}

/** The file must exist before SQLite opens it, so that it gets our mode; an existing one must not be opened. */
async function createOnce(path: string, folder: string): Promise<void> {
  try {
    await (await open(path, "wx", 0o600)).close();
  } catch (error) {
    if (!hasSystemCode(error, "EEXIST")) throw fileError(error, `lock the folder ${folder}`);
  }
}

/** Looked up when it is needed: an older Node without it can then be told what it lacks, instead of failing to import anything of ours. */
function databaseClass(): typeof DatabaseSync {
  const sqlite = process.getBuiltinModule?.("node:sqlite");
  if (sqlite === undefined)
    throw new PerdureError("bad-argument", `Perdure needs Node 24 or newer; this is ${process.version}`, {
      hint: "Run it with a newer Node; the command `npx perdure` brings one by itself.",
    });
  return sqlite.DatabaseSync;
}

async function take(Database: typeof DatabaseSync, path: string, folder: string): Promise<DatabaseSync> {
  let database: DatabaseSync | undefined;
  try {
    database = new Database(path, { timeout: 0 });
    database.exec(`PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ${PROVE_WRITABLE}`);
    return database;
  } catch (error) {
    database?.close();
    if (isBusy(error)) throw await inUse(folder, error);
    throw await notLockable(path, folder, error);
  }
}

function isBusy(error: unknown): boolean {
  const resultCode = typeof error === "object" && error !== null && "errcode" in error ? Number(error.errcode) & 0xff : 0;
  return resultCode === SQLITE_BUSY || resultCode === SQLITE_LOCKED;
}

async function inUse(folder: string, cause: unknown): Promise<PerdureError> {
  const holder = await readHolder(folder);
  return new PerdureError("folder-in-use", `another process has the folder ${folder}${holder === undefined ? "" : `: ${holder}`}`, {
    retry: "after",
    hint: "Stop that process, or choose another folder.",
    cause,
  });
}

async function readHolder(folder: string): Promise<string | undefined> {
  try {
    const { pid, sinceMs, title } = JSON.parse(await readFile(join(folder, HOLDER_FILE), "utf8")) as Record<string, unknown>;
    if (typeof pid !== "number" || typeof sinceMs !== "number") return undefined;
    return `process ${pid}${typeof title === "string" ? ` (${title})` : ""}, since ${new Date(sinceMs).toISOString()}`;
  } catch {
    return undefined;
  }
}

/** SQLite says little about why; whether we may write says the rest. */
async function notLockable(path: string, folder: string, cause: unknown): Promise<PerdureError> {
  try {
    await access(path, constants.W_OK);
  } catch (error) {
    return fileError(error, `lock the folder ${folder}`);
  }
  return new PerdureError("disk-failed", `could not lock the folder ${folder}`, {
    retry: "never",
    hint: "Its file system may not support locks (some network disks do not); choose a local disk.",
    cause,
  });
}

/** A folder that cannot take the note is still locked; who asks is then told less. */
function ignoreAdvisory(): void {}
