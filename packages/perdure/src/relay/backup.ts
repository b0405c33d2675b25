/**
 * Copies the folder of a relay, beside the running one or while none runs, into a backup: wire/relay-backup.ts says what that is.
 *
 * The relay begins a new file of its log and keeps the ones before it as they are until it is told that they are copied. So the backup
 * is the relay as it was at that moment, with all it had acknowledged. Files are copied, never linked: a file of the log is used again.
 * Whoever dies in the middle leaves the backup before as it was: new files get their names when they are whole, and backup.json comes last.
 */
import { throwIfAborted } from "../host/deadline.ts";
import type { FolderLock, OpenFile } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { readShown } from "../identity/custody.ts";
import { readIdentity } from "../identity/verify.ts";
import { readWhole, replaceFile } from "../identity/whole-file.ts";
import { FIXED } from "../settings/fixed.ts";
import { recoverLog } from "../store/log/recover-log.ts";
import { decodeSegmentHeader, SECTOR_BYTES, segmentName } from "../store/log/segment-format.ts";
import { concat, equalBytes, hex, utf8 } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { AgentId } from "../wire/ids.ts";
import type { HeldMoment } from "../wire/owner-calls.ts";
import {
  BACKUP_FILE,
  BACKUP_PIECE_BYTES,
  type BackupList,
  type BackupPart,
  decodeBackupList,
  encodeBackupList,
  MAX_BACKUP_FILE_BYTES,
  UNFINISHED_FILE,
} from "../wire/relay-backup.ts";
import { askRelay } from "./owner-socket.ts";

export interface BackUp {
  readonly host: Pick<Host, "files" | "crypto" | "clock" | "net">;
  readonly folder: string;
  /** Empty, or holding a backup of the same relay. */
  readonly to: string;
  readonly signal?: AbortSignal;
  /** Told now and then how many bytes were copied so far, of how many at most. */
  readonly progress?: (bytes: number, of: number) => void;
}

export interface BackupReport {
  readonly relay: AgentId;
  readonly number: number;
  readonly takenAtMs: number;
  /** Files of the log, and bytes of them that count. */
  readonly segments: number;
  readonly bytes: number;
  /** What of that had to be copied. */
  readonly copied: number;
  readonly copiedBytes: number;
}

/** What a relay keeps beside its log, in its folder; what is missing is left out. */
const STATE_FILES: readonly string[] = [
  "identity/keys.cbor",
  "owner-token",
  "settings",
  "listens-at",
  "limits.json",
  "incidents/ledger.jsonl",
];
/** Of a file that may have been copied before, so much of its beginning and of its end is looked at. */
const ALIKE_BYTES = 64 * 1024;
/** Of the lock of the folder the backup is in. */
const LOCK_FILES: readonly string[] = ["lock", "holder.json"];
const MAX_STATE_BYTES = 64 * 1024 * 1024;

