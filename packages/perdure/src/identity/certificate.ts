/**
 * Instance certificates: a control key says that an instance key acts for the agent, for a purpose and a time.
 * A signature of the instance is judged at the time the recipient's relay stored it, never at the time it claims.
 */
import type { Crypto, Hash, SigningKey } from "../host/crypto.ts";
import { FIXED } from "../settings/fixed.ts";
import type { Bytes } from "../wire/bytes.ts";
import { equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { type Certificate, certificate, type SCOPES, signedCertificate, toBeSigned } from "../wire/identity.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { otherVersion } from "../wire/version.ts";
import { epochAt, type LogState, revokedFromMs } from "./log-state.ts";

export type Scope = (typeof SCOPES)[number];

/** A certificate that the agent's log bears out. */
export type VerifiedCertificate = Certificate & {
  /** The last moment at which a signature under it counts: its own end, or the earlier one that a rotation, revoke or retirement sets. */
  readonly validUntilMs: number;
  /** As {@link certificateHash} gives it. */
  readonly hash: Bytes;
};

/** A certificate begins this long before it was made, so that peers with slow clocks take it at once. */
export const BACKDATE_MS: number = FIXED.certificateEarlierMs.value;

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
  if (log.retired !== undefined) throw new PerdureError("identity-retired", "a retired agent certifies nobody");
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

/**
 * Verifies a certificate against the control keys in force at the event it names, whatever its time. Throws `malformed`, `bad-signature`,
 * `needs-newer-verifier`, `needs-older-version`.
 */
export async function verifyCertificate(crypto: Crypto, log: LogState, encoded: Bytes): Promise<VerifiedCertificate> {
  const signed = signedCertificate.decode(encoded);
  const said = certificate.decode(signed.certificate);
  refuseOtherVersion("a certificate", said.version);
  if (!equalBytes(said.agentId, log.idRaw)) throw new PerdureError("bad-signature", "a certificate is of another agent");
  if (said.notBeforeMs > said.notAfterMs) throw new PerdureError("malformed", "a certificate ends before it begins");
  const epoch = epochAt(log, said.controlSeq);
  const key = epoch?.controlKeys[signed.keyIndex];
  if (epoch === undefined || key === undefined)
    throw new PerdureError("bad-signature", "a certificate names a control key that is not in the log");
  if (!(await crypto.signatures.verify(key, toBeSigned("certificate", signed.certificate), signed.signature))) {
    throw new PerdureError("bad-signature", "a certificate's signature is wrong");
  }
  const revokedMs = revokedFromMs(log, said.instanceKey);
  const validUntilMs = Math.min(
    said.notAfterMs,
    epoch.untilMs ?? said.notAfterMs,
    revokedMs === undefined ? said.notAfterMs : revokedMs - 1,
  );
  return { ...said, validUntilMs, hash: crypto.hash.sha256(signed.certificate) };
}

/** `needs-newer-verifier` or `needs-older-version` unless `version` is the one this program judges. */
export function refuseOtherVersion(what: string, version: number): void {
  if (version > WIRE_VERSION)
    throw new PerdureError("needs-newer-verifier", `${what} of version ${version} is newer`, {
      hint: "Update perdure to judge this identity.",
    });
  if (version < WIRE_VERSION)
    throw otherVersion({ what, found: version, older: "Its agent has to be made anew with this version of perdure." });
}

/** SHA-256 of the certificate without its signature: how sealed parts name it. */
export function certificateHash(hash: Hash, said: Certificate): Bytes {
  return hash.sha256(certificate.encode(said));
}

export function validAt(said: VerifiedCertificate, atMs: number): boolean {
  return said.notBeforeMs <= atMs && atMs <= said.validUntilMs;
}

/** Throws `instance-revoked` or `certificate-expired` unless what was signed under the certificate counts at `atMs`. */
export function refuseInvalid(said: VerifiedCertificate, atMs: number): void {
  if (validAt(said, atMs)) return;
  if (said.notBeforeMs <= atMs && atMs <= said.notAfterMs)
    throw new PerdureError(
      "instance-revoked",
      "the agent's owner took this instance's key, or the key behind it, out of use before that time",
      {
        hint: "Whoever signed this no longer speaks for the agent. Look the agent up again.",
      },
    );
  throw new PerdureError("certificate-expired", "the instance's certificate was not valid at that time", {
    hint: "Check both clocks; an agent renews its certificate when it is opened.",
  });
}

/** The certificate under which `instanceKey` could act for the agent at `atMs`; throws `instance-revoked`, `certificate-expired` or `bad-signature`. */
export function certifiedInstance(
  identity: { readonly certificates: readonly VerifiedCertificate[] },
  instanceKey: Bytes,
  scope: Scope,
  atMs: number,
): VerifiedCertificate {
  const own = identity.certificates.filter((each) => equalBytes(each.instanceKey, instanceKey) && each.scopes.includes(scope));
  const valid = own.find((each) => validAt(each, atMs));
  if (valid !== undefined) return valid;
  for (const each of own) if (each.notBeforeMs <= atMs && atMs <= each.notAfterMs) refuseInvalid(each, atMs);
  for (const each of own) refuseInvalid(each, atMs);
  throw new PerdureError("bad-signature", `the instance key is not certified for ${scope}`);
}
