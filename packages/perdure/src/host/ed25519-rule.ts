/**
 * The one rule by which everybody accepts an Ed25519 signature, because libraries differ on keys and signatures that only their
 * own maker could craft, and two verifiers that differ are a fork nobody has to equivocate for. Valid if and only if
 *
 *   1. the key is admitted: a canonical encoding of a point of the prime-order subgroup, not the identity;
 *   2. the signature is admitted: S < L, and R a canonical encoding (y < p) of no point of small order;
 *   3. the bytes of R equal the encoding of [S]B - [k]A, with k = SHA-512(R || A || message) mod L (no cofactor).
 *
 * A host asks its own fast library for 3 and adds 1 and 2 (which `ed25519-encoding.ts` sees without a curve); `verifyByPoints` computes
 * all of it from curve points alone.
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equalBytes, hex } from "../wire/bytes.ts";
import { admitsSignature, isRefusedEncoding } from "./ed25519-encoding.ts";

const KEY_BYTES = 32;
/** About 100 bytes each; a test costs about 1 ms, a relay meets each of its correspondents' keys with every message. */
const ADMISSIONS_KEPT = 16_384;

const { Point } = ed25519;
const L = Point.Fn.ORDER;
/** Whether these are the 32 bytes of a public key that may sign: rule 1. About 1 ms. */
export function admitsKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || isRefusedEncoding(publicKey)) return false;
  try {
    return Point.fromBytes(publicKey).isTorsionFree();
  } catch {
    return false;
  }
}

/** `admitsKey` that remembers its answers, the ones asked for last. */
export function createKeyAdmission(most: number = ADMISSIONS_KEPT): (publicKey: Uint8Array) => boolean {
  // bound: ADMISSIONS_KEPT
  const known = new Map<string, boolean>();
  return (publicKey) => {
    const name = hex(publicKey);
    const admitted = known.get(name) ?? admitsKey(publicKey);
    known.delete(name);
    known.set(name, admitted);
    if (known.size > most) known.delete(known.keys().next().value as string);
    return admitted;
  };
}

/** The whole rule from curve points, for hosts whose library is missing, lenient or unknown. About 2 ms. */
export function verifyByPoints(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, admits = admitsKey): boolean {
  if (!admitsSignature(signature) || !admits(publicKey)) return false;
  const [r, s] = [signature.subarray(0, KEY_BYTES), signature.subarray(KEY_BYTES)];
  const k = scalarOf(sha512(concat(r, publicKey, message))) % L;
  const computed = Point.BASE.multiplyUnsafe(scalarOf(s)).subtract(Point.fromBytes(publicKey).multiplyUnsafe(k));
  return equalBytes(computed.toBytes(), r);
}

function scalarOf(littleEndian: Uint8Array): bigint {
  return BigInt(`0x${hex(littleEndian.slice().reverse())}`);
}
