/**
 * What lies in a backup of a relay's folder:
 *
 *   backup.json                      what it consists of; written last, so that a backup without it is none
 *   unfinished                       one was begun and has not ended; the one that backup.json tells of stays whole meanwhile
 *   log/000001.log, …                files of the log: as much of each as backup.json says counts, what lies behind does not
 *   state-<number>/…                 the other files, as of that backup
 *   lock, holder.json                of whoever makes one
 *
 * A digest is SHA-256 over the digest before it and the next piece, from 32 zero bytes on.
 */
import { type Bytes, fromUtf8, utf8 } from "./bytes.ts";
import { PerdureError } from "./error.ts";
import { isAgentId } from "./ids.ts";
import { otherVersion } from "./version.ts";

export const BACKUP_VERSION = 1;
export const BACKUP_FILE = "backup.json";
export const UNFINISHED_FILE = "unfinished";
/** Bytes of one step of a digest. */
export const BACKUP_PIECE_BYTES: number = 1024 * 1024;
export const MAX_BACKUP_FILE_BYTES: number = 16 * 1024 * 1024;

/**
 * In a folder that was restored, until a relay has started there: how many numbers of statements it leaves out at least, because it may have
 * signed as many since the backup, and when that was made, in milliseconds since 1970. Two decimal numbers.
 */
export const RESTORED_FILE = "restored";
/** No relay signs more often than this. */
const SHORTEST_STATEMENT_MS = 10;
/** For clocks that are not quite right. */
const SPARE_STATEMENTS = 1_000_000;

/** How many statements a relay may have signed since it was copied. */
function statementsSince(takenAtMs: number, nowMs: number): number {
  return Math.ceil(Math.max(0, nowMs - takenAtMs) / SHORTEST_STATEMENT_MS) + SPARE_STATEMENTS;
}

export function encodeRestored(takenAtMs: number, nowMs: number): Bytes {
  return utf8(`${statementsSince(takenAtMs, nowMs)} ${takenAtMs}\n`);
}

/** How many numbers a relay leaves out that starts at `nowMs`: what the backup was made of may have run until then. `undefined` for other text. */
export function decodeRestored(bytes: Bytes, nowMs: number): number | undefined {
  const [, least, takenAtMs] = /^(\d{1,15}) (\d{1,16})\n$/.exec(fromUtf8(bytes)) ?? [];
  return least === undefined ? undefined : Math.max(Number(least), statementsSince(Number(takenAtMs), nowMs));
}

export interface BackupPart {
  /** In the relay's folder. */
  readonly path: string;
  /** So much of it counts. */
  readonly bytes: number;
  readonly digest: string;
}

export interface BackupList {
  /** `ag1…` */
  readonly relay: string;
  /** From 1, one more with each backup into the same folder. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly takenAtMs: number;
  /** Of the log, by 16 hexadecimal digits. */
  readonly logId: string;
  readonly segments: readonly BackupPart[];
  readonly state: readonly BackupPart[];
}

export function encodeBackupList(list: BackupList): Bytes {
  return utf8(`${JSON.stringify({ version: BACKUP_VERSION, ...list }, undefined, 1)}\n`);
}

/** `malformed`, `needs-newer-version`. */
export function decodeBackupList(bytes: Bytes): BackupList {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw new PerdureError("malformed", `${BACKUP_FILE} is not JSON`, { cause });
  }
  if (!isRecord(value)) malformed();
  const { version, relay, number, takenAtMs, logId, segments, state } = value;
  if (version !== BACKUP_VERSION)
    throw otherVersion({
      what: "the backup",
      found: Number(version),
      own: BACKUP_VERSION,
      older: "Restore it with the version that made it.",
    });
  if (typeof relay !== "string" || !isAgentId(relay) || typeof logId !== "string" || !/^[0-9a-f]{16}$/.test(logId)) malformed();
  if (!isWhole(number) || !isWhole(takenAtMs)) malformed();
  return { relay, number, takenAtMs, logId, segments: partsOf(segments), state: partsOf(state) };
}

function partsOf(value: unknown): readonly BackupPart[] {
  if (!Array.isArray(value)) malformed();
  return value.map((each: unknown): BackupPart => {
    if (!isRecord(each)) malformed();
    const { path, bytes, digest } = each;
    // A path that leads out of the folder would be written to at a restore.
    if (typeof path !== "string" || !/^[a-z0-9]+([-./][a-z0-9]+)*$/.test(path) || path.includes("..")) malformed();
    if (!isWhole(bytes) || typeof digest !== "string" || !/^[0-9a-f]{64}$/.test(digest)) malformed();
    return { path, bytes, digest };
  });
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(): never {
  throw new PerdureError("malformed", `${BACKUP_FILE} does not say what a backup consists of`);
}
