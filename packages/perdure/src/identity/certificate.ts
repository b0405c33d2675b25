/**
 * Instance certificates: a control key says that an instance key acts for the agent, for a purpose and a time.
 * A signature of the instance is judged at the time the recipient's relay stored it, never at the time it claims.
 */
import type { Crypto, Hash, SigningKey } from "../host/crypto.ts";
import type { Bytes } from "../wire/bytes.ts";
import { equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { type Certificate, certificate, type SCOPES, signedCertificate, toBeSigned } from "../wire/identity.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import type { LogState } from "./agent-log.ts";

export type Scope = (typeof SCOPES)[number];

/** A certificate begins this long before it was made, so that peers with slow clocks take it at once. */
export const BACKDATE_MS = 10 * 60 * 1000;

export interface CertificateRequest {
  readonly crypto: Crypto;
  readonly controlKey: SigningKey;
  readonly log: LogState;
  readonly instanceKey: Bytes;
  readonly scope: Scope;
  readonly nowMs: number;
  readonly lifeMs: number;
}

/** A signed certificate from {@link BACKDATE_MS} ago until `lifeMs` from now. */
export async function signCertificate({ crypto, controlKey, log, instanceKey, scope, nowMs, lifeMs }: CertificateRequest): Promise<Bytes> {
  const keyIndex = log.controlKeys.findIndex((key) => equalBytes(key, controlKey.publicKey));
  if (keyIndex < 0) throw new PerdureError("internal", "the control key is not in the agent's log");
  const said = certificate.encode({
    version: WIRE_VERSION,
    agentId: log.idRaw,
    instanceKey,
    scopes: [scope],
    notBeforeMs: Math.max(0, nowMs - BACKDATE_MS),
    notAfterMs: nowMs + lifeMs,
    controlSeq: log.seq,
    extensions: [],
  });
  return signedCertificate.encode({
    certificate: said,
    keyIndex,
    signature: await crypto.signatures.sign(controlKey, toBeSigned("certificate", said)),
  });
}

/** Verifies a certificate against the log it names, whatever its time; throws `malformed`, `bad-signature`, `needs-newer-verifier`. */
export async function verifyCertificate(crypto: Crypto, log: LogState, encoded: Bytes): Promise<Certificate> {
  const signed = signedCertificate.decode(encoded);
  const said = certificate.decode(signed.certificate);
  if (said.version !== WIRE_VERSION)
    throw new PerdureError("needs-newer-verifier", `certificate version ${said.version} is newer`, {
      hint: "Update perdure to judge this identity.",
    });
  if (!equalBytes(said.agentId, log.idRaw)) throw new PerdureError("bad-signature", "a certificate is of another agent");
  if (said.notBeforeMs > said.notAfterMs) throw new PerdureError("malformed", "a certificate ends before it begins");
  const key = log.controlKeys[signed.keyIndex];
  if (said.controlSeq !== log.seq || key === undefined)
    throw new PerdureError("bad-signature", "a certificate names a control key that is not in the log");
  if (!(await crypto.signatures.verify(key, toBeSigned("certificate", signed.certificate), signed.signature))) {
    throw new PerdureError("bad-signature", "a certificate's signature is wrong");
  }
  return said;
}

/** SHA-256 of the certificate without its signature: how sealed parts name it. */
export function certificateHash(hash: Hash, said: Certificate): Bytes {
  return hash.sha256(certificate.encode(said));
}

export function validAt(said: Certificate, atMs: number): boolean {
  return said.notBeforeMs <= atMs && atMs <= said.notAfterMs;
}

/** The certificate under which `instanceKey` could act for the agent at `atMs`; throws `certificate-expired` or `bad-signature`. */
export function certifiedInstance(
  identity: { readonly certificates: readonly Certificate[] },
  instanceKey: Bytes,
  scope: Scope,
  atMs: number,
): Certificate {
  const own = identity.certificates.filter((each) => equalBytes(each.instanceKey, instanceKey) && each.scopes.includes(scope));
  if (own.length === 0) throw new PerdureError("bad-signature", `the instance key is not certified for ${scope}`);
  const valid = own.find((each) => validAt(each, atMs));
  if (valid === undefined) {
    throw new PerdureError("certificate-expired", "the instance's certificate was not valid at that time", {
      hint: "Check both clocks; an agent renews its certificate when it is opened.",
    });
  }
  return valid;
}
