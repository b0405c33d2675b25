/**
 * Custody: where an agent's secrets lie.
 *
 *   <folder>/identity/keys.cbor       everything daily work needs; see wire/kept-identity.ts
 *   <folder>/identity/keys.cbor.new   a write that did not finish; never read as an identity
 *   the recovery file                 custody `split` only: the secret of all next control keys, wherever the owner said
 *
 * The rename onto keys.cbor is the moment an identity begins to exist, or to be the changed one. A recovery file is in place, read
 * back, and its key has signed before it, so that there is never an identity whose next key nobody has.
 */

import type { Crypto, Hash } from "../host/crypto.ts";
import type { Files } from "../host/files.ts";
import type { Random } from "../host/random.ts";
import type { Bytes } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { identityBundle } from "../wire/identity.ts";
import { agentIdText } from "../wire/ids.ts";
import type { Custody, KeptIdentity } from "../wire/kept-identity.ts";
import { verifyLog } from "./agent-log.ts";
import { encodeBundle } from "./bundle.ts";
import { decodeKeptFile, KEPT_FILE_BYTES, type KeptFile } from "./kept-file.ts";
import { type OpenedIdentity, type SealingKey, unsealIdentity } from "./passphrase.ts";
import { openChain, type Recovery } from "./recovery.ts";
import { clearPlace, keepRecoveryFile, readRecoveryFile } from "./recovery-file.ts";
import type { Vault } from "./vault.ts";
import { asidePath, readWhole } from "./whole-file.ts";

/** The file an agent's or relay's identity lies in. */
export function identityPath(folder: string): string {
  return `${folder}/identity/keys.cbor`;
}

/** What a folder says of its identity without any passphrase. */
export interface ShownIdentity {
  readonly custody: Custody;
  /** The identity bundle as it was shown last. */
  readonly bundle: Bytes;
  readonly isSealed: boolean;
}

/** `undefined` when there is none; throws `key-damaged`, `needs-older-version`, `needs-newer-version`. */
export async function readShown(files: Files, hash: Hash, folder: string): Promise<ShownIdentity | undefined> {
  const file = await readKeptFile(files, hash, identityPath(folder));
  if (file === undefined) return undefined;
  if (file.kind === "sealed") return { custody: file.sealed.custody, bundle: file.sealed.bundle, isSealed: true };
  const { custody, log, certificates, record } = file.kept;
  return { custody, bundle: encodeBundle({ log, certificates, records: [record] }), isSealed: false };
}

/** Reads the identity of a folder that has no passphrase; `undefined` when there is none, `key-damaged`, `passphrase-required`. */
export async function readKept(files: Files, hash: Hash, folder: string): Promise<KeptIdentity | undefined> {
  const path = identityPath(folder);
  const file = await readKeptFile(files, hash, path);
  if (file?.kind === "sealed") throw new PerdureError("passphrase-required", `${path} is sealed with a passphrase`);
  return file?.kept;
}

/** As {@link readKept}, opening what is sealed; `passphrase-required`, `wrong-passphrase`. */
export async function openKept(
  files: Files,
  crypto: Crypto,
  folder: string,
  passphrase: string | undefined,
): Promise<(Pick<OpenedIdentity, "kept"> & { readonly by: SealingKey | undefined }) | undefined> {
  const path = identityPath(folder);
  const file = await readKeptFile(files, crypto.hash, path);
  if (file === undefined) return undefined;
  if (file.kind === "plain") return { kept: file.kept, by: undefined };
  if (file.sealed.purpose !== "folder")
    throw new PerdureError("bad-argument", `${path} is an export, not the file of a folder`, {
      hint: "Restore it into an empty folder: perdure id restore <file> --at <folder>.",
    });
  return await unsealIdentity(crypto, file.sealed, passphrase, path);
}

export interface FirstKeep {
  readonly files: Files;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly vault: Vault;
  readonly kept: KeptIdentity;
  readonly bundle: Bytes;
  /** Custody `split`: where the recovery file goes and what it says. */
  readonly recovery: { readonly path: string; readonly content: Recovery; readonly name: string | undefined } | undefined;
}

/** Keeps a new identity, recovery file first. Interrupted at any point, it leaves no identity and can be tried again. */
export async function keepFirst({ files, crypto, random, vault, kept, bundle, recovery }: FirstKeep): Promise<void> {
  // Before the write beside the place, which is how a page is known to be left over.
  if (recovery !== undefined) await clearPlace(files, crypto.hash, recovery.path, await leftOvers(files, crypto, vault.path));
  await vault.prepare(kept, bundle);
  if (recovery !== undefined) await keepRecoveryFile({ files, crypto, random, log: await verifyLog(crypto, kept.log), ...recovery });
  await vault.release();
}

/** Reads a recovery file and proves that it belongs to the agent with this log. */
export async function readRecovery(files: Files, crypto: Crypto, path: string, log: readonly Bytes[]): Promise<Recovery> {
  const recovery = await readRecoveryFile(files, crypto.hash, path);
  await openChain(crypto, recovery, await verifyLog(crypto, log));
  return recovery;
}

/** Pages of an attempt in this folder that never became an identity: those of the agent in the write that did not finish. */
async function leftOvers(files: Files, crypto: Crypto, path: string): Promise<(page: Recovery) => Promise<boolean>> {
  const unfinished = await readKeptFile(files, crypto.hash, asidePath(path)).catch(ignoreDamage);
  if (unfinished === undefined) return async () => false;
  const log = unfinished.kind === "plain" ? unfinished.kept.log : identityBundle.decode(unfinished.sealed.bundle).log;
  const { idRaw } = await verifyLog(crypto, log);
  return async (page) => page.agentId === agentIdText(idRaw);
}

function ignoreDamage(error: unknown): undefined {
  if (isPerdureError(error) && error.code === "key-damaged") return undefined;
  throw error;
}

async function readKeptFile(files: Files, hash: Hash, path: string): Promise<KeptFile | undefined> {
  const whole = await readWhole(files, path, KEPT_FILE_BYTES);
  return whole === undefined ? undefined : decodeKeptFile(hash, whole, path);
}
