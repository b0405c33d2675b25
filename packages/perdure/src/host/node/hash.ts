import { createHmac, hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { PerdureError } from "../../wire/error.ts";
import type { Hash } from "../crypto.ts";
import { plainBytes } from "./raw-bytes.ts";

const HASH_BYTES = 32;
const BLOCK_BYTES = 64;
/** Up to here a copy of the input is cheap. */
const SHORT_BYTES = 4096;
/** RFC 5869 section 2.3. */
const MAX_HKDF_BYTES = 255 * HASH_BYTES;

export function createNodeHash(): Hash {
  return { sha256, hmacSha256, hkdfSha256, crc32 };
}

function sha256(bytes: Uint8Array): Uint8Array {
  return plainBytes(hash("sha256", bytes, "buffer"));
}

/** RFC 2104. Of short input written out: setting up Node's own costs three times what hashing it does. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  if (bytes > SHORT_BYTES || key.length > BLOCK_BYTES) {
    const hmac = createHmac("sha256", key);
    for (const part of parts) hmac.update(part);
    return plainBytes(hmac.digest());
  }
  const inner = new Uint8Array(BLOCK_BYTES + bytes);
  const outer = new Uint8Array(BLOCK_BYTES + HASH_BYTES);
  for (let index = 0; index < BLOCK_BYTES; index++) {
    const byte = key[index] ?? 0;
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  }
  let at = BLOCK_BYTES;
  for (const part of parts) {
    inner.set(part, at);
    at += part.length;
  }
  outer.set(sha256(inner), BLOCK_BYTES);
  return sha256(outer);
}

/** Written out because Node's own takes at most 1,024 bytes of info. An empty salt means 32 zero bytes, as HMAC pads it. */
function hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  if (!Number.isInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > MAX_HKDF_BYTES) {
    throw new PerdureError("bad-argument", `HKDF-SHA256 gives 0 to ${MAX_HKDF_BYTES} bytes, not ${lengthBytes}`);
  }
  return hkdfExpandSha256(hmacSha256(salt, secret), info, lengthBytes);
}

/** RFC 5869 section 2.3. */
export function hkdfExpandSha256(pseudorandomKey: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  const output = new Uint8Array(lengthBytes);
  let block: Uint8Array = new Uint8Array(0);
  for (let index = 0; index * HASH_BYTES < lengthBytes; index++) {
    block = hmacSha256(pseudorandomKey, block, info, Uint8Array.of(index + 1));
    output.set(block.subarray(0, lengthBytes - index * HASH_BYTES), index * HASH_BYTES);
  }
  return output;
}
