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
import type { KeptIdentity, NextSecret } from "../wire/kept-identity.ts";
import type { LogState } from "./agent-log.ts";
import { verifyRecovery } from "./recovery.ts";
import { readRecoveryFile } from "./recovery-file.ts";

type Machine = Pick<Host, "files" | "crypto" | "random">;

export interface Revealed {
  readonly seed: Bytes;
  readonly key: SigningKey;
}

/** The key that `log` committed to. `bad-argument` when nobody said where it is, `not-found`, `malformed`, `wrong-recipient`, `wrong-commitment`. */
export async function revealNext(
  { files, crypto }: Machine,
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
  return { seed: secret.seed, key: await crypto.signatures.load(secret.seed) };
}

/** A new secret for the key after next. */
export function drawNext({ random }: Pick<Machine, "random">): NextSecret {
  return { seed: random.bytes(32), recoverySalt: random.bytes(32) };
}
