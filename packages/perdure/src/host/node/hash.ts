import { createHash, hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { PerdureError } from "../../wire/error.ts";
import type { Hash } from "../crypto.ts";
import { requireLength } from "./raw-bytes.ts";

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
  const digest = new Uint8Array(HASH_BYTES);
  putSha256(bytes, digest, 0);
  return digest;
}

/** As a text of 32 letters it costs Node half of what it costs as a buffer. */
function putSha256(bytes: Uint8Array, to: Uint8Array, at: number): void {
  putDigest(hash("sha256", bytes, "binary"), to, at);
}

function putDigest(digest: string, to: Uint8Array, at: number): void {
  for (let index = 0; index < HASH_BYTES; index++) to[at + index] = digest.charCodeAt(index);
}

/** RFC 2104, written out: setting up Node's own costs as much as hashing 30 kB. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  const block = blockOf(key.length > BLOCK_BYTES ? sha256(key) : key);
  const digest = new Uint8Array(HASH_BYTES);
  if (bytes > SHORT_BYTES) {
    const inner = createHash("sha256").update(block);
    for (const part of parts) inner.update(part);
    putOuter(inner.digest("binary"), block, digest, 0);
    return digest;
  }
  const inner = Buffer.allocUnsafe(BLOCK_BYTES + bytes);
  inner.set(block);
  let at = BLOCK_BYTES;
  for (const part of parts) {
    inner.set(part, at);
    at += part.length;
  }
  putHmac(inner, block, digest, 0);
  inner.fill(0);
  return digest;
}

/** What a key of at most one block puts in front of what is hashed first, and becomes what stands in front of that hash. */
function blockOf(key: Uint8Array): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES).fill(0x36);
  for (let index = 0; index < key.length; index++) block[index] = (key[index] as number) ^ 0x36;
  return block;
}

/** `inner` begins with `block`. */
function putHmac(inner: Uint8Array, block: Uint8Array, to: Uint8Array, at: number): void {
  putOuter(hash("sha256", inner, "binary"), block, to, at);
}

function putOuter(inner: string, block: Uint8Array, to: Uint8Array, at: number): void {
  const outer = Buffer.allocUnsafe(BLOCK_BYTES + HASH_BYTES);
  for (let index = 0; index < BLOCK_BYTES; index++) outer[index] = (block[index] as number) ^ 0x36 ^ 0x5c;
  putDigest(inner, outer, BLOCK_BYTES);
  putSha256(outer, to, at);
  outer.fill(0);
}

/** Written out because Node's own takes at most 1,024 bytes of info. An empty salt means 32 zero bytes, as HMAC pads it. */
function hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  if (!Number.isInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > MAX_HKDF_BYTES) {
    throw new PerdureError("bad-argument", `HKDF-SHA256 gives 0 to ${MAX_HKDF_BYTES} bytes, not ${lengthBytes}`);
  }
  return hkdfExpandSha256(hmacSha256(salt, secret), info, lengthBytes);
}

/** RFC 5869 section 2.3, with 32 bytes of key, as extracting gives it. The blocks of the key are made once for all of it. */
export function hkdfExpandSha256(pseudorandomKey: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  requireLength(pseudorandomKey, HASH_BYTES, "the pseudorandom key");
  const block = blockOf(pseudorandomKey);
  const blocks = Math.ceil(lengthBytes / HASH_BYTES);
  const output = new Uint8Array(blocks * HASH_BYTES);
  // In the first round the output of the round before is empty: its place is left out.
  const inner = Buffer.allocUnsafe(HASH_BYTES + BLOCK_BYTES + info.length + 1);
  inner.set(block, HASH_BYTES);
  inner.set(info, HASH_BYTES + BLOCK_BYTES);
  for (let index = 0; index < blocks; index++) {
    inner[inner.length - 1] = index + 1;
    if (index === 1) inner.set(block);
    if (index > 0) for (let at = 0; at < HASH_BYTES; at++) inner[BLOCK_BYTES + at] = output[(index - 1) * HASH_BYTES + at] as number;
    putHmac(index === 0 ? inner.subarray(HASH_BYTES) : inner, block, output, index * HASH_BYTES);
  }
  inner.fill(0);
  return output.subarray(0, lengthBytes);
}
