/**
 * Ed25519 by OpenSSL, which computes rule 3 of `ed25519-rule.ts` (it compares R byte by byte); the other two are added here. A key is
 * admitted last, so nobody makes this machine test a subgroup without having signed with that key.
 */

import type { KeyObject } from "node:crypto";
import { createPrivateKey, sign, verify } from "node:crypto";
import { concat, fromHex } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Signatures, SigningKey } from "../crypto.ts";
import { admitsSignature } from "../ed25519-encoding.ts";
import { createNodeKeyAdmission } from "./key-admission.ts";
import { plainBytes, requireLength } from "./raw-bytes.ts";
import { publicKeyOf, rawPublicKey } from "./raw-keys.ts";

const SEED_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
/** Parsed public keys kept at hand; parsing costs about a third of a verification. */
const PARSED_KEYS = 1024;

const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420") as Uint8Array;

type KeyAdmission = (publicKey: Uint8Array) => boolean;

interface ParsedKey {
  readonly key: KeyObject;
  /** By rule 1; `undefined` before something was signed with it. */
  admitted: boolean | undefined;
}

/** `admitsKey` is rule 1; a test shows by another one what it is there for. */
export function createNodeSignatures(admitsKey: KeyAdmission = createNodeKeyAdmission()): Signatures {
  const secrets = new WeakMap<SigningKey, KeyObject>();
  // bound: PARSED_KEYS
  const parsed = new Map<string, ParsedKey>();
  let latest: ParsedKey | undefined;

  const parse = (publicKey: Uint8Array): ParsedKey => {
    const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString("latin1");
    const known = parsed.get(name);
    if (known !== undefined && known === latest) return known;
    const key = known ?? {
      key: publicKeyOf("ed25519", publicKey),
      admitted: undefined,
    };
    parsed.delete(name);
    parsed.set(name, key);
    latest = key;
    if (parsed.size > PARSED_KEYS) parsed.delete(parsed.keys().next().value as string);
    return key;
  };

  const load = (seed: Uint8Array): SigningKey => {
    requireLength(seed, SEED_BYTES, "the seed");
    const secret = createPrivateKey({ key: Buffer.from(concat(PKCS8_PREFIX, seed)), format: "der", type: "pkcs8" });
    const key = { publicKey: rawPublicKey(secret) } as SigningKey;
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
      if (publicKey.length !== PUBLIC_KEY_BYTES || !admitsSignature(signature)) return false;
      const parsedKey = parse(publicKey);
      if (!verify(null, message, parsedKey.key, signature)) return false;
      parsedKey.admitted ??= admitsKey(publicKey);
      return parsedKey.admitted;
    },
  };
}
