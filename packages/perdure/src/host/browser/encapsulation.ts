import type { CryptoKey, KDFFactory, KeyPair } from "hpke";
import { AEAD_EXPORT_ONLY, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";
import { concat, fromHex, utf8 } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { DecapsulationKey, Encapsulation } from "../crypto.ts";
import { requireLength } from "../exact-length.ts";
import { bufferOf } from "./buffer.ts";
import { hkdfExpandSha256, hmacSha256 } from "./hash.ts";
import { type KeyVault, type VaultKey, withAlgorithm } from "./key-vault.ts";

const ALGORITHM = "X25519";
const KEY_BYTES = 32;
const SECRET_BYTES = 32;
/** Part of the wire format: every secret of ours is exported under this context. */
const EXPORTER_CONTEXT: Uint8Array = utf8("perdure/export/1");
const PKCS8_PREFIX = fromHex("302e020100300506032b656e04220420") as Uint8Array;
/** The u coordinate of the base point (RFC 7748 section 6.1): agreeing with it gives one's own public key. */
const BASE_POINT: Uint8Array = Uint8Array.of(9, ...new Uint8Array(31));

/** The library's own asks WebCrypto, which makes two jobs for another thread of each of the few hashes a message needs. */
const kdfOfPage: KDFFactory = () => ({
  ...KDF_HKDF_SHA256(),
  Extract: async (salt, secret) => hmacSha256(salt, secret),
  Expand: async (pseudorandomKey, info, lengthBytes) => hkdfExpandSha256(pseudorandomKey, info, lengthBytes),
});

/** X25519 of WebCrypto; secret keys that this host made never leave the browser. */
export function createBrowserEncapsulation(vault: KeyVault): Encapsulation {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, kdfOfPage, AEAD_EXPORT_ONLY);
  const secrets = new WeakMap<DecapsulationKey, KeyPair<CryptoKey>>();

  const secretOf = (key: DecapsulationKey): KeyPair<CryptoKey> => {
    const secret = secrets.get(key);
    if (secret === undefined) throw new PerdureError("bad-argument", "the key was loaded by another host");
    return secret;
  };

  const handleOf = async ({ publicKey, secret }: VaultKey): Promise<DecapsulationKey> => {
    const key = { publicKey } as DecapsulationKey;
    secrets.set(key, { privateKey: secret as CryptoKey, publicKey: (await publicKeyOf(publicKey)) as CryptoKey });
    return key;
  };

  return {
    create: async (random) => {
      const pair = await withAlgorithm(ALGORITHM, () => crypto.subtle.generateKey(ALGORITHM, false, ["deriveBits"]));
      if (!("privateKey" in pair)) throw new PerdureError("internal", "the browser made no pair of keys");
      const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
      const made: VaultKey = { algorithm: ALGORITHM, secret: pair.privateKey, publicKey };
      return { kept: await vault.keep(random, made), key: await handleOf(made) };
    },
    load: async (kept) => {
      requireLength(kept, KEY_BYTES, "the secret key");
      return await handleOf((await vault.find(kept, ALGORITHM)) ?? (await keyOfSecret(kept)));
    },
    encapsulate: async (publicKey, info) => {
      requireLength(publicKey, KEY_BYTES, "the public key");
      const { encapsulatedSecret, exportedSecret } = await refusing("the public key", async () =>
        suite.SendExport((await publicKeyOf(publicKey)) as CryptoKey, EXPORTER_CONTEXT, SECRET_BYTES, { info }),
      );
      return { encapsulated: encapsulatedSecret, secret: exportedSecret };
    },
    decapsulate: async (key, encapsulated, info) => {
      requireLength(encapsulated, KEY_BYTES, "the encapsulated key");
      const pair = secretOf(key);
      return await refusing("the encapsulated key", () =>
        suite.ReceiveExport(pair, encapsulated, EXPORTER_CONTEXT, SECRET_BYTES, { info }),
      );
    },
    agree: async (key, publicKey) => {
      requireLength(publicKey, KEY_BYTES, "the public key");
      const { privateKey } = secretOf(key);
      return await refusing("the public key", async () => {
        const shared = await agreeWith(privateKey as VaultKey["secret"], publicKey);
        if (shared.every((byte) => byte === 0)) throw new Error("all zero");
        return shared;
      });
    },
  };
}

function publicKeyOf(publicKey: Uint8Array): Promise<VaultKey["secret"]> {
  return withAlgorithm(ALGORITHM, () => crypto.subtle.importKey("raw", bufferOf(publicKey), ALGORITHM, true, []));
}

async function agreeWith(secret: VaultKey["secret"], publicKey: Uint8Array): Promise<Uint8Array> {
  const theirs = await publicKeyOf(publicKey);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: ALGORITHM, public: theirs }, secret, SECRET_BYTES * 8));
}

async function keyOfSecret(bytes: Uint8Array): Promise<VaultKey> {
  const pkcs8 = bufferOf(concat(PKCS8_PREFIX, bytes));
  const secret = await withAlgorithm(ALGORITHM, () => crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["deriveBits"]));
  return { algorithm: ALGORITHM, secret, publicKey: await agreeWith(secret, BASE_POINT) };
}

/** With lengths checked, what still fails is a point that gives no shared secret. */
async function refusing<Value>(what: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PerdureError) throw cause;
    throw new PerdureError("bad-argument", `${what} gives no shared secret`, { cause });
  }
}
