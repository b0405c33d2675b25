import { expand } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { PerdureError } from "../../wire/error.ts";
import type { Hash } from "../crypto.ts";

/** RFC 5869 section 2.3. */
const MAX_HKDF_BYTES = 255 * 32;

/** In the page's own thread: what WebCrypto hashes comes later, and hashing here is at once. */
export function createBrowserHash(): Hash {
  return {
    sha256: (bytes) => sha256(bytes),
    hmacSha256,
    hkdfSha256: (secret, salt, info, lengthBytes) => {
      if (!Number.isInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > MAX_HKDF_BYTES)
        throw new PerdureError("bad-argument", `HKDF-SHA256 gives 0 to ${MAX_HKDF_BYTES} bytes, not ${lengthBytes}`);
      return hkdfExpandSha256(hmacSha256(salt, secret), info, lengthBytes);
    },
  };
}

export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return hmac(sha256, key, bytes);
}

export function hkdfExpandSha256(pseudorandomKey: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  return lengthBytes === 0 ? new Uint8Array(0) : expand(sha256, pseudorandomKey, info, lengthBytes);
}
