import { createHmac, hash } from "node:crypto";
import { PerdureError } from "../../wire/error.ts";
import type { Hash } from "../crypto.ts";
import { plainBytes } from "./raw-bytes.ts";

const HASH_BYTES = 32;
/** RFC 5869 section 2.3. */
const MAX_HKDF_BYTES = 255 * HASH_BYTES;

export function createNodeHash(): Hash {
  return { sha256: (bytes) => plainBytes(hash("sha256", bytes, "buffer")), hmacSha256, hkdfSha256 };
}

function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return plainBytes(hmac.digest());
}

/** Written out because Node's own takes at most 1,024 bytes of info. An empty salt means 32 zero bytes, as HMAC pads it. */
function hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  if (!Number.isInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > MAX_HKDF_BYTES) {
    throw new PerdureError("bad-argument", `HKDF-SHA256 gives 0 to ${MAX_HKDF_BYTES} bytes, not ${lengthBytes}`);
  }
  const pseudorandomKey = hmacSha256(salt, secret);
  const output = new Uint8Array(lengthBytes);
  let block: Uint8Array = new Uint8Array(0);
  for (let index = 0; index * HASH_BYTES < lengthBytes; index++) {
    block = hmacSha256(pseudorandomKey, block, info, Uint8Array.of(index + 1));
    output.set(block.subarray(0, lengthBytes - index * HASH_BYTES), index * HASH_BYTES);
  }
  return output;
}
