/**
 * Signatures as only the maker of a key can craft them: with torsion in the key or in R, with S beyond the order, with keys of small
 * order. Everything follows from what is passed in, so that vectors and random samples can be made again.
 */
import { ED25519_TORSION_SUBGROUP, ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, fromHex, hex, utf8 } from "../../wire/bytes.ts";

const { Point } = ed25519;
/** The order of the base point. */
export const L: bigint = Point.Fn.ORDER;
type CurvePoint = InstanceType<typeof Point>;

/** The points whose order divides 8; 0 is the identity. */
const TORSION: readonly CurvePoint[] = ED25519_TORSION_SUBGROUP.map((encoded) => Point.fromHex(encoded, true));

/** Encodings of those points that are not canonical: y of p or more, or the sign of x = 0. */
export const NOT_CANONICAL_SMALL_ORDER: readonly string[] = [
  "0100000000000000000000000000000000000000000000000000000000000080",
  `ec${"ff".repeat(31)}`,
  ...["ed", "ee"].flatMap((first) => [`${first}${"ff".repeat(30)}7f`, `${first}${"ff".repeat(31)}`]),
];

/** What somebody shows as a signature. */
export interface Shown {
  readonly key: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** A secret with its public key, to which a point of small order was added: number 0 to 7, 0 for none. */
export interface Keys {
  readonly secret: bigint;
  readonly torsion: number;
  readonly publicKey: Uint8Array;
}

/** A scalar of the field that depends on `seed` only. */
export function scalarFrom(seed: string): bigint {
  return littleEndian(sha512(utf8(seed))) % L;
}

export function keysFrom(seed: string, torsion: number): Keys {
  const secret = scalarFrom(`key ${seed}`);
  return { secret, torsion, publicKey: Point.BASE.multiply(secret).add(torsionPoint(torsion)).toBytes() };
}

/** A signature that fits the equation with cofactor; `torsion` is the number of the point added to R, `nonce` 0 makes R that point. */
export function signCrafted(keys: Keys, message: Uint8Array, torsion: number, nonce: bigint): Shown {
  const r = Point.BASE.multiplyUnsafe(nonce).add(torsionPoint(torsion)).toBytes();
  const s = (nonce + challenge(r, keys.publicKey, message) * keys.secret) % L;
  return { key: keys.publicKey, message, signature: concat(r, scalarBytes(s)) };
}

/** R and S put together for a key nobody made: `r` and `key` are encodings. */
export function assemble(key: string, message: Uint8Array, r: string, s: bigint): Shown {
  return { key: fromHex(key) as Uint8Array, message, signature: concat(fromHex(r) as Uint8Array, scalarBytes(s)) };
}

/** The same with a multiple of the order added to S; at most 15 fit. */
export function withLargerS(shown: Shown, times: number): Shown {
  const s = littleEndian(shown.signature.subarray(32)) + BigInt(times) * L;
  return { ...shown, signature: concat(shown.signature.subarray(0, 32), scalarBytes(s)) };
}

/** Whether R, to which the point `torsion` was added, is [S]B - [k]A without a cofactor. */
export function fitsWithoutCofactor(keys: Keys, shown: Shown, torsion: number): boolean {
  return torsionPoint(keys.torsion)
    .multiplyUnsafe(challengeOf(shown) % 8n)
    .add(torsionPoint(torsion))
    .is0();
}

/** The k of a signature. */
export function challengeOf({ key, message, signature }: Shown): bigint {
  return challenge(signature.subarray(0, 32), key, message);
}

/** Whether 32 bytes are the encoding of a point, canonical or not. */
export function isPoint(encoded: Uint8Array): boolean {
  try {
    return Point.fromBytes(encoded, true) !== undefined;
  } catch {
    return false;
  }
}

/** The encodings of all points of small order, canonical ones first. */
export function smallOrderEncodings(): readonly string[] {
  return [...TORSION.map((point) => point.toHex()), ...NOT_CANONICAL_SMALL_ORDER];
}

function torsionPoint(number: number): CurvePoint {
  const point = TORSION[number];
  if (point === undefined) throw new RangeError("there are eight points of small order");
  return point;
}

function challenge(r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  return littleEndian(sha512(concat(r, key, message))) % L;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes.slice().reverse())}`);
}

function scalarBytes(scalar: bigint): Uint8Array {
  return (fromHex(scalar.toString(16).padStart(64, "0")) as Uint8Array).reverse();
}
