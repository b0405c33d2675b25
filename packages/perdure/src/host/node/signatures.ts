/**
 * Ed25519, verified strictly: everything two implementations could judge differently is refused. OpenSSL refuses S >= L
 * (RFC 8032 section 5.1.7) and compares R byte by byte; encodings of points that are not canonical or have small order are refused here.
 */

import type { KeyObject } from "node:crypto";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { concat, fromHex, hex } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Signatures, SigningKey } from "../crypto.ts";
import { plainBytes, requireLength } from "./raw-bytes.ts";

const SEED_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Parsed public keys kept at hand; parsing costs about a third of a verification. */
const PARSED_KEYS = 1024;

const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420") as Uint8Array;
const SPKI_PREFIX = fromHex("302a300506032b6570032100") as Uint8Array;

/** y coordinates, little-endian with the sign bit off, of the eight points whose order divides 8. */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

export function createNodeSignatures(): Signatures {
  const secrets = new WeakMap<SigningKey, KeyObject>();
  const parsed = new Map<string, KeyObject>();

  const parse = (publicKey: Uint8Array): KeyObject => {
    const name = hex(publicKey);
    const key = parsed.get(name) ?? createPublicKey({ key: Buffer.from(concat(SPKI_PREFIX, publicKey)), format: "der", type: "spki" });
    parsed.delete(name);
    parsed.set(name, key);
    if (parsed.size > PARSED_KEYS) parsed.delete(parsed.keys().next().value as string);
    return key;
  };

  const load = (seed: Uint8Array): SigningKey => {
    requireLength(seed, SEED_BYTES, "the seed");
    const secret = createPrivateKey({ key: Buffer.from(concat(PKCS8_PREFIX, seed)), format: "der", type: "pkcs8" });
    const spki = createPublicKey(secret).export({ format: "der", type: "spki" });
    const key = { publicKey: plainBytes(spki).slice(-PUBLIC_KEY_BYTES) } as SigningKey;
    secrets.set(key, secret);
    return key;
  };

  return {
    create: async (random) => {
      const kept = random.bytes(SEED_BYTES);
      return { key: load(kept), kept };
    },
    load: async (kept) => load(kept),
    sign: async (key, message) => {
      const secret = secrets.get(key);
      if (secret === undefined) throw new PerdureError("bad-argument", "the signing key was loaded by another host");
      return plainBytes(sign(null, message, secret));
    },
    verify: async (publicKey, message, signature) => {
      if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
      if (isRefusedPoint(publicKey) || isRefusedPoint(signature.subarray(0, 32))) return false;
      return verify(null, message, parse(publicKey), signature);
    },
  };
}

/** A point of small order, or a y coordinate of 2^255 - 19 or more. */
function isRefusedPoint(encoded: Uint8Array): boolean {
  const y = encoded.slice();
  y[31] = (y[31] as number) & 0x7f;
  const notReduced = y[31] === 0x7f && (y[0] as number) >= 0xed && y.subarray(1, 31).every((byte) => byte === 0xff);
  return notReduced || SMALL_ORDER.has(hex(y));
}
