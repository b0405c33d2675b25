import { concat, fromBase64url, fromHex } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Signatures, SigningKey } from "../crypto.ts";
import { admitsSignature } from "../ed25519-encoding.ts";
import { createKeyAdmission } from "../ed25519-rule.ts";
import { requireLength } from "../exact-length.ts";
import { bufferOf } from "./buffer.ts";
import { type KeyVault, type PageKey, type VaultKey, withAlgorithm } from "./key-vault.ts";

const ALGORITHM = "Ed25519";
const SEED_BYTES = 32;
const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420") as Uint8Array;

/** Ed25519 of WebCrypto behind the one rule; secret keys that this host made never leave the browser. */
export function createBrowserSignatures(vault: KeyVault): Signatures {
  const secrets = new WeakMap<SigningKey, PageKey>();
  const admitsKey = createKeyAdmission();

  const handleOf = ({ publicKey, secret }: VaultKey): SigningKey => {
    const key = { publicKey } as SigningKey;
    secrets.set(key, secret);
    return key;
  };

  return {
    create: async (random) => {
      const made = await newKey();
      return { kept: await vault.keep(random, made), key: handleOf(made) };
    },
    load: async (kept) => {
      requireLength(kept, SEED_BYTES, "the seed");
      return handleOf((await vault.find(kept, ALGORITHM)) ?? (await keyOfSeed(kept)));
    },
    sign: async (key, message) => {
      const secret = secrets.get(key);
      if (secret === undefined) throw new PerdureError("bad-argument", "the signing key was loaded by another host");
      return new Uint8Array(await crypto.subtle.sign(ALGORITHM, secret, bufferOf(message)));
    },
    verify: async (publicKey, message, signature) => {
      if (!admitsSignature(signature) || !admitsKey(publicKey)) return false;
      const key = await withAlgorithm(ALGORITHM, () => crypto.subtle.importKey("raw", bufferOf(publicKey), ALGORITHM, false, ["verify"]));
      return await crypto.subtle.verify(ALGORITHM, key, bufferOf(signature), bufferOf(message));
    },
  };
}

/** A new Ed25519 key, for {@link KeyVault.keep}. */
export async function newKey(): Promise<VaultKey> {
  const pair = await withAlgorithm(ALGORITHM, () => crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]));
  if (!("privateKey" in pair)) throw new PerdureError("internal", "the browser made no pair of keys");
  return { algorithm: ALGORITHM, secret: pair.privateKey, publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)) };
}

/** The Ed25519 key of a seed, for {@link KeyVault.keep}. WebCrypto tells the public half only of a secret that can be read: it is read once, and imported again as one that cannot. */
export async function keyOfSeed(seed: Uint8Array): Promise<VaultKey> {
  const pkcs8 = bufferOf(concat(PKCS8_PREFIX, seed));
  return await withAlgorithm(ALGORITHM, async () => {
    const readable = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, true, ["sign"]);
    const { x = "" } = await crypto.subtle.exportKey("jwk", readable);
    const secret = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]);
    return { algorithm: ALGORITHM, secret, publicKey: fromBase64url(x) as Uint8Array };
  });
}
