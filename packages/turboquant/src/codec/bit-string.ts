/** Numbers of a few bits one behind the other, the lowest bit of each first, from the lowest bit of the first byte on. */

/** `bits`: 1 to 8. What was there before is zero. */
export function putBits(bytes: Uint8Array, atBit: number, bits: number, value: number): void {
  const byte = atBit >>> 3;
  const shifted = value << (atBit & 7);
  bytes[byte] = (bytes[byte] as number) | shifted;
  if ((atBit & 7) + bits > 8) bytes[byte + 1] = (bytes[byte + 1] as number) | (shifted >>> 8);
}

export function bitsAt(bytes: Uint8Array, atBit: number, bits: number): number {
  const byte = atBit >>> 3;
  const both = (bytes[byte] as number) | ((atBit & 7) + bits > 8 ? (bytes[byte + 1] as number) << 8 : 0);
  return (both >>> (atBit & 7)) & ((1 << bits) - 1);
}
