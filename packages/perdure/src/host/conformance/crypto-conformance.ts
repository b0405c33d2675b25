import { describe, expect } from "vitest";
import { equalBytes, hex, utf8 } from "../../wire/bytes.ts";
import type { Crypto } from "../crypto.ts";
import type { Subject } from "./subject.ts";
import { codeOf, portTest } from "./subject.ts";

export interface CryptoSubject extends Subject {
  readonly crypto: Crypto;
}

const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] as number) ^ 1;
  return changed;
}

/**
 * Declares what rooms above rely on, whether the cryptography is real or a simulation of it. That real algorithms are the
 * standard ones is shown by vectors beside the implementation.
 */
export function cryptoConformance(host: string, make: () => Promise<CryptoSubject> | CryptoSubject): void {
  describe(`crypto of ${host}`, () => {
    portTest("sha256 is SHA-256", make, async ({ crypto }) => {
      expect(hex(crypto.hash.sha256(utf8("abc")))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    });

    portTest("hmac and hkdf depend on every input and have their lengths", make, async ({ crypto }) => {
      const { hmacSha256, hkdfSha256 } = crypto.hash;
      const tags = [hmacSha256(filled(1), utf8("a")), hmacSha256(filled(2), utf8("a")), hmacSha256(filled(1), utf8("b"))];
      const keys = [
        hkdfSha256(filled(1), filled(2), utf8("a"), 80),
        hkdfSha256(filled(3), filled(2), utf8("a"), 80),
        hkdfSha256(filled(1), filled(3), utf8("a"), 80),
        hkdfSha256(filled(1), filled(2), utf8("b"), 80),
      ];
      expect(tags.map((tag) => tag.length)).toEqual([32, 32, 32]);
      expect(keys.map((key) => key.length)).toEqual([80, 80, 80, 80]);
      expect(new Set([...tags, ...keys].map(hex)).size).toBe(7);
      expect(hkdfSha256(filled(1), filled(2), utf8("a"), 80)).toEqual(keys[0]);
    });

    portTest("a signature verifies for its key and message only", make, async ({ crypto }) => {
      const { load, sign, verify } = crypto.signatures;
      const key = await load(filled(7));
      const other = await load(filled(8));
      const signature = await sign(key, utf8("message"));
      expect(key.publicKey).toHaveLength(32);
      expect(signature).toHaveLength(64);
      expect(await verify(key.publicKey, utf8("message"), signature)).toBe(true);
      expect(await verify(key.publicKey, utf8("massage"), signature)).toBe(false);
      expect(await verify(other.publicKey, utf8("message"), signature)).toBe(false);
      for (const at of [0, 31, 32, 63]) expect(await verify(key.publicKey, utf8("message"), flipped(signature, at))).toBe(false);
    });

    portTest("keys and signatures of wrong length do not verify, and do not throw", make, async ({ crypto }) => {
      const { load, sign, verify } = crypto.signatures;
      const key = await load(filled(7));
      const signature = await sign(key, utf8("message"));
      expect(await verify(key.publicKey.subarray(1), utf8("message"), signature)).toBe(false);
      expect(await verify(key.publicKey, utf8("message"), signature.subarray(0, 63))).toBe(false);
      expect(await verify(new Uint8Array(0), utf8("message"), new Uint8Array(0))).toBe(false);
    });

    portTest("the same seed is the same key; a seed of wrong length is bad-argument", make, async ({ crypto }) => {
      const first = await crypto.signatures.load(filled(7));
      const again = await crypto.signatures.load(filled(7));
      expect(hex(first.publicKey)).toBe(hex(again.publicKey));
      expect(await codeOf(crypto.signatures.load(filled(7, 31)))).toBe("bad-argument");
      expect(await codeOf(crypto.encapsulation.load(filled(7, 33)))).toBe("bad-argument");
    });

    portTest("an encapsulated secret is found by the owner of the key, with the same info, only", make, async ({ crypto }) => {
      const { load, encapsulate, decapsulate } = crypto.encapsulation;
      const key = await load(filled(9));
      const other = await load(filled(10));
      const { encapsulated, secret } = await encapsulate(key.publicKey, utf8("info"));
      expect(encapsulated).toHaveLength(32);
      expect(secret).toHaveLength(32);
      expect(await decapsulate(key, encapsulated, utf8("info"))).toEqual(secret);
      expect(await decapsulate(key, encapsulated, utf8("inf0"))).not.toEqual(secret);
      expect(await decapsulate(other, encapsulated, utf8("info"))).not.toEqual(secret);
    });

    portTest("two encapsulations never share a key or a secret", make, async ({ crypto }) => {
      const key = await crypto.encapsulation.load(filled(9));
      const seen = new Set<string>();
      for (let round = 0; round < 8; round++) {
        const { encapsulated, secret } = await crypto.encapsulation.encapsulate(key.publicKey, utf8("info"));
        seen.add(hex(encapsulated)).add(hex(secret));
      }
      expect(seen.size).toBe(16);
    });

    portTest("malformed encapsulated and public keys are bad-argument", make, async ({ crypto }) => {
      const { load, encapsulate, decapsulate, agree } = crypto.encapsulation;
      const key = await load(filled(9));
      expect(await codeOf(decapsulate(key, filled(1, 31), utf8("info")))).toBe("bad-argument");
      expect(await codeOf(encapsulate(filled(1, 33), utf8("info")))).toBe("bad-argument");
      expect(await codeOf(agree(key, filled(1, 31)))).toBe("bad-argument");
    });

    portTest("agreement gives both sides the same 32 bytes and others different ones", make, async ({ crypto }) => {
      const { load, agree } = crypto.encapsulation;
      const [ours, theirs, stranger] = await Promise.all([load(filled(11)), load(filled(12)), load(filled(13))]);
      const shared = await agree(ours, theirs.publicKey);
      expect(shared).toHaveLength(32);
      expect(equalBytes(shared, await agree(theirs, ours.publicKey))).toBe(true);
      expect(equalBytes(shared, await agree(stranger, ours.publicKey))).toBe(false);
      expect(equalBytes(shared, await agree(stranger, theirs.publicKey))).toBe(false);
    });

    portTest("a sealed text opens with its key and associated data only", make, async ({ crypto }) => {
      const { seal, open } = crypto.aead;
      const plaintext = utf8("forty-two");
      const sealed = await seal(filled(1), plaintext, utf8("header"));
      expect(sealed).toHaveLength(plaintext.length + 16);
      expect(await open(filled(1), sealed, utf8("header"))).toEqual(plaintext);
      expect(await open(filled(2), sealed, utf8("header"))).toBeUndefined();
      expect(await open(filled(1), sealed, utf8("heater"))).toBeUndefined();
      for (const at of [0, plaintext.length - 1, plaintext.length, sealed.length - 1]) {
        expect(await open(filled(1), flipped(sealed, at), utf8("header"))).toBeUndefined();
      }
    });

    portTest("a sealed text that was cut does not open; an empty one does", make, async ({ crypto }) => {
      const { seal, open } = crypto.aead;
      const sealed = await seal(filled(1), new Uint8Array(0), new Uint8Array(0));
      expect(sealed).toHaveLength(16);
      expect(await open(filled(1), sealed, new Uint8Array(0))).toHaveLength(0);
      expect(await open(filled(1), sealed.subarray(1), new Uint8Array(0))).toBeUndefined();
      expect(await open(filled(1), new Uint8Array(0), new Uint8Array(0))).toBeUndefined();
    });

    portTest("a key of wrong length is bad-argument", make, async ({ crypto }) => {
      expect(await codeOf(crypto.aead.seal(filled(1, 16), utf8("text"), utf8("")))).toBe("bad-argument");
      expect(await codeOf(crypto.aead.open(filled(1, 16), filled(1, 32), utf8("")))).toBe("bad-argument");
    });

    portTest("inputs are left as they were", make, async ({ crypto }) => {
      const plaintext = utf8("text");
      const key = filled(1);
      const sealed = await crypto.aead.seal(key, plaintext, utf8("header"));
      const before = hex(sealed);
      await crypto.aead.open(key, sealed, utf8("header"));
      expect(plaintext).toEqual(utf8("text"));
      expect(key).toEqual(filled(1));
      expect(hex(sealed)).toBe(before);
    });
  });
}
