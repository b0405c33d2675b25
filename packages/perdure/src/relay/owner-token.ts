/** What the owner of a public relay shows to see its numbers: one random text in the relay's folder. */
import type { Host } from "../host/host.ts";
import { readWhole, replaceFile } from "../identity/whole-file.ts";
import { base32, equalBytes, fromUtf8, utf8 } from "../wire/bytes.ts";

export interface OwnerToken {
  readonly text: string;
  /** Whether an `Authorization` header carries it, as `Bearer <token>`; takes as long for a wrong one as for another wrong one. */
  isIn(authorization: string | undefined): boolean;
}

const FILE = "owner-token";
const RANDOM_BYTES = 32;
const MAX_BYTES = 256;

/**
 * Reads the token of `folder`, whose lock the caller holds, or draws one. Whoever removes the file gets a new one at the next start; so
 * does whose disk has made of it what is no text.
 */
export async function openOwnerToken(
  { files, random, crypto }: Pick<Host, "files" | "random" | "crypto">,
  folder: string,
): Promise<OwnerToken> {
  const path = `${folder}/${FILE}`;
  const kept = await readWhole(files, path, MAX_BYTES);
  const known = kept === undefined ? "" : textOf(kept);
  const text = known || base32(random.bytes(RANDOM_BYTES));
  if (known === "") await replaceFile(files, path, utf8(`${text}\n`));
  const hashOf = (shown: string): Uint8Array => crypto.hash.sha256(utf8(shown));
  const expected = hashOf(`Bearer ${text}`);
  return { text, isIn: (authorization) => authorization !== undefined && equalBytes(hashOf(authorization), expected) };
}

/** Empty for bytes that nobody could show. */
function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes).trim();
  } catch {
    return "";
  }
}
