/**
 * Ed25519 by OpenSSL, which computes rule 3 of `ed25519-rule.ts` (it compares R byte by byte); the other two are added here. A key is
 * admitted last, so nobody makes this machine test a subgroup without having signed with that key.
 */

import type { KeyObject } from "node:crypto";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { concat, fromHex } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Signatures, SigningKey } from "../crypto.ts";
import { admitsSignature } from "../ed25519-encoding.ts";
import { plainBytes, requireLength } from "./raw-bytes.ts";

const SEED_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
/** Parsed public keys kept at hand; parsing costs about a third of a verification. */
const PARSED_KEYS = 1024;

const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420") as Uint8Array;
const SPKI_PREFIX = fromHex("302a300506032b6570032100") as Uint8Array;

type KeyAdmission = (publicKey: Uint8Array) => boolean;

interface ParsedKey {
  readonly key: KeyObject;
  /** By rule 1; `undefined` before something was signed with it. */
  admitted: boolean | undefined;
}

/** The arithmetic of the curve takes longer to load than all else a command needs that verifies nothing. */
async function loadAdmission(): Promise<KeyAdmission> {
  return (await import("../ed25519-rule.ts")).createKeyAdmission();
}

/** `admitsKey` is rule 1; a test shows by another one what it is there for. */
export function createNodeSignatures(admitsKey?: KeyAdmission): Signatures {
  let admits = admitsKey;
  const secrets = new WeakMap<SigningKey, KeyObject>();
  // bound: PARSED_KEYS
  const parsed = new Map<string, ParsedKey>();
  let latest: ParsedKey | undefined;

  const parse = (publicKey: Uint8Array): ParsedKey => {
    const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString("latin1");
    const known = parsed.get(name);
    if (known !== undefined && known === latest) return known;
    const key = known ?? {
      key: createPublicKey({ key: Buffer.from(concat(SPKI_PREFIX, publicKey)), format: "der", type: "spki" }),
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
      if (publicKey.length !== PUBLIC_KEY_BYTES || !admitsSignature(signature)) return false;
      const parsedKey = parse(publicKey);
      if (!verify(null, message, parsedKey.key, signature)) return false;
      if (parsedKey.admitted === undefined) {
        admits ??= await loadAdmission();
        parsedKey.admitted = admits(publicKey);
      }
      return parsedKey.admitted;
    },
  };
}
