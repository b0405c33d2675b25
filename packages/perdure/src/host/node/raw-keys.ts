/**
 * Public keys of 32 bytes as key objects and back.
 *
 * They go in as PEM text and come out as JWK: given bytes, Node first finds out by four exceptions that they are no key object, which takes
 * twice as long as reading the key, and OpenSSL writes DER by a machinery that takes thirty times as long as copying 32 bytes.
 */
import { createPublicKey, type KeyObject } from "node:crypto";

/** Base64 of SubjectPublicKeyInfo up to the key: 12 bytes, so that the key's own letters follow. */
const SPKI = { ed25519: "MCowBQYDK2VwAyEA", x25519: "MCowBQYDK2VuAyEA" };

/** The key of these 32 bytes; throws what OpenSSL does where they cannot be one. */
export function publicKeyOf(kind: keyof typeof SPKI, raw: Uint8Array): KeyObject {
  const letters = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString("base64");
  return createPublicKey(`-----BEGIN PUBLIC KEY-----\n${SPKI[kind]}${letters}\n-----END PUBLIC KEY-----\n`);
}

/** The 32 bytes of the public half of an Ed25519 or X25519 key. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const { x = "" } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x, "base64url"));
}
