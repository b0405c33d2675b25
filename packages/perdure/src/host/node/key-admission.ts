/**
 * Whether an Ed25519 key is admitted, rule 1 of `ed25519-rule.ts`, by one multiplication of OpenSSL's X25519.
 *
 * X25519 multiplies by numbers from 2^254 to 2^255 that 8 divides, and sees of a point only its u, which the point's negative shares.
 * 5L - 1 is such a number. It takes P + T, with P of the subgroup of order L and T of an order that divides 8, to -P: u stays the same
 * only where T is the identity, but for points of small order, which `isRefusedEncoding` has refused. A y that belongs to no point
 * stands for one of the twist, whose order 2p + 2 - 8L shares no factor with 5L or 5L - 2, so there u changes too.
 */
import { createPrivateKey, diffieHellman } from "node:crypto";
import { concat, fromHex, hex } from "../../wire/bytes.ts";
import { isRefusedEncoding } from "../ed25519-encoding.ts";
import { publicKeyOf } from "./raw-keys.ts";

const KEY_BYTES = 32;
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const PKCS8_PREFIX = fromHex("302e020100300506032b656e04220420") as Uint8Array;

/** The answer of `admitsKey`, ten times as fast. */
export function createNodeKeyAdmission(): (publicKey: Uint8Array) => boolean {
  const fiveTimes = createPrivateKey({ key: Buffer.from(concat(PKCS8_PREFIX, littleEndian(5n * L - 1n))), format: "der", type: "pkcs8" });
  return (publicKey) => {
    if (publicKey.length !== KEY_BYTES || isRefusedEncoding(publicKey)) return false;
    const u = littleEndian(uOf(publicKey));
    try {
      return diffieHellman({ privateKey: fiveTimes, publicKey: publicKeyOf("x25519", u) }).equals(u);
    } catch {
      // Nothing is left of it: it had a small order.
      return false;
    }
  };
}

/** (1 + y) / (1 - y), the same point as X25519 sees it. */
function uOf(publicKey: Uint8Array): bigint {
  const y = BigInt(`0x${hex(publicKey.slice().reverse())}`) & (2n ** 255n - 1n);
  return ((1n + y) * inverse(P + 1n - y)) % P;
}

/** By Euclid; of what P does not divide. */
function inverse(value: bigint): bigint {
  let [rest, last] = [value % P, P];
  let [factor, lastFactor] = [1n, 0n];
  while (rest !== 1n) {
    const times = last / rest;
    [rest, last] = [last - times * rest, rest];
    [factor, lastFactor] = [lastFactor - times * factor, factor];
  }
  return ((factor % P) + P) % P;
}

function littleEndian(value: bigint): Uint8Array {
  return (fromHex(value.toString(16).padStart(2 * KEY_BYTES, "0")) as Uint8Array).reverse();
}
