/** Who signed a handshake: one of the instances the peer's bundle certifies, for the right purpose, valid now. */
import type { Crypto } from "../../host/crypto.ts";
import { certifiedInstance } from "../../identity/certificate.ts";
import type { VerifiedIdentity } from "../../identity/verify.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Certificate } from "../../wire/identity.ts";

/** The certificate whose key made `signature`; `certificate-expired` or `instance-revoked` when only a void one could have, else `bad-handshake`. */
export async function handshakeSigner(
  crypto: Crypto,
  peer: VerifiedIdentity,
  scope: "mail" | "relay",
  signed: Bytes,
  signature: Bytes,
  nowMs: number,
): Promise<Certificate> {
  for (const each of peer.certificates) {
    if (!(await crypto.signatures.verify(each.instanceKey, signed, signature))) continue;
    return certifiedInstance(peer, each.instanceKey, scope, nowMs);
  }
  throw new PerdureError("bad-handshake", `none of the instances of ${peer.id} signed this handshake`, {
    hint: "The other side is not who it says it is, or somebody in between changed what was sent.",
  });
}
