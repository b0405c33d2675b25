/** Notices: a relay's signed word on one message it had taken, for the message's sender. */

import type { Crypto } from "../host/crypto.ts";
import type { Bytes } from "../wire/bytes.ts";
import { equalBytes, hex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { toBeSigned } from "../wire/identity.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { NOTICE_OUTCOMES, type Notice, notice, signedNotice } from "../wire/statement.ts";
import { otherVersion, PEER_OF_OLDER } from "../wire/version.ts";
import { certifiedInstance } from "./certificate.ts";
import type { OwnIdentity } from "./own-identity.ts";
import type { VerifiedIdentity } from "./verify.ts";

/** The body of a notice envelope, signed by this relay's instance. */
export async function signNotice({
  crypto,
  own,
  notice: said,
}: {
  readonly crypto: Crypto;
  readonly own: OwnIdentity;
  readonly notice: Notice;
}): Promise<Bytes> {
  const encoded = notice.encode(said);
  return signedNotice.encode({ notice: encoded, signature: await crypto.signatures.sign(own.instanceKey, toBeSigned("notice", encoded)) });
}

/**
 * What a notice of `relay` says. Throws `malformed`, `needs-newer-version`, and `bad-signature`, `certificate-expired` or
 * `instance-revoked` unless an instance certified as a relay of that identity at the notice's time signed it. Whether it is about a message one has sent is the caller's to check.
 */
export async function verifyNotice({
  crypto,
  relay,
  body,
}: {
  readonly crypto: Crypto;
  readonly relay: VerifiedIdentity;
  readonly body: Bytes;
}): Promise<Notice> {
  const signed = signedNotice.decode(body);
  const said = notice.decode(signed.notice);
  if (said.version !== WIRE_VERSION) throw otherVersion({ what: "a notice", found: said.version, older: PEER_OF_OLDER });
  if (NOTICE_OUTCOMES[said.outcome] === undefined)
    throw new PerdureError("needs-newer-version", `a notice of outcome ${said.outcome} is newer`, { hint: "Update perdure." });
  if (!equalBytes(said.relayId, relay.idRaw)) throw new PerdureError("bad-signature", "the notice is of another relay");
  const judged = new Set<string>();
  for (const { instanceKey } of relay.certificates) {
    const key = hex(instanceKey);
    if (judged.has(key)) continue;
    judged.add(key);
    if (!(await crypto.signatures.verify(instanceKey, toBeSigned("notice", signed.notice), signed.signature))) continue;
    certifiedInstance(relay, instanceKey, "relay", said.timeMs);
    return said;
  }
  throw new PerdureError("bad-signature", `${relay.id} did not sign this notice`);
}
