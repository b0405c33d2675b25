/**
 * The next control key: where the secret of its chain lies, how one key is taken out, and how the chain is begun.
 *
 * What must hold: the secret is durable, was read back and its next key has signed before an inception that commits to it can leave
 * this machine. From then on nothing new has to be kept for a rotation, so there is no moment at which the log commits to a key that
 * nobody has.
 */
import type { SigningKey } from "../host/crypto.ts";
import type { Host } from "../host/host.ts";
import type { Bytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdText } from "../wire/ids.ts";
import type { Custody, KeptIdentity, NextSecret } from "../wire/kept-identity.ts";
import type { LogState } from "./agent-log.ts";
import { chainSeed, KEY_CHAIN, nextPosition } from "./key-chain.ts";
import { openChain } from "./recovery.ts";
import { proveKey, readRecoveryFile } from "./recovery-file.ts";

type Machine = Pick<Host, "files" | "crypto" | "random">;

export interface Revealed {
  /** What this machine finds the key by. */
  readonly seed: Bytes;
  readonly key: SigningKey;
  /** What it was committed to with. */
  readonly following: Bytes;
  /** What it came from: good for all that follow as well. */
  readonly secret: NextSecret;
}

/**
 * The key that `log` committed to; the one after it has signed, so there is a next one. `bad-argument` when nobody said where it is,
 * `not-found`, `malformed`, `wrong-recipient`, `wrong-commitment`, `key-damaged`.
 */
export async function revealNext(
  { files, crypto, random }: Machine,
  kept: Pick<KeptIdentity, "next">,
  log: LogState,
  recoveryPath: string | undefined,
): Promise<Revealed> {
  const secret = recoveryPath === undefined ? kept.next : await readRecoveryFile(files, crypto.hash, recoveryPath);
  if (secret === undefined) throw inRecoveryFile();
  const position = nextPosition(log);
  const chain = await openChain(crypto, { agentId: agentIdText(log.idRaw), ...secret }, log);
  await proveKey(crypto, random, chain.keyAt(position + 1));
  // From here on it is a key of daily work, and lies where this machine keeps those.
  const found = chainSeed(crypto.hash, secret.seed, position);
  const isPage = recoveryPath !== undefined;
  const seed = isPage && crypto.keyStore !== undefined ? await crypto.keyStore.takeIn(found, random) : found;
  return {
    seed,
    key: chain.keyAt(position),
    following: chain.commitmentAt(position + 1),
    secret: { seed: secret.seed, recoverySalt: secret.recoverySalt },
  };
}

/** The secret of a new chain: for the folder as this machine keeps keys, for a page as plain bytes. */
export async function drawNext({ crypto, random }: Omit<Machine, "files">, custody: Custody): Promise<NextSecret> {
  const seed = random.bytes(32);
  if (custody === "together") await keepChain(crypto, seed, undefined);
  return { seed, recoverySalt: random.bytes(32) };
}

/** The secret of a chain that was on a page, for the folder. */
export async function takeInChain({ crypto, random }: Omit<Machine, "files">, { seed, recoverySalt }: NextSecret): Promise<NextSecret> {
  if (crypto.keyStore === undefined) return { seed, recoverySalt };
  const name = random.bytes(32);
  await keepChain(crypto, name, seed);
  return { seed: name, recoverySalt };
}

/** Where keys are unreadable, all keys of a chain lie there under what would be their seeds elsewhere: new ones, or those of `seed`. */
async function keepChain({ keyStore, hash }: Machine["crypto"], name: Bytes, seed: Bytes | undefined): Promise<void> {
  await keyStore?.keepAs(
    Array.from({ length: KEY_CHAIN }, (_, index) => ({
      name: chainSeed(hash, name, index + 1),
      seed: seed === undefined ? undefined : chainSeed(hash, seed, index + 1),
    })),
  );
}

export function inRecoveryFile(): PerdureError {
  return new PerdureError("bad-argument", "the next control keys of this agent are in its recovery file and nowhere else", {
    hint: "Name that file with --recovery <file>.",
  });
}
