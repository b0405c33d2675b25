/** Byte strings: the few operations every format needs, without Node's Buffer so that browsers can load them. */

const HEX_DIGITS = "0123456789abcdef";
/** Letters made into text at once: appended one by one they are a chain that is only put together when somebody compares it. */
const LETTERS_AT_ONCE = 4096;
const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export type Bytes = Uint8Array;

export const EMPTY: Bytes = new Uint8Array(0);

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Decodes UTF-8; throws a TypeError on anything that is not. */
export function fromUtf8(bytes: Bytes): string {
  return decoder.decode(bytes);
}

export function concat(...parts: readonly Bytes[]): Bytes {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Bytes that are only made where they go, so that what is in front of many bytes need not be copied together with them. */
export interface Writing {
  readonly length: number;
  /** Writes all of them into `bytes`, which has room for them from `at` on. */
  writeTo(bytes: Bytes, at: number): void;
}

export type Piece = Bytes | Writing;

export function writePiece(piece: Piece, bytes: Bytes, at: number): void {
  if (piece instanceof Uint8Array) bytes.set(piece, at);
  else piece.writeTo(bytes, at);
}

export function wholePiece(piece: Piece): Bytes {
  if (piece instanceof Uint8Array) return piece;
  const bytes = new Uint8Array(piece.length);
  piece.writeTo(bytes, 0);
  return bytes;
}

export function equalBytes(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= (a[index] as number) ^ (b[index] as number);
  return difference === 0;
}

/** Whether `part` stands in `bytes` from `at` on. */
export function startsWith(bytes: Bytes, part: Bytes, at = 0): boolean {
  if (bytes.length - at < part.length) return false;
  for (let index = 0; index < part.length; index++) if (bytes[at + index] !== part[index]) return false;
  return true;
}

/** Lexicographic order, shorter first when one is a prefix of the other. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function hex(bytes: Bytes): string {
  const letters = new Array<number>(2 * bytes.length);
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    letters[2 * index] = HEX_DIGITS.charCodeAt(byte >>> 4);
    letters[2 * index + 1] = HEX_DIGITS.charCodeAt(byte & 15);
  }
  return textOf(letters);
}

/** ASCII text of these codes. */
function textOf(letters: readonly number[]): string {
  if (letters.length <= LETTERS_AT_ONCE) return String.fromCharCode(...letters);
  let text = "";
  for (let at = 0; at < letters.length; at += LETTERS_AT_ONCE) text += String.fromCharCode(...letters.slice(at, at + LETTERS_AT_ONCE));
  return text;
}

/** Reads an even number of hexadecimal digits, or `undefined` when the text is anything else. */
export function fromHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) bytes[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  return bytes;
}

/** RFC 4648 base32, lower case, without padding. */
export function base32(bytes: Bytes): string {
  const letters = new Array<number>(Math.ceil((8 * bytes.length) / 5));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let index = 0; index < bytes.length; index++) {
    held = (held << 8) | (bytes[index] as number);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      letters[at++] = BASE32.charCodeAt((held >>> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) letters[at] = BASE32.charCodeAt((held << (5 - bits)) & 31);
  return textOf(letters);
}

/** Reads lower-case base32 without padding; `undefined` for foreign letters or bits that a writer would not have set. */
export function fromBase32(text: string): Bytes | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text) {
    const value = BASE32.indexOf(letter);
    if (value < 0) return undefined;
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >>> bits) & 255;
      held &= (1 << bits) - 1;
    }
  }
  if (bits >= 5 || held !== 0) return undefined;
  return bytes;
}

/** RFC 4648 base64url without padding. */
export function base64url(bytes: Bytes): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = Math.min(3, bytes.length - at);
    const held = ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let letter = 0; letter <= left; letter++) text += BASE64URL[(held >>> (18 - 6 * letter)) & 63];
  }
  return text;
}

/** Reads base64url without padding; `undefined` for foreign letters, an impossible length, or bits that a writer would not have set. */
export function fromBase64url(text: string): Bytes | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text) {
    const value = BASE64URL.indexOf(letter);
    if (value < 0) return undefined;
    held = (held << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >>> bits) & 255;
      held &= (1 << bits) - 1;
    }
  }
  if (bits >= 6 || held !== 0) return undefined;
  return bytes;
}

/*
 * Numbers, big-endian. Byte by byte and not through a DataView: that moves a small array out of the heap and is one more object, for
 * every frame and record.
 */

/** Two bytes as an unsigned integer. */
export function u16At(bytes: Bytes, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Four bytes as an unsigned integer. */
export function u32At(bytes: Bytes, at: number): number {
  return (
    (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  );
}

/** Eight bytes as an unsigned integer; `undefined` when it passes 2^53 - 1, the largest number kept exactly. */
export function u64At(bytes: Bytes, at: number): number | undefined {
  const value = u32At(bytes, at) * 0x1_0000_0000 + u32At(bytes, at + 4);
  return Number.isSafeInteger(value) ? value : undefined;
}

export function putU16(bytes: Bytes, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function putU32(bytes: Bytes, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function putU64(bytes: Bytes, at: number, value: number): void {
  putU32(bytes, at, Math.floor(value / 0x1_0000_0000));
  putU32(bytes, at + 4, value % 0x1_0000_0000);
}

export function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads an unsigned 64-bit big-endian integer; `undefined` when it passes 2^53 - 1, the largest number kept exactly. */
export function readU64(view: DataView, at: number): number | undefined {
  const value = view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
  return Number.isSafeInteger(value) ? value : undefined;
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  view.setUint32(at + 4, value % 0x1_0000_0000);
}
