/** The bytes of a kept identity's file, plain or under a passphrase, and back; the layout is told in `wire/kept-identity.ts`. */
import type { Hash } from "../host/crypto.ts";
import { type Bytes, concat, equalBytes, utf8 } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import {
  KEPT_IDENTITY_DOMAIN,
  KEPT_IDENTITY_PREFIX,
  type KeptIdentity,
  keptIdentity,
  SEALED_IDENTITY_DOMAIN,
  type SealedIdentity,
  sealedIdentity,
} from "../wire/kept-identity.ts";
import { FOLDER_OF_OLDER, otherVersion, versionIn } from "../wire/version.ts";

const CHECKSUM_BYTES = 32;
/** A file that is longer is not read to its end, and so is damaged. */
export const KEPT_FILE_BYTES = 704 * 1024;

export type KeptFile =
  | { readonly kind: "plain"; readonly kept: KeptIdentity }
  | { readonly kind: "sealed"; readonly sealed: SealedIdentity };

export function encodeKeptFile(hash: Hash, file: KeptFile): Bytes {
  if (file.kind === "plain") {
    const encoded = keptIdentity.encode(file.kept);
    return concat(encoded, hash.sha256(concat(KEPT_IDENTITY_DOMAIN, encoded)));
  }
  const tagged = concat(SEALED_IDENTITY_DOMAIN, sealedIdentity.encode(file.sealed));
  return concat(tagged, hash.sha256(tagged));
}

/** Throws `key-damaged`, `needs-older-version`, `needs-newer-version`; `path` is for people. */
export function decodeKeptFile(hash: Hash, whole: Bytes, path: string): KeptFile {
  const said = whole.subarray(0, Math.max(0, whole.length - CHECKSUM_BYTES));
  const checksum = whole.subarray(said.length);
  try {
    if (equalBytes(said.subarray(0, SEALED_IDENTITY_DOMAIN.length), SEALED_IDENTITY_DOMAIN)) {
      if (!equalBytes(checksum, hash.sha256(said))) throw damagedKept(path, "its checksum is wrong");
      return { kind: "sealed", sealed: sealedIdentity.decode(said.slice(SEALED_IDENTITY_DOMAIN.length)) };
    }
    if (!equalBytes(checksum, hash.sha256(concat(KEPT_IDENTITY_DOMAIN, said)))) {
      refuseOther(hash, said, checksum, path);
      throw damagedKept(path, "its checksum is wrong");
    }
    return { kind: "plain", kept: keptIdentity.decode(said) };
  } catch (cause) {
    const isSaid = isPerdureError(cause) && (cause.code === "key-damaged" || cause.code.endsWith("-version"));
    throw isSaid ? cause : damagedKept(path, "it cannot be read", cause);
  }
}

/** A whole identity of another version has that version's checksum. */
function refuseOther(hash: Hash, said: Bytes, checksum: Bytes, path: string): void {
  const found = versionIn(said);
  if (found !== undefined && equalBytes(checksum, hash.sha256(concat(utf8(`${KEPT_IDENTITY_PREFIX}${found}`), said))))
    throw otherVersion({ what: `the identity in ${path}`, found, older: FOLDER_OF_OLDER });
}

export function damagedKept(path: string, why: string, cause?: unknown): PerdureError {
  return new PerdureError("key-damaged", `the identity in ${path} is damaged: ${why}`, {
    cause,
    hint: "Put the file back from a backup; nothing was changed.",
  });
}
