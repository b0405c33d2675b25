/** What the rule of `ed25519-rule.ts` refuses by its bytes alone, apart from the arithmetic of the curve, which takes long to load. */
import { fromHex, hex } from "../wire/bytes.ts";

const HALF_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** L = 2^252 + 27742317777372353535851937790883648493, big-endian, the order in which bytes are compared. */
const L_BYTES = fromHex("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed") as Uint8Array;

/** y coordinates, little-endian with the sign bit off, of the eight points whose order divides 8. */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

/** Whether these are 64 bytes that may be a signature of some key: rule 2. Costs next to nothing. */
export function admitsSignature(signature: Uint8Array): boolean {
  return (
    signature.length === SIGNATURE_BYTES &&
    isBelowL(signature.subarray(HALF_BYTES)) &&
    !isRefusedEncoding(signature.subarray(0, HALF_BYTES))
  );
}

/** A point of small order, or a y coordinate of p = 2^255 - 19 or more. */
export function isRefusedEncoding(encoded: Uint8Array): boolean {
  const y = encoded.slice();
  y[31] = (y[31] as number) & 0x7f;
  const notReduced = y[31] === 0x7f && (y[0] as number) >= 0xed && y.subarray(1, 31).every((byte) => byte === 0xff);
  return notReduced || SMALL_ORDER.has(hex(y));
}

/** `scalar` is little-endian. */
function isBelowL(scalar: Uint8Array): boolean {
  for (let at = 0; at < HALF_BYTES; at++) {
    const [ours, limit] = [scalar[HALF_BYTES - 1 - at] as number, L_BYTES[at] as number];
    if (ours !== limit) return ours < limit;
  }
  return false;
}
