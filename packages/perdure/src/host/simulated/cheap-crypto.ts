/**
 * Cryptography without the cost: everything depends on the right keys, associated data and bytes as the real thing does,
 * and nothing is secret from someone who reads this file. Only for simulated worlds.
 */

import { compareBytes, concat, equalBytes, putU32, u32At, utf8 } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Aead, Crypto, DecapsulationKey, Encapsulation, Hash, Signatures, SigningKey } from "../crypto.ts";
import type { Random } from "../random.ts";

const KEY_BYTES = 32;
const TAG_BYTES = 16;

const SIGNING = utf8("signing key");
const SIGNATURE = utf8("signature");
const ENCAPSULATION = utf8("encapsulation key");
const SECRET = utf8("encapsulated secret");
const AGREEMENT = utf8("agreement");
const STREAM = utf8("stream");
const TAG = utf8("tag");
const PASSPHRASE = utf8("passphrase");

export function createCheapCrypto(hash: Hash, random: Random): Crypto {
  return {
    hash,
    signatures: cheapSignatures(hash),
    encapsulation: cheapEncapsulation(hash, random),
    aead: cheapAead(hash),
    passphrase: { derive: async (passphrase, salt) => hash.sha256(concat(PASSPHRASE, hash.sha256(salt), utf8(passphrase))) },
  };
}

function cheapSignatures({ sha256 }: Hash): Signatures {
  const signatureOf = (publicKey: Uint8Array, message: Uint8Array): Uint8Array => {
    const first = sha256(concat(SIGNATURE, publicKey, message));
    return concat(first, sha256(first));
  };
  const load = (seed: Uint8Array): SigningKey => ({ publicKey: sha256(concat(SIGNING, exactly(seed, KEY_BYTES, "a seed"))) }) as SigningKey;
  return {
    create: async (random) => {
      const kept = random.bytes(KEY_BYTES);
      return { key: load(kept), kept };
    },
    load: async (kept) => load(kept),
    sign: async (key, message) => signatureOf(key.publicKey, message),
    verify: async (publicKey, message, signature) =>
      publicKey.length === KEY_BYTES && equalBytes(signature, signatureOf(publicKey, message)),
  };
}

function cheapEncapsulation({ sha256 }: Hash, random: Random): Encapsulation {
  const secretOf = (encapsulated: Uint8Array, publicKey: Uint8Array, info: Uint8Array): Uint8Array =>
    sha256(concat(SECRET, encapsulated, publicKey, info));
  const load = (secret: Uint8Array): DecapsulationKey =>
    ({ publicKey: sha256(concat(ENCAPSULATION, exactly(secret, KEY_BYTES, "a secret key"))) }) as DecapsulationKey;
  return {
    create: async (own) => {
      const kept = own.bytes(KEY_BYTES);
      return { key: load(kept), kept };
    },
    load: async (kept) => load(kept),
    encapsulate: async (publicKey, info) => {
      exactly(publicKey, KEY_BYTES, "a public key");
      const encapsulated = random.bytes(KEY_BYTES);
      return { encapsulated, secret: secretOf(encapsulated, publicKey, info) };
    },
    decapsulate: async (key, encapsulated, info) => secretOf(exactly(encapsulated, KEY_BYTES, "an encapsulated key"), key.publicKey, info),
    agree: async (key, publicKey) => {
      exactly(publicKey, KEY_BYTES, "a public key");
      if (publicKey.every((byte) => byte === 0)) throw new PerdureError("bad-argument", "this public key agrees on nothing");
      const [first, second] = compareBytes(key.publicKey, publicKey) < 0 ? [key.publicKey, publicKey] : [publicKey, key.publicKey];
      return sha256(concat(AGREEMENT, first, second));
    },
  };
}

function cheapAead({ sha256 }: Hash): Aead {
  const tagOf = (key: Uint8Array, ciphertext: Uint8Array, associated: Uint8Array): Uint8Array => {
    const lengths = new Uint8Array(4);
    putU32(lengths, 0, associated.length);
    return sha256(concat(TAG, key, lengths, associated, ciphertext)).subarray(0, TAG_BYTES);
  };
  const scramble = (key: Uint8Array, from: Uint8Array, to: Uint8Array): void => {
    const seed = sha256(concat(STREAM, key));
    let [a, b] = [u32At(seed, 0) | 0, u32At(seed, 4) | 1];
    for (let index = 0; index < from.length; index++) {
      a ^= a << 13;
      a ^= a >>> 17;
      a ^= a << 5;
      b = (b + 0x9e3779b9) | 0;
      to[index] = (from[index] as number) ^ ((a + b) >>> 11);
    }
  };
  return {
    seal: async (key, plaintext, associated) => {
      exactly(key, KEY_BYTES, "a key");
      const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
      scramble(key, plaintext, sealed);
      sealed.set(tagOf(key, sealed.subarray(0, plaintext.length), associated), plaintext.length);
      return sealed;
    },
    open: async (key, ciphertext, associated) => {
      exactly(key, KEY_BYTES, "a key");
      if (ciphertext.length < TAG_BYTES) return undefined;
      const body = ciphertext.subarray(0, ciphertext.length - TAG_BYTES);
      if (!equalBytes(ciphertext.subarray(body.length), tagOf(key, body, associated))) return undefined;
      const plaintext = new Uint8Array(body.length);
      scramble(key, body, plaintext);
      return plaintext;
    },
  };
}

function exactly(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length !== length) throw new PerdureError("bad-argument", `${what} has ${length} bytes, not ${bytes.length}`);
  return bytes;
}
