/** Sixteen-bit floats of no sign (IEEE 754 binary16): 5 bits of exponent, 10 of fraction. `DataView` knows them on the newest engines only. */

export const LARGEST_HALF = 65_504;
const FRACTION_BITS = 10;
/** Of the least exponent: smaller numbers are multiples of the least one. */
const LEAST_NORMAL = 2 ** -14;
/** Added and taken away again, it rounds a number below it to the nearest whole one, and halves to even. */
const ROUNDING = 2 ** 52;

/** The nearest one of a number from 0 to the largest. */
export function halfOf(value: number): number {
  let exponent = 1;
  let step = LEAST_NORMAL / 2 ** FRACTION_BITS;
  for (; value >= step * 2 ** (FRACTION_BITS + 1); exponent++) step *= 2;
  const steps = value / step + ROUNDING - ROUNDING;
  // A fraction that is rounded up to a whole counts on into the exponent, and one below the least normal number has none.
  return steps + (exponent - 1) * 2 ** FRACTION_BITS;
}

/** NaN for what is none, and for a negative one. */
export function fromHalf(bits: number): number {
  const exponent = bits >>> FRACTION_BITS;
  const fraction = bits & (2 ** FRACTION_BITS - 1);
  if (exponent > 30) return Number.NaN;
  return exponent === 0
    ? (fraction / 2 ** FRACTION_BITS) * LEAST_NORMAL
    : (1 + fraction / 2 ** FRACTION_BITS) * LEAST_NORMAL * 2 ** (exponent - 1);
}
