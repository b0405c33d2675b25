/**
 * Normal numbers from a seed, the same to the last bit on every engine: the polar method (Marsaglia and Bray 1964) with a logarithm made of the
 * operations that IEEE 754 rounds correctly. `Math.log` is not the same everywhere.
 */
import type { RandomBits } from "../codec/random-bits.ts";

/** Mean 0, variance 1. */
export function createNormalDraws(bits: RandomBits): () => number {
  let kept: number | undefined;
  return () => {
    if (kept !== undefined) {
      const second = kept;
      kept = undefined;
      return second;
    }
    for (;;) {
      const drawn = bits.next();
      const [left, right] = [evenlyDrawn(drawn >> 32n), evenlyDrawn(drawn & 0xffff_ffffn)];
      const square = left * left + right * right;
      // Never 0: neither of the two can be.
      if (square >= 1) continue;
      const stretch = Math.sqrt((-2 * naturalLogarithm(square)) / square);
      kept = right * stretch;
      return left * stretch;
    }
  };
}

/** From -1 to 1, in the middle of one of 2^32 even steps. */
function evenlyDrawn(bits: bigint): number {
  return (Number(bits) + 0.5) / 2 ** 31 - 1;
}

const HALF_ROOT = Math.SQRT1_2;
/** Of the series in t^2 with t at most 0.172: the next one is below 2^-56 of the sum. */
const TERMS = 11;

/** Of a positive number: m * 2^e with m about one, and ln m = 2 (t + t^3/3 + t^5/5 + ...) with t = (m - 1) / (m + 1). */
export function naturalLogarithm(value: number): number {
  let mantissa = value;
  let exponent = 0;
  for (; mantissa < HALF_ROOT; exponent--) mantissa *= 2;
  for (; mantissa > 2 * HALF_ROOT; exponent++) mantissa /= 2;
  const t = (mantissa - 1) / (mantissa + 1);
  let series = 0;
  for (let term = TERMS; term >= 0; term--) series = series * t * t + 1 / (2 * term + 1);
  return exponent * Math.LN2 + 2 * t * series;
}