/** The log at one moment, which stays as it is until it is released. */
interface Moment {
  readonly segments: HeldMoment["segments"];
  /** Throws when it is over. */
  keep(): Promise<void>;
  /** The same, whenever it was asked last: what was copied until now was as it was at that moment. */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Makes a backup. Throws `bad-argument` when `to` holds something else, `folder-in-use` while another is made there, `not-found` where no relay
 * is, `aborted`, what the owner's socket and the disk say.
 */
export async function backUp(options: BackUp): Promise<BackupReport> {
  const { host, folder, to } = options;
  const relay = await ownerOf(host, folder);
  await mustBeOurs(options, relay, await readBackupList(host, to));
  const alone = await lockOf(options);
  try {
    return await copyInto(options, relay);
  } finally {
    await alone?.release();
  }
}

async function copyInto(options: BackUp, relay: AgentId): Promise<BackupReport> {
  const { host, folder, to, signal } = options;
  const { files } = host;
  const before = await readBackupList(host, to);
  const moment = await momentOf(options);
  try {
    const takenAtMs = host.clock.wallMs();
    const number = (before?.number ?? 0) + 1;
    await replaceFile(files, `${to}/${UNFINISHED_FILE}`, utf8(`${relay}\n`));
    const logId = await logIdIn(host, folder, moment.segments.at(-1)?.segment);
    const known = new Map(before?.logId === logId ? before.segments.map((part) => [part.path, part]) : []);
    const segments: BackupPart[] = [];
    let [copied, copiedBytes] = [0, 0];
    const all = moment.segments.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { segment, bytes } of moment.segments) {
      throwIfAborted(signal, "the backup");
      await moment.keep();
      const path = `log/${segmentName(segment)}`;
      const same = known.get(path);
      if (same?.bytes === bytes && (await isAlike(host, `${folder}/${path}`, `${to}/${path}`, bytes))) segments.push(same);
      else {
        const done = copiedBytes;
        segments.push(
          await copyFile(host, `${folder}/${path}`, `${to}/${path}`, path, bytes, async (more) => {
            throwIfAborted(signal, "the backup");
            options.progress?.(done + more, all);
            await moment.keep();
          }),
        );
        copied++;
        copiedBytes += bytes;
      }
    }
    // A relay that was started again meanwhile holds nothing, and may have used a file once more that was being copied.
    await moment.confirm();
    const state: BackupPart[] = [];
    for (const path of STATE_FILES) {
      // Another file may come into its place at any time: it is read at once.
      const bytes = await readWhole(files, `${folder}/${path}`, MAX_STATE_BYTES);
      if (bytes === undefined) continue;
      await replaceFile(files, `${to}/state-${number}/${path}`, bytes);
      state.push({ path, bytes: bytes.length, digest: digestOf(host, bytes) });
    }
    const list: BackupList = { relay, number, takenAtMs, logId, segments, state };
    await replaceFile(files, `${to}/${BACKUP_FILE}`, encodeBackupList(list));
    await removeOld(host, to, before, list);
    await files.remove(`${to}/${UNFINISHED_FILE}`);
    return { relay, number, takenAtMs, segments: segments.length, bytes: all, copied, copiedBytes };
  } finally {
    await moment.release();
  }
}

/** The list of a backup; `undefined` where there is none that is whole. */
export async function readBackupList({ files }: Pick<Host, "files">, from: string): Promise<BackupList | undefined> {
  const bytes = await readWhole(files, `${from}/${BACKUP_FILE}`, MAX_BACKUP_FILE_BYTES);
  return bytes === undefined ? undefined : decodeBackupList(bytes);
}

/**
 * Copies the first `bytes` of a file; the copy gets its name when it is durable. Throws `not-found` for a file that is gone or shorter.
 * `step` is told the bytes copied so far.
 */
