/** Padme (Nikitin et al., PETS 2019, section 4): lengths with few significant bits, so that a length says little. */

export const SMALLEST_PADDED_BYTES = 256;

/** The padded length of `lengthBytes` bytes: at least 256 and at most 12 % more than the larger of both. */
export function paddedLength(lengthBytes: number): number {
  if (lengthBytes <= SMALLEST_PADDED_BYTES) return SMALLEST_PADDED_BYTES;
  const exponent = floorLog2(lengthBytes);
  const keptBits = floorLog2(exponent) + 1;
  const step = 2 ** (exponent - keptBits);
  return Math.ceil(lengthBytes / step) * step;
}

function floorLog2(value: number): number {
  return 31 - Math.clz32(value);
}
