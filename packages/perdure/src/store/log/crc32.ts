/**
 * CRC-32 as in IEEE 802.3, gzip and PNG (reflected polynomial 0xEDB88320), eight bytes at a time with eight tables
 * ("slicing-by-8", Kounavis and Berry 2005).
 */
const TABLES: readonly Int32Array[] = buildTables();
// Each by a name of its own: most of what is summed is shorter than looking them up takes.
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** The checksum of `bytes` from `from` to `to`, unsigned. With `before`, the checksum of what that covered followed by them. */
export function crc32(bytes: Uint8Array, before = 0, from = 0, to: number = bytes.length): number {
  let crc = ~before;
  let at = from;
  for (const end = to - 7; at < end; at += 8) {
    crc ^= byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
    crc =
      (T7[crc & 255] as number) ^
      (T6[(crc >>> 8) & 255] as number) ^
      (T5[(crc >>> 16) & 255] as number) ^
      (T4[crc >>> 24] as number) ^
      (T3[byteAt(bytes, at + 4)] as number) ^
      (T2[byteAt(bytes, at + 5)] as number) ^
      (T1[byteAt(bytes, at + 6)] as number) ^
      (T0[byteAt(bytes, at + 7)] as number);
  }
  for (; at < to; at++) crc = (T0[(crc ^ byteAt(bytes, at)) & 255] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** What a checksum adds to that of so many bytes behind what it covers: the sum of both is its value xor theirs. */
export type Crc32Behind = (before: number) => number;

/** Shifting a checksum over zeroes is linear in its bits (the polynomials of `crc32_combine` in zlib): four tables, one for each of its bytes. */
export function crc32Behind(bytes: number): Crc32Behind {
  const over = powerOfX(8 * bytes);
  const tables = new Int32Array(4 * 256);
  for (let bit = 0; bit < 32; bit++) {
    const base = (bit >>> 3) * 256;
    const weight = 1 << (bit & 7);
    const shifted = product(over, 1 << bit);
    for (let byte = 0; byte < weight; byte++) tables[base + weight + byte] = (tables[base + byte] as number) ^ shifted;
  }
  return (before) =>
    (tables[before & 255] as number) ^
    (tables[256 + ((before >>> 8) & 255)] as number) ^
    (tables[512 + ((before >>> 16) & 255)] as number) ^
    (tables[768 + (before >>> 24)] as number);
}

const POLYNOMIAL = 0xedb88320;
/** 1, as a polynomial whose highest bit is that of x to the power 0. */
const ONE = 1 << 31;
const X = 1 << 30;

/** Of two polynomials, modulo POLYNOMIAL. */
function product(one: number, other: number): number {
  let result = 0;
  let shifted = other;
  for (let bit = 31; bit >= 0; bit--) {
    if ((one >>> bit) & 1) result ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return result;
}

function powerOfX(exponent: number): number {
  let result = ONE;
  let square = X;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = product(square, result);
    square = product(square, square);
  }
  return result;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

function buildTables(): readonly Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  const first = tables[0] as Int32Array;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
    first[byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    let crc = first[byte] as number;
    for (let table = 1; table < 8; table++) {
      crc = (first[crc & 255] as number) ^ (crc >>> 8);
      (tables[table] as Int32Array)[byte] = crc;
    }
  }
  return tables;
}