export async function copyFile(
  { files, crypto }: Pick<Host, "files" | "crypto">,
  from: string,
  to: string,
  path: string,
  bytes: number,
  step: (bytes: number) => Promise<void>,
): Promise<BackupPart> {
  const aside = `${to}.part`;
  const { sha256 } = crypto.hash;
  let digest: Uint8Array = new Uint8Array(32);
  await files.remove(aside);
  const source = await files.open(from, "read");
  try {
    const target = await files.open(aside, "write");
    try {
      for (let at = 0; at < bytes; ) {
        const piece = await source.read(at, Math.min(BACKUP_PIECE_BYTES, bytes - at));
        if (piece.length === 0) throw new PerdureError("not-found", `${from} ends at ${at}, and ${bytes} bytes of it are needed`);
        digest = sha256(concat(digest, piece));
        await target.write(at, piece);
        at += piece.length;
        await step(at);
      }
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await closeQuietly(source);
  }
  await files.rename(aside, to);
  return { path, bytes, digest: hex(digest) };
}

async function ownerOf({ files, crypto, clock }: BackUp["host"], folder: string): Promise<AgentId> {
  const shown = await readShown(files, crypto.hash, folder);
  if (shown === undefined) throw new PerdureError("not-found", `there is no relay in ${folder}`, { hint: "Name its folder with --at." });
  return (await readIdentity(crypto, shown.bundle, clock.wallMs())).id;
}

async function mustBeOurs({ host, folder, to }: BackUp, relay: AgentId, before: BackupList | undefined): Promise<void> {
  const refuse = (why: string): never => {
    throw new PerdureError("bad-argument", `${to} ${why}`, { hint: "Name an empty folder, or one with a backup of this relay." });
  };
  if (to === folder) refuse("is the folder of the relay itself");
  if (before !== undefined) {
    if (before.relay !== relay) refuse(`holds a backup of another relay, ${before.relay}`);
    return;
  }
  const here = (await host.files.list(to)).filter((name) => !LOCK_FILES.includes(name));
  const log = await host.files.list(`${to}/log`);
  if (here.includes(UNFINISHED_FILE) || (here.length === 0 && log.length === 0)) return;
  // A first backup that ended before it said so.
  if (here.every((name) => name.startsWith(UNFINISHED_FILE)) && log.length === 0) return;
  refuse("holds something that is no backup");
}

/** Two that copy into one folder would take files from under each other, and both say that they are whole. */
async function lockOf({ host, to }: BackUp): Promise<FolderLock | undefined> {
  return await host.files.lock(to).catch((error: unknown) => {
    if (!isPerdureError(error) || error.code !== "disk-failed") throw error;
    // A file system that knows no locks, as some network disks: it is for whoever calls this to do it once at a time.
    return undefined;
  });
}

async function momentOf(options: BackUp): Promise<Moment> {
  const { host, folder, signal } = options;
  try {
    const held = (await askRelay(host, folder, { name: "backup-begin" }, signal)) as HeldMoment;
    let renewedAtMs = host.clock.monotonicMs();
    const confirm = async (): Promise<void> => {
      const now = host.clock.monotonicMs();
      await askRelay(host, folder, { name: "backup-renew", id: held.id }, signal);
      renewedAtMs = now;
    };
    return {
      segments: held.segments,
      keep: async () => {
        if (host.clock.monotonicMs() >= renewedAtMs + FIXED.backupLeaseMs.value / 4) await confirm();
      },
      confirm,
      // A relay that is gone holds nothing.
      release: async () => void (await askRelay(host, folder, { name: "backup-end", id: held.id }).catch(() => undefined)),
    };
  } catch (error) {
    if (!isPerdureError(error) || error.code !== "relay-unreachable") throw error;
  }
  const { files, crypto } = host;
  const lock = await files.lock(folder);
  try {
    const ignore = (): void => {};
    const found = await recoverLog({
      files,
      crc32: crypto.hash.crc32,
      folder: `${folder}/log`,
      magic: "relay",
      replay: ignore,
      onRecord: ignore,
      onDamage: ignore,
    });
    return {
      segments: found.segments.map(({ segment, end }) => ({ segment, bytes: end })),
      keep: async () => {},
      confirm: async () => {},
      release: () => lock.release(),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function logIdIn({ files }: BackUp["host"], folder: string, newest: number | undefined): Promise<string> {
  if (newest === undefined) throw new PerdureError("not-found", `there is no log in ${folder}`, { hint: "Start the relay once." });
  const header = decodeSegmentHeader((await readWhole(files, `${folder}/log/${segmentName(newest)}`, SECTOR_BYTES)) ?? new Uint8Array(0));
  if (typeof header === "string") throw new PerdureError("log-damaged", `${folder}/log/${segmentName(newest)} begins with no header`);
  return hex(header.logId);
}

/**
 * Whether a file of the log was copied before. Under one number a relay that was put back from a backup writes another file than it did
 * before: their ends differ, where the newest records are, or their beginnings.
 */
async function isAlike({ files }: Pick<Host, "files">, one: string, other: string, bytes: number): Promise<boolean> {
  const opened: OpenFile[] = [];
  try {
    for (const path of [one, other]) opened.push(await files.open(path, "read"));
    for (const at of [0, Math.max(0, bytes - ALIKE_BYTES)]) {
      const [a, b] = await Promise.all(opened.map((file) => file.read(at, Math.min(ALIKE_BYTES, bytes - at))));
      if (a === undefined || b === undefined || !equalBytes(a, b)) return false;
    }
    return true;
  } catch (error) {
    if (isPerdureError(error) && error.code === "not-found") return false;
    throw error;
  } finally {
    for (const file of opened) await closeQuietly(file);
  }
}

function digestOf({ crypto }: Pick<Host, "crypto">, bytes: Uint8Array): string {
  let digest: Uint8Array = new Uint8Array(32);
  for (let at = 0; at < bytes.length; at += BACKUP_PIECE_BYTES)
    digest = crypto.hash.sha256(concat(digest, bytes.subarray(at, at + BACKUP_PIECE_BYTES)));
  return hex(digest);
}

/** What it was only read from. */
async function closeQuietly(file: OpenFile): Promise<void> {
  await file.close().catch(() => {});
}

async function removeOld({ files }: BackUp["host"], to: string, before: BackupList | undefined, list: BackupList): Promise<void> {
  const needed = new Set(list.segments.map(({ path }) => path));
  for (const name of await files.list(`${to}/log`)) if (!needed.has(`log/${name}`)) await files.remove(`${to}/log/${name}`);
  for (const { path } of before?.state ?? []) await files.remove(`${to}/state-${before?.number}/${path}`);
}
