/**
 * The next control key: where it lies, how it is taken out, and how the one after it is put away.
 *
 * What must hold: before an event that names the key after next can leave this machine, that key is durable, was read back and has
 * signed. So there is no moment at which the log commits to a key that nobody has.
 */
import type { SigningKey } from "../host/crypto.ts";
import type { Host } from "../host/host.ts";
import type { Bytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdText } from "../wire/ids.ts";
import type { Custody, KeptIdentity, NextSecret } from "../wire/kept-identity.ts";
import type { LogState } from "./agent-log.ts";
import { verifyRecovery } from "./recovery.ts";
import { readRecoveryFile } from "./recovery-file.ts";

type Machine = Pick<Host, "files" | "crypto" | "random">;

export interface Revealed {
  /** What this machine finds the key by. */
  readonly seed: Bytes;
  readonly key: SigningKey;
}

/** The key that `log` committed to. `bad-argument` when nobody said where it is, `not-found`, `malformed`, `wrong-recipient`, `wrong-commitment`. */
export async function revealNext(
  { files, crypto, random }: Machine,
  kept: Pick<KeptIdentity, "next">,
  log: LogState,
  recoveryPath: string | undefined,
): Promise<Revealed> {
  const inFolder = kept.next === undefined ? undefined : { ...kept.next, agentId: agentIdText(log.idRaw) };
  const secret = recoveryPath === undefined ? inFolder : await readRecoveryFile(files, crypto.hash, recoveryPath);
  if (secret === undefined)
    throw new PerdureError("bad-argument", "the next control key of this agent is in its recovery file and nowhere else", {
      hint: "Name that file with --recovery <file>.",
    });
  await verifyRecovery(crypto, secret, log);
  // From here on it is a key of daily work, and lies where this machine keeps those.
  const isPage = recoveryPath !== undefined;
  const seed = isPage && crypto.keyStore !== undefined ? await crypto.keyStore.takeIn(secret.seed, random) : secret.seed;
  return { seed, key: await crypto.signatures.load(seed) };
}

/** A new secret for the key after next: one that stays in the folder as this machine keeps keys, one for a page as plain bytes. */
export async function drawNext({ crypto, random }: Omit<Machine, "files">, custody: Custody): Promise<NextSecret> {
  const seed = custody === "together" ? (await crypto.signatures.create(random)).kept : random.bytes(32);
  return { seed, recoverySalt: random.bytes(32) };
}
