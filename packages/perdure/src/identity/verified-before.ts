/** Bundles that were verified when they came: read again without verifying each signature again. */
import type { Crypto } from "../host/crypto.ts";
import type { Bytes } from "../wire/bytes.ts";
import { identityBundle, signedEvent } from "../wire/identity.ts";
import { type VerifiedIdentity, verifyBundle } from "./verify.ts";

/**
 * What {@link verifyBundle} says of a bundle whose bytes were verified before, by whoever calls: signatures are taken for good, and only
 * what depends on the time is judged anew. Throws as that does.
 */
export async function readVerified(crypto: Crypto, bundle: Bytes, nowMs: number, expectId: Bytes): Promise<VerifiedIdentity> {
  const signatures = { ...crypto.signatures, verify: async () => true };
  return await verifyBundle({ ...crypto, signatures }, bundle, nowMs, expectId);
}

/** Number and SHA-256 of the newest event of the log in a bundle. */
export function headOf({ hash }: Pick<Crypto, "hash">, bundle: Bytes): { readonly logSeq: number; readonly logHead: Bytes } {
  const { log } = identityBundle.decode(bundle);
  const newest = signedEvent.decode(log.at(-1) as Bytes).event;
  return { logSeq: log.length - 1, logHead: hash.sha256(newest) };
}
