/**
 * The export file: everything a folder keeps of its identity, always under a passphrase, to be kept elsewhere. It has no mail and
 * no contacts. Whoever has it and the passphrase is the agent, as far as its custody goes.
 */
import type { Crypto } from "../host/crypto.ts";
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import type { Bytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { KeptIdentity } from "../wire/kept-identity.ts";
import { decodeKeptFile, encodeKeptFile, KEPT_FILE_BYTES } from "./kept-file.ts";
import type { OwnState } from "./own-state.ts";
import { costOf, newSealingKey, sealIdentity, unsealIdentity } from "./passphrase.ts";

export const EXPORT_FILE_BYTES = KEPT_FILE_BYTES;

export async function exportFile(
  { crypto, random }: Pick<Host, "crypto" | "random">,
  settings: Settings,
  { kept, bundle }: Pick<OwnState, "kept" | "bundle">,
  passphrase: string,
): Promise<Bytes> {
  if (crypto.keyStore !== undefined)
    throw new PerdureError(
      "unsupported-platform",
      "this machine keeps the agent's keys where nobody can read them, so they cannot be exported",
      {
        hint: "Rotate to keys of another machine with the recovery file instead.",
      },
    );
  const by = await newSealingKey(crypto, random, passphrase, costOf(settings));
  const sealed = await sealIdentity({ crypto, random, by, purpose: "export", kept, bundle });
  return encodeKeptFile(crypto.hash, { kind: "sealed", sealed });
}

/** Throws `key-damaged`, `bad-argument` when it is no export file, `passphrase-required`, `wrong-passphrase`. */
export async function openExportFile(crypto: Crypto, bytes: Bytes, passphrase: string | undefined, what: string): Promise<KeptIdentity> {
  const file = decodeKeptFile(crypto.hash, bytes, what);
  if (file.kind === "plain" || file.sealed.purpose !== "export")
    throw new PerdureError("bad-argument", `${what} is the file of a folder, not an export`, {
      hint: "Write an export with `perdure id export`: a copied folder is the same instance twice.",
    });
  return (await unsealIdentity(crypto, file.sealed, passphrase, what)).kept;
}
