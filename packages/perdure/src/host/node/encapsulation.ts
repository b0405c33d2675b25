import type { KeyObject } from "node:crypto";
import { createPrivateKey, diffieHellman } from "node:crypto";
import type { CryptoKey, KDFFactory, KeyPair } from "hpke";
import { AEAD_EXPORT_ONLY, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";
import { concat, fromHex, utf8 } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { DecapsulationKey, Encapsulation } from "../crypto.ts";
import { requireLength } from "../exact-length.ts";
import { hkdfExpandSha256, hmacSha256 } from "./hash.ts";
import { plainBytes } from "./raw-bytes.ts";
import { publicKeyOf, rawPublicKey } from "./raw-keys.ts";

const KEY_BYTES = 32;
const SECRET_BYTES = 32;
/** Part of the wire format: every secret of ours is exported under this context. */
const EXPORTER_CONTEXT: Uint8Array = utf8("perdure/export/1");

const PKCS8_PREFIX = fromHex("302e020100300506032b656e04220420") as Uint8Array;

/** The library's own asks WebCrypto, which makes two jobs for another thread of each of the few hashes a message needs. */
const kdfOfNode: KDFFactory = () => ({
  ...KDF_HKDF_SHA256(),
  Extract: async (salt, secret) => hmacSha256(salt, secret),
  Expand: async (pseudorandomKey, info, lengthBytes) => hkdfExpandSha256(pseudorandomKey, info, lengthBytes),
});

interface SecretKey {
  readonly forAgreement: KeyObject;
  /** Imported once something is opened with it: most keys only agree. */
  readonly forHpke: () => Promise<KeyPair<CryptoKey>>;
}

export function createNodeEncapsulation(): Encapsulation {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, kdfOfNode, AEAD_EXPORT_ONLY);
  const secrets = new WeakMap<DecapsulationKey, SecretKey>();

  const secretOf = (key: DecapsulationKey): SecretKey => {
    const secret = secrets.get(key);
    if (secret === undefined) throw new PerdureError("bad-argument", "the key was loaded by another host");
    return secret;
  };

  const importedOnce = (secret: Uint8Array, publicKey: Uint8Array): SecretKey["forHpke"] => {
    let pair: Promise<KeyPair<CryptoKey>> | undefined;
    const load = async (): Promise<KeyPair<CryptoKey>> => ({
      privateKey: await suite.DeserializePrivateKey(secret),
      publicKey: await suite.DeserializePublicKey(publicKey),
    });
    return () => (pair ??= load());
  };

  const load = async (secret: Uint8Array): Promise<DecapsulationKey> => {
    requireLength(secret, KEY_BYTES, "the secret key");
    const forAgreement = createPrivateKey({ key: Buffer.from(concat(PKCS8_PREFIX, secret)), format: "der", type: "pkcs8" });
    const publicKey = rawPublicKey(forAgreement);
    const key = { publicKey } as DecapsulationKey;
    secrets.set(key, { forAgreement, forHpke: importedOnce(secret.slice(), publicKey) });
    return key;
  };

  return {
    create: async (random) => {
      const kept = random.bytes(KEY_BYTES);
      return { key: await load(kept), kept };
    },
    load,
    encapsulate: async (publicKey, info) => {
      requireLength(publicKey, KEY_BYTES, "the public key");
      const { encapsulatedSecret, exportedSecret } = await refusing("the public key", async () =>
        suite.SendExport(await suite.DeserializePublicKey(publicKey), EXPORTER_CONTEXT, SECRET_BYTES, { info }),
      );
      return { encapsulated: plainBytes(encapsulatedSecret), secret: plainBytes(exportedSecret) };
    },
    decapsulate: async (key, encapsulated, info) => {
      requireLength(encapsulated, KEY_BYTES, "the encapsulated key");
      const { forHpke } = secretOf(key);
      return plainBytes(
        await refusing("the encapsulated key", async () =>
          suite.ReceiveExport(await forHpke(), encapsulated, EXPORTER_CONTEXT, SECRET_BYTES, { info }),
        ),
      );
    },
    agree: async (key, publicKey) => {
      requireLength(publicKey, KEY_BYTES, "the public key");
      const { forAgreement } = secretOf(key);
      return await refusing("the public key", async () => {
        const shared = plainBytes(diffieHellman({ privateKey: forAgreement, publicKey: publicKeyOf("x25519", publicKey) }));
        if (shared.every((byte) => byte === 0)) throw new Error("all zero");
        return shared;
      });
    },
  };
}

/** With lengths checked, what still fails is a point that gives no shared secret. */
async function refusing<Value>(what: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    throw new PerdureError("bad-argument", `${what} gives no shared secret`, { cause });
  }
}
