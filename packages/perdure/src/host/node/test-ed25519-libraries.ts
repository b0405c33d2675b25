/** Ed25519 of the libraries that tests compare verdicts with: as they come, and libsodium behind the rule. */
import { createPublicKey, verify } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import sodium from "sodium-native";
import { concat, fromHex } from "../../wire/bytes.ts";
import type { Shown } from "../conformance/ed25519-craft.ts";
import { admitsSignature } from "../ed25519-encoding.ts";

const SPKI_PREFIX = fromHex("302a300506032b6570032100") as Uint8Array;

export type Verdict = (shown: Shown) => boolean;

export const opensslAsItComes: Verdict = ({ key, message, signature }) => {
  if (key.length !== 32) return false;
  const spki = Buffer.from(concat(SPKI_PREFIX, key));
  return verify(null, message, createPublicKey({ key: spki, format: "der", type: "spki" }), signature);
};

export const libsodiumAsItComes: Verdict = ({ key, message, signature }) =>
  key.length === 32 && signature.length === 64 && sodium.crypto_sign_verify_detached(signature, message, key);

/** `zip215` is what noble does unless told otherwise; with false it follows RFC 8032. Both multiply by the cofactor. */
export function nobleAsItComes(zip215: boolean): Verdict {
  return ({ key, message, signature }) => {
    try {
      return ed25519.verify(signature, message, key, { zip215 });
    } catch {
      return false;
    }
  };
}

/** The rule with libsodium for its third part. */
export function libsodiumBehindTheRule(admitsKey: (key: Uint8Array) => boolean): Verdict {
  return (shown) => admitsSignature(shown.signature) && admitsKey(shown.key) && libsodiumAsItComes(shown);
}

/** What each library says of a signature, by the names the vectors use. */
export function saysOf(shown: Shown): Readonly<Record<"openssl" | "libsodium" | "noble" | "nobleRfc8032", boolean>> {
  return {
    openssl: opensslAsItComes(shown),
    libsodium: libsodiumAsItComes(shown),
    noble: nobleAsItComes(true)(shown),
    nobleRfc8032: nobleAsItComes(false)(shown),
  };
}
