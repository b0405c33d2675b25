/**
 * Custody: where an agent's secrets lie.
 *
 *   <folder>/identity/keys.cbor       everything daily work needs; see wire/kept-identity.ts
 *   <folder>/identity/keys.cbor.new   a write that did not finish; never read as an identity
 *   the recovery file                 custody `split` only: the next control key, wherever the owner said
 *
 * The rename onto keys.cbor is the moment an identity begins to exist. A recovery file is in place and read back before
 * it, so no identity exists whose next key nobody has.
 */

import type { Crypto, Hash } from "../host/crypto.ts";
import type { Files } from "../host/files.ts";
import { type Bytes, concat, equalBytes, fromUtf8, utf8 } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { agentIdText } from "../wire/ids.ts";
import { KEPT_IDENTITY_DOMAIN, KEPT_IDENTITY_PREFIX, type KeptIdentity, keptIdentity } from "../wire/kept-identity.ts";
import { FOLDER_OF_OLDER, otherVersion, versionIn } from "../wire/version.ts";
import { verifyLog } from "./agent-log.ts";
import { formatRecovery, parseRecovery, type Recovery, verifyRecovery } from "./recovery.ts";
import { asidePath, readWhole, replaceFile, writeAside } from "./whole-file.ts";

const CHECKSUM_BYTES = 32;
const KEPT_BYTES = 512 * 1024 + CHECKSUM_BYTES;
const RECOVERY_BYTES = 16 * 1024;

/** The file an agent's or relay's identity lies in. */
export function identityPath(folder: string): string {
  return `${folder}/identity/keys.cbor`;
}

/** Reads the identity of a folder; `undefined` when there is none, `key-damaged` when it cannot be read as one. */
export async function readKept(files: Files, hash: Hash, folder: string): Promise<KeptIdentity | undefined> {
  return await readKeptFile(files, hash, identityPath(folder));
}

/** Atomically replaces the identity of a folder. */
export async function writeKept(files: Files, hash: Hash, folder: string, kept: KeptIdentity): Promise<void> {
  await replaceFile(files, identityPath(folder), sealKept(hash, kept));
}

export interface FirstKeep {
  readonly files: Files;
  readonly crypto: Crypto;
  readonly folder: string;
  readonly kept: KeptIdentity;
  /** Custody `split`: where the recovery file goes and what it says. */
  readonly recovery: { readonly path: string; readonly content: Recovery; readonly name: string | undefined } | undefined;
}

/** Keeps a new identity, recovery file first. Interrupted at any point, it leaves no identity and can be tried again. */
export async function keepFirst({ files, crypto, folder, kept, recovery }: FirstKeep): Promise<void> {
  const path = identityPath(folder);
  if (recovery !== undefined) await refuseForeignRecovery(files, crypto, recovery.path, path);
  await writeAside(files, path, sealKept(crypto.hash, kept));
  if (recovery !== undefined) {
    await replaceFile(files, recovery.path, utf8(formatRecovery(crypto.hash, recovery.content, recovery.name)));
    await readBack(files, crypto, recovery.path, kept);
  }
  await files.rename(asidePath(path), path);
}

/** Reads a recovery file and proves that it belongs to the agent with this log. */
export async function readRecovery(files: Files, crypto: Crypto, path: string, log: readonly Bytes[]): Promise<Recovery> {
  const bytes = await readWhole(files, path, RECOVERY_BYTES);
  if (bytes === undefined) throw new PerdureError("not-found", `there is no recovery file at ${path}`);
  const recovery = parseRecovery(crypto.hash, pageText(bytes));
  await verifyRecovery(crypto, recovery, await verifyLog(crypto, log));
  return recovery;
}

async function readBack(files: Files, crypto: Crypto, path: string, kept: KeptIdentity): Promise<void> {
  try {
    await readRecovery(files, crypto, path, kept.log);
  } catch (cause) {
    throw new PerdureError("disk-failed", `the recovery file at ${path} does not read back as written`, {
      cause,
      hint: "Choose another place for it.",
    });
  }
}

/** An existing file may be replaced only when it belongs to an attempt in this folder that never became an identity. */
async function refuseForeignRecovery(files: Files, crypto: Crypto, path: string, keysPath: string): Promise<void> {
  const there = await readWhole(files, path, RECOVERY_BYTES);
  if (there === undefined) return;
  const unfinished = await readKeptFile(files, crypto.hash, asidePath(keysPath)).catch(ignoreDamage);
  if (unfinished !== undefined) {
    const { idRaw } = await verifyLog(crypto, unfinished.log);
    const page = parsePage(crypto.hash, there);
    if (page?.agentId === agentIdText(idRaw)) return;
  }
  throw new PerdureError("bad-argument", `there is a file at ${path} already`, {
    hint: "It may be another agent's recovery file. Choose another path.",
  });
}

function parsePage(hash: Hash, bytes: Bytes): Recovery | undefined {
  try {
    return parseRecovery(hash, pageText(bytes));
  } catch (error) {
    if (isPerdureError(error)) return undefined;
    throw error;
  }
}

function pageText(bytes: Bytes): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new PerdureError("malformed", "recovery file: it is not text", { cause });
  }
}

function ignoreDamage(error: unknown): undefined {
  if (isPerdureError(error) && error.code === "key-damaged") return undefined;
  throw error;
}

function sealKept(hash: Hash, kept: KeptIdentity): Bytes {
  const encoded = keptIdentity.encode(kept);
  return concat(encoded, hash.sha256(concat(KEPT_IDENTITY_DOMAIN, encoded)));
}

async function readKeptFile(files: Files, hash: Hash, path: string): Promise<KeptIdentity | undefined> {
  const whole = await readWhole(files, path, KEPT_BYTES);
  if (whole === undefined) return undefined;
  const encoded = whole.subarray(0, Math.max(0, whole.length - CHECKSUM_BYTES));
  if (!equalBytes(whole.subarray(encoded.length), hash.sha256(concat(KEPT_IDENTITY_DOMAIN, encoded)))) {
    // A whole identity of another version has that version's checksum.
    const version = versionIn(encoded);
    const domain = utf8(`${KEPT_IDENTITY_PREFIX}${version}`);
    if (version !== undefined && equalBytes(whole.subarray(encoded.length), hash.sha256(concat(domain, encoded))))
      throw otherVersion({ what: `the identity in ${path}`, found: version, older: FOLDER_OF_OLDER });
    throw damaged(path, "its checksum is wrong");
  }
  try {
    return keptIdentity.decode(encoded);
  } catch (cause) {
    if (isPerdureError(cause) && cause.code === "needs-newer-version") throw cause;
    throw damaged(path, "it cannot be read", cause);
  }
}

function damaged(path: string, why: string, cause?: unknown): PerdureError {
  return new PerdureError("key-damaged", `the identity in ${path} is damaged: ${why}`, {
    cause,
    hint: "Put the file back from a backup; nothing was changed.",
  });
}
