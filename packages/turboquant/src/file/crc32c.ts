/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78; RFC 3720, appendix B.4), eight bytes at a time with eight tables
 * ("slicing-by-8", Kounavis and Berry 2005).
 */
const POLYNOMIAL = 0x82f63b78;
/** One behind the other: 256 numbers for each place a byte can have among eight. */
const TABLE: Int32Array = buildTable();

/** Of `bytes`, unsigned. With `before`, of what that was computed of, followed by `bytes`. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const table = TABLE;
  let crc = ~before;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
    crc =
      (table[1792 + (crc & 255)] as number) ^
      (table[1536 + ((crc >>> 8) & 255)] as number) ^
      (table[1280 + ((crc >>> 16) & 255)] as number) ^
      (table[1024 + (crc >>> 24)] as number) ^
      (table[768 + byteAt(bytes, at + 4)] as number) ^
      (table[512 + byteAt(bytes, at + 5)] as number) ^
      (table[256 + byteAt(bytes, at + 6)] as number) ^
      (table[byteAt(bytes, at + 7)] as number);
  }
  for (; at < bytes.length; at++) crc = (table[(crc ^ byteAt(bytes, at)) & 255] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

function buildTable(): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? POLYNOMIAL ^ (crc >>> 1) : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at++) {
    const one = table[at - 256] as number;
    table[at] = (table[one & 255] as number) ^ (one >>> 8);
  }
  return table;
}
