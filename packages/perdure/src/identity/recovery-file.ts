/**
 * Recovery files on a disk: read, and written so that no file is replaced that somebody may still need. A file counts as there
 * once it was read back and the key in it has signed.
 */
import type { Crypto, Hash, SigningKey } from "../host/crypto.ts";
import type { Files } from "../host/files.ts";
import type { Random } from "../host/random.ts";
import { type Bytes, concat, fromUtf8, utf8 } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { LogState } from "./agent-log.ts";
import { nextPosition } from "./key-chain.ts";
import { formatRecovery, openChain, parseRecovery, type Recovery } from "./recovery.ts";
import { readWhole, replaceFile } from "./whole-file.ts";

const RECOVERY_BYTES = 16 * 1024;
const CHALLENGE_BYTES = 32;
/** Before a challenge, so that signing one is of no use for anything else. */
const PROOF_DOMAIN = utf8("perdure/key-proof/1");

/** Reads a recovery file; `not-found`, `malformed`, `needs-older-version`. Whether it belongs to an agent is for `openChain` to say. */
export async function readRecoveryFile(files: Files, hash: Hash, path: string): Promise<Recovery> {
  const bytes = await readWhole(files, path, RECOVERY_BYTES);
  if (bytes === undefined)
    throw new PerdureError("not-found", `there is no recovery file at ${path}`, { hint: "Name it with --recovery <file>." });
  return parseRecovery(hash, pageText(bytes));
}

export interface RecoveryToKeep {
  readonly files: Files;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly path: string;
  readonly content: Recovery;
  readonly name: string | undefined;
  /** What the page shall open. */
  readonly log: LogState;
}

/** Writes a recovery file where {@link clearPlace} made room, durable and proven when it resolves. `disk-failed` when it does not read back. */
export async function keepRecoveryFile({ files, crypto, random, path, content, name, log }: RecoveryToKeep): Promise<void> {
  await replaceFile(files, path, utf8(formatRecovery(crypto.hash, content, name)));
  try {
    const chain = await openChain(crypto, await readRecoveryFile(files, crypto.hash, path), log);
    await proveKey(crypto, random, chain.keyAt(nextPosition(log)));
  } catch (cause) {
    throw new PerdureError("disk-failed", `the recovery file at ${path} does not read back as written`, {
      cause,
      hint: "Choose another place for it.",
    });
  }
}

/**
 * Makes room for a recovery file: what is there is removed when it is the page of an attempt that came to nothing. `bad-argument` when
 * it is anything else.
 */
export async function clearPlace(files: Files, hash: Hash, path: string, isLeftOver: (page: Recovery) => Promise<boolean>): Promise<void> {
  const there = await readWhole(files, path, RECOVERY_BYTES);
  if (there === undefined) return;
  const page = parsePage(hash, there);
  if (page === undefined || !(await isLeftOver(page)))
    throw new PerdureError("bad-argument", `there is a file at ${path} already`, {
      hint: "It may be a recovery file somebody needs. Choose another path.",
    });
  await files.remove(path);
}

/** Lets a key sign something fresh; throws `key-damaged` unless it can. */
export async function proveKey(crypto: Crypto, random: Random, key: SigningKey): Promise<void> {
  const challenge = concat(PROOF_DOMAIN, random.bytes(CHALLENGE_BYTES));
  const signature = await crypto.signatures.sign(key, challenge);
  if (!(await crypto.signatures.verify(key.publicKey, challenge, signature)))
    throw new PerdureError("key-damaged", "the next control key does not sign what it should");
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
