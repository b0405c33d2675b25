/** Bundles: log, certificates and records of one agent in one byte string, which anybody can verify without asking. */
import { type Bytes, compareBytes, hex } from "../wire/bytes.ts";
import { certificate, identityBundle, signedCertificate } from "../wire/identity.ts";
import { mergeRecords } from "./agent-record.ts";

/** Certificates one bundle carries; the ones that end first are left out beyond it. */
export const BUNDLE_CERTIFICATES = 8;

export interface BundleParts {
  /** Signed events, oldest first. */
  readonly log: readonly Bytes[];
  /** Another log of the same agent, when it is frozen. */
  readonly rival?: readonly Bytes[];
  readonly certificates: readonly Bytes[];
  readonly records: readonly Bytes[];
}

/** One byte string for one content, whatever the order and repetitions of what is given. */
export function encodeBundle({ log, rival = [], certificates, records }: BundleParts): Bytes {
  return identityBundle.encode({ log, rival, certificates: newestCertificates(certificates), records: mergeRecords(records) });
}

/** The union of two bundles of one agent; the longer log wins. Nothing is verified: verify what comes out. */
export function mergeBundles(one: Bytes, other: Bytes): Bytes {
  const a = identityBundle.decode(one);
  const b = identityBundle.decode(other);
  return encodeBundle({
    log: laterLog(a.log, b.log),
    certificates: [...a.certificates, ...b.certificates],
    records: [...a.records, ...b.records],
  });
}

function laterLog(a: readonly Bytes[], b: readonly Bytes[]): readonly Bytes[] {
  if (a.length !== b.length) return a.length > b.length ? a : b;
  for (const [index, event] of a.entries()) {
    const order = compareBytes(event, b[index] as Bytes);
    if (order !== 0) return order > 0 ? a : b;
  }
  return a;
}

function newestCertificates(encoded: readonly Bytes[]): readonly Bytes[] {
  const unique = new Map(
    encoded.map((bytes) => [hex(bytes), { bytes, notAfterMs: certificate.decode(signedCertificate.decode(bytes).certificate).notAfterMs }]),
  );
  return [...unique.values()]
    .sort((a, b) => b.notAfterMs - a.notAfterMs || compareBytes(a.bytes, b.bytes))
    .slice(0, BUNDLE_CERTIFICATES)
    .map((each) => each.bytes);
}
