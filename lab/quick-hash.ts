/**
 * The hash of towns that live for days: 128 bits mixed with multiplications and rotations, as hash tables use them, stretched to the
 * lengths of SHA-256 and its kin. Equal only for equal bytes, keys and purposes unless somebody searches for it, which nobody in such a
 * town does: whoever means no good lives in towns of minutes, and those have the real one.
 */
import type { Hash } from "../packages/perdure/src/host/crypto.ts";

/** What was mixed so far. */
type Lanes = readonly [number, number, number, number];

const BYTES = 32;
const DIGEST: Lanes = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a];
const KEYED: Lanes = [0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const EXTRACT: Lanes = [0xcbbb9d5d, 0x629a292a, 0x9159015a, 0x152fecd8];
const EXPAND: Lanes = [0x67332667, 0x8eb44a87, 0xdb0c2e0d, 0x47b5481d];

export function createQuickHash(): Hash {
  return {
    sha256: (bytes) => spread(mix(DIGEST, bytes), BYTES),
    hmacSha256: (key, bytes) => spread(mix(mix(KEYED, key), bytes), BYTES),
    hkdfSha256: (secret, salt, info, lengthBytes) => spread(mix(mix(mix(EXTRACT, salt), secret), info), lengthBytes, EXPAND),
  };
}

/** Four words at a time; the length goes in last, so that trailing zeros count. */
function mix(from: Lanes, bytes: Uint8Array): Lanes {
  // By index: taken apart as a list each of the four would be an object of its own, for every hash.
  let a = from[0];
  let b = from[1];
  let c = from[2];
  let d = from[3];
  const whole = bytes.length - (bytes.length % 16);
  for (let at = 0; at < whole; at += 16) {
    a = Math.imul(turned(a ^ scrambled(wordAt(bytes, at), 0x239b961b), 19) + b, 5) + 0x561ccd1b;
    b = Math.imul(turned(b ^ scrambled(wordAt(bytes, at + 4), 0xab0e9789), 17) + c, 5) + 0x0bcaa747;
    c = Math.imul(turned(c ^ scrambled(wordAt(bytes, at + 8), 0x38b34ae5), 15) + d, 5) + 0x96cd1c35;
    d = Math.imul(turned(d ^ scrambled(wordAt(bytes, at + 12), 0xa1e38b93), 13) + a, 5) + 0x32ac3b17;
  }
  for (let at = whole; at < bytes.length; at++) {
    const next = turned(a ^ scrambled((bytes[at] as number) + 1, 0x239b961b), 19) + b;
    a = b;
    b = c;
    c = d;
    d = Math.imul(next, 5) + 0x561ccd1b;
  }
  a ^= bytes.length;
  b ^= bytes.length;
  c ^= bytes.length;
  d ^= bytes.length;
  a = (a + b + c + d) | 0;
  b = finished(b + a);
  c = finished(c + a);
  d = finished(d + a);
  a = finished(a + b + c + d);
  return [a, (b + a) | 0, (c + a) | 0, (d + a) | 0];
}

/** As many bytes as are wanted, each word from all lanes. */
function spread(lanes: Lanes, lengthBytes: number, salt: Lanes = DIGEST): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let at = 0; at < lengthBytes; at += 4) {
    const lane = (at >> 2) & 3;
    const word = finished(
      (lanes[lane] as number) + Math.imul((lanes[(lane + 1) & 3] as number) ^ (salt[lane] as number), (at >> 4) * 2 + 1),
    );
    for (let index = 0; index < 4 && at + index < lengthBytes; index++) bytes[at + index] = word >>> (8 * index);
  }
  return bytes;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}

function scrambled(word: number, by: number): number {
  return Math.imul(turned(Math.imul(word, by), 15), 0x1b873593);
}

function turned(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Every bit of the word changes half of the others. */
function finished(value: number): number {
  let word = value | 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}
