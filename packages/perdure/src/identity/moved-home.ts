/**
 * Which certificates were in use before the agent's last move to another home: whatever was sealed under them carries a record that
 * names the home of then.
 */
import { type Bytes, equalBytes } from "../wire/bytes.ts";
import type { KeptIdentity } from "../wire/kept-identity.ts";

/** Extension of a kept identity: SHA-256 of the first certificate of the home it has. */
const FIRST_HERE = 3;

export function noteMoved(kept: KeptIdentity, certificate: Bytes): KeptIdentity {
  const others = kept.extensions.filter(({ code }) => code !== FIRST_HERE);
  return { ...kept, extensions: [...others, { code: FIRST_HERE, bytes: certificate }].sort((a, b) => a.code - b.code) };
}

/** Whether the certificate of that hash is older than the last move; `hashes` are those of the agent, oldest first. */
export function isBeforeMove({ extensions }: Pick<KeptIdentity, "extensions">, hashes: readonly Bytes[], hash: Bytes): boolean {
  const first = extensions.find(({ code }) => code === FIRST_HERE)?.bytes;
  if (first === undefined) return false;
  return hashes.slice(0, Math.max(0, indexOf(hashes, first))).some((each) => equalBytes(each, hash));
}

function indexOf(hashes: readonly Bytes[], hash: Bytes): number {
  return hashes.findIndex((each) => equalBytes(each, hash));
}
