import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import * as hpke from "hpke";
import { describe, expect, test } from "vitest";
import { concat, fromHex, hex, utf8 } from "../../wire/bytes.ts";
import { cryptoConformance } from "../conformance/crypto-conformance.ts";
import { createNodeCrypto } from "./crypto.ts";
import { hmacSha256 } from "./hash.ts";

cryptoConformance("this machine", () => ({ crypto: createNodeCrypto() }));

const crypto = createNodeCrypto();
const bytes = (text: string): Uint8Array => fromHex(text) as Uint8Array;

/** The vectors of one standard; every field not named otherwise is hexadecimal. */
function vectorsOf<Vector>(name: string): readonly [Vector, ...Vector[]] {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8")).vectors;
}

interface HpkeVector {
  readonly suite: string;
  readonly kemId: number;
  readonly kdfId: number;
  readonly aeadId: number;
  readonly info: string;
  readonly pkRm: string;
  readonly skRm: string;
  readonly enc: string;
  readonly exporterSecret: string;
  readonly encryptions?: readonly { readonly plaintext: string; readonly aad: string; readonly ciphertext: string }[];
  readonly exports: readonly { readonly context: string; readonly lengthBytes: number; readonly value: string }[];
}

const rfc4231 = vectorsOf<{ readonly key: string; readonly data: string; readonly tag: string }>("rfc4231");
const rfc5869 = vectorsOf<{
  readonly secret: string;
  readonly salt: string;
  readonly info: string;
  readonly lengthBytes: number;
  readonly output: string;
}>("rfc5869");
const rfc7748 = vectorsOf<{ readonly secret: string; readonly publicKey: string; readonly shared: string }>("rfc7748");
const rfc8032 = vectorsOf<{ readonly seed: string; readonly publicKey: string; readonly message: string; readonly signature: string }>(
  "rfc8032",
);
const rfc9180 = vectorsOf<HpkeVector>("rfc9180");

describe("published vectors", () => {
  test.each(rfc4231)("HMAC-SHA256, RFC 4231: key $key", ({ key, data, tag }) => {
    expect(hex(crypto.hash.hmacSha256(bytes(key), bytes(data)))).toBe(tag);
  });

  // Short and long input go different ways, and so do keys of more than a block.
  test.each([0, 32, 64, 65, 200])("HMAC-SHA256 is Node's own, with keys of %i bytes", (keyBytes) => {
    const key = Uint8Array.from({ length: keyBytes }, (_, index) => index);
    for (const length of [0, 1, 4095, 4096, 4097, 70_000]) {
      const data = Uint8Array.from({ length }, (_, index) => index * 7);
      const cut = length >> 1;
      const own = createHmac("sha256", key).update(data).digest("hex");
      expect(hex(hmacSha256(key, data.subarray(0, cut), data.subarray(cut)))).toBe(own);
    }
  });

  test.each(rfc5869)("HKDF-SHA256, RFC 5869: $lengthBytes bytes, salt $salt", ({ secret, salt, info, lengthBytes, output }) => {
    expect(hex(crypto.hash.hkdfSha256(bytes(secret), bytes(salt), bytes(info), lengthBytes))).toBe(output);
  });

  test.each(rfc8032)("Ed25519, RFC 8032: $publicKey", async ({ seed, publicKey, message, signature }) => {
    const key = await crypto.signatures.load(bytes(seed));
    expect(hex(key.publicKey)).toBe(publicKey);
    expect(hex(await crypto.signatures.sign(key, bytes(message)))).toBe(signature);
    expect(await crypto.signatures.verify(bytes(publicKey), bytes(message), bytes(signature))).toBe(true);
  });

  test.each(rfc7748)("X25519, RFC 7748: $publicKey", async ({ secret, publicKey, shared }) => {
    expect(hex(await crypto.encapsulation.agree(await crypto.encapsulation.load(bytes(secret)), bytes(publicKey)))).toBe(shared);
  });
});

/** HPKE's Context.Export (RFC 9180 section 5.3) from the exporter secret of a vector, by our own HMAC: 32 bytes are one HKDF block. */
function exported(exporterSecret: Uint8Array, context: Uint8Array): Uint8Array {
  const suiteId = concat(utf8("HPKE"), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0xff, 0xff));
  const info = concat(Uint8Array.of(0, 32), utf8("HPKE-v1"), suiteId, utf8("sec"), context);
  return crypto.hash.hmacSha256(exporterSecret, concat(info, Uint8Array.of(1)));
}

const [exportOnly] = rfc9180;

