/** Bundles: log, certificates and records of one agent in one byte string, which anybody can verify without asking. */
import { type Bytes, compareBytes, hex } from "../wire/bytes.ts";
import { certificate, identityBundle, signedCertificate } from "../wire/identity.ts";
import { mergeRecords } from "./agent-record.ts";

/** Certificates one bundle carries; the ones that end first are left out beyond it. */
export const BUNDLE_CERTIFICATES = 8;

export interface BundleParts {
  /** Signed events, oldest first. */
  readonly log: readonly Bytes[];
  /** Events of another log of the same agent from where it leaves `log`, when it is frozen. */
  readonly rival?: readonly Bytes[];
  readonly certificates: readonly Bytes[];
  readonly records: readonly Bytes[];
}

/** One byte string for one content, whatever the order and repetitions of what is given. */
export function encodeBundle({ log, rival = [], certificates, records }: BundleParts): Bytes {
  return identityBundle.encode({ log, rival, certificates: newestCertificates(certificates), records: mergeRecords(records) });
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