describe("HPKE, RFC 9180", () => {
  test.each(exportOnly.exports)("the exporter of this test is the standard's: context $context", ({ context, value }) => {
    expect(hex(exported(bytes(exportOnly.exporterSecret), bytes(context)))).toBe(value);
  });

  test("decapsulate finds the secret of the export-only vector", async () => {
    const key = await crypto.encapsulation.load(bytes(exportOnly.skRm));
    expect(hex(key.publicKey)).toBe(exportOnly.pkRm);
    const secret = await crypto.encapsulation.decapsulate(key, bytes(exportOnly.enc), bytes(exportOnly.info));
    expect(hex(secret)).toBe(hex(exported(bytes(exportOnly.exporterSecret), utf8("perdure/export/1"))));
  });

  const kems = { 32: hpke.KEM_DHKEM_X25519_HKDF_SHA256, 18: hpke.KEM_DHKEM_P521_HKDF_SHA512 };
  const kdfs = { 1: hpke.KDF_HKDF_SHA256, 3: hpke.KDF_HKDF_SHA512 };
  const aeads = { 1: hpke.AEAD_AES_128_GCM, 2: hpke.AEAD_AES_256_GCM, 65535: hpke.AEAD_EXPORT_ONLY };

  test.each(rfc9180)("the library agrees with the vectors of $suite", async (vector) => {
    const suite = new hpke.CipherSuite(
      kems[vector.kemId as keyof typeof kems],
      kdfs[vector.kdfId as keyof typeof kdfs],
      aeads[vector.aeadId as keyof typeof aeads],
    );
    const keys = {
      privateKey: await suite.DeserializePrivateKey(bytes(vector.skRm)),
      publicKey: await suite.DeserializePublicKey(bytes(vector.pkRm)),
    };
    const recipient = await suite.SetupRecipient(keys, bytes(vector.enc), { info: bytes(vector.info) });
    for (const { plaintext, aad, ciphertext } of vector.encryptions ?? []) {
      expect(hex(await recipient.Open(bytes(ciphertext), bytes(aad)))).toBe(plaintext);
    }
    for (const { context, lengthBytes, value } of vector.exports) {
      expect(hex(await recipient.Export(bytes(context), lengthBytes))).toBe(value);
    }
  });
});

/** The order of Ed25519's base point. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** Adds `amount` to the little-endian number in the last 32 bytes of a signature. */
function withLargerS(signature: Uint8Array, amount: bigint): Uint8Array {
  let s = amount;
  for (let index = 63; index >= 32; index--) s += BigInt(signature[index] as number) << BigInt(8 * (index - 32));
  const changed = signature.slice();
  for (let index = 32; index < 64; index++) changed[index] = Number((s >> BigInt(8 * (index - 32))) & 255n);
  return changed;
}

const SMALL_ORDER_KEYS = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

describe("strict verification", () => {
  test("a signature with S + L, which other implementations take, is refused", async () => {
    const { publicKey, message, signature } = rfc8032[0];
    expect(await crypto.signatures.verify(bytes(publicKey), bytes(message), withLargerS(bytes(signature), 0n))).toBe(true);
    expect(await crypto.signatures.verify(bytes(publicKey), bytes(message), withLargerS(bytes(signature), ORDER))).toBe(false);
  });

  // With the identity as key, R = identity and S = 0 satisfy the equation for every message; libraries without the check say yes.
  test.each(SMALL_ORDER_KEYS)("the key %s verifies nothing", async (publicKey) => {
    for (const pointR of SMALL_ORDER_KEYS) {
      for (let round = 0; round < 4; round++) {
        const signature = concat(bytes(pointR), new Uint8Array(32));
        expect(await crypto.signatures.verify(bytes(publicKey), utf8(`message ${round}`), signature)).toBe(false);
      }
    }
  });

  test.each([
    "0000",
    "0100",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  ])("X25519 with the small-order point %s is bad-argument", async (point) => {
    const publicKey = new Uint8Array(32);
    publicKey.set(bytes(point));
    const key = await crypto.encapsulation.load(new Uint8Array(32).fill(9));
    await expect(crypto.encapsulation.agree(key, publicKey)).rejects.toMatchObject({ code: "bad-argument" });
    await expect(crypto.encapsulation.encapsulate(publicKey, utf8("info"))).rejects.toMatchObject({ code: "bad-argument" });
    await expect(crypto.encapsulation.decapsulate(key, publicKey, utf8("info"))).rejects.toMatchObject({ code: "bad-argument" });
  });

  test("a key of another host is bad-argument", async () => {
    const key = await createNodeCrypto().signatures.load(new Uint8Array(32));
    await expect(crypto.signatures.sign(key, utf8("message"))).rejects.toMatchObject({ code: "bad-argument" });
  });

  test("public keys beyond those kept parsed still verify", async () => {
    for (let index = 0; index < 1100; index++) {
      const key = await crypto.signatures.load(crypto.hash.sha256(utf8(String(index))));
      if (index % 100 === 0)
        expect(await crypto.signatures.verify(key.publicKey, utf8("m"), await crypto.signatures.sign(key, utf8("m")))).toBe(true);
      else await crypto.signatures.verify(key.publicKey, utf8("m"), new Uint8Array(64).fill(3));
    }
  });
});
