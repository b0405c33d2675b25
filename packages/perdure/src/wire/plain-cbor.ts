/**
 * The part of CBOR (RFC 8949) that shapes are written in: unsigned integers up to 2^53 - 1, byte strings, text and arrays of known length,
 * each head in its shortest form, so that one value has one byte string.
 */
import type { Bytes } from "./bytes.ts";
import { PerdureError } from "./error.ts";
import { MAX_NESTING } from "./limits.ts";

export type Plain = number | string | Bytes | readonly Plain[];

const UNSIGNED = 0;
const BYTE_STRING = 2;
const TEXT_STRING = 3;
const ARRAY = 4;
/** The smallest argument that needs 1, 2, 4 or 8 bytes of its own. */
const SHORTEST = [24, 0x100, 0x1_0000, 0x1_0000_0000] as const;
/** ASCII text up to this length is read without a decoder. */
const SHORT_TEXT_BYTES = 64;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The one encoding of a value, behind `free` bytes; numbers must be unsigned integers up to 2^53 - 1, text well formed and without a byte order mark in front. */
export function encodePlain(plain: Plain, free = 0): Bytes {
  const encoded = new Uint8Array(free + sizeOf(plain));
  put(encoded, free, plain);
  return encoded;
}

/** Bytes that a head with this argument takes. */
function headBytes(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x1_0000 ? 3 : argument < 0x1_0000_0000 ? 5 : 9;
}

function sizeOf(plain: Plain): number {
  if (typeof plain === "number") return headBytes(plain);
  if (typeof plain === "string") {
    const length = isAscii(plain) ? plain.length : encoder.encode(plain).length;
    return headBytes(length) + length;
  }
  if (plain instanceof Uint8Array) return headBytes(plain.length) + plain.length;
  let size = headBytes(plain.length);
  for (let index = 0; index < plain.length; index++) size += sizeOf(plain[index] as Plain);
  return size;
}

function put(encoded: Bytes, at: number, plain: Plain): number {
  if (typeof plain === "number") return putHead(encoded, at, UNSIGNED, plain);
  if (typeof plain === "string") {
    if (isAscii(plain)) {
      const from = putHead(encoded, at, TEXT_STRING, plain.length);
      for (let index = 0; index < plain.length; index++) encoded[from + index] = plain.charCodeAt(index);
      return from + plain.length;
    }
    return putBytes(encoded, at, TEXT_STRING, encoder.encode(plain));
  }
  if (plain instanceof Uint8Array) return putBytes(encoded, at, BYTE_STRING, plain);
  let next = putHead(encoded, at, ARRAY, plain.length);
  for (let index = 0; index < plain.length; index++) next = put(encoded, next, plain[index] as Plain);
  return next;
}

function putBytes(encoded: Bytes, at: number, major: number, bytes: Bytes): number {
  const from = putHead(encoded, at, major, bytes.length);
  encoded.set(bytes, from);
  return from + bytes.length;
}

function putHead(encoded: Bytes, at: number, major: number, argument: number): number {
  const width = headBytes(argument) - 1;
  encoded[at] = (major << 5) | (width === 0 ? argument : width === 1 ? 24 : width === 2 ? 25 : width === 4 ? 26 : 27);
  let left = argument;
  for (let index = at + width; index > at; index--) {
    encoded[index] = left & 255;
    left = left < 0x1_0000_0000 ? left >>> 8 : Math.floor(left / 256);
  }
  return at + 1 + width;
}

/** Whether every character takes one byte. */
export function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) return false;
  return true;
}

/**
 * Reads what {@link encodePlain} wrote; byte strings are copies. Throws `malformed`, and `not-deterministic` for what has another
 * encoding; `name` is what the message calls it.
 */
export function decodePlain(given: Bytes, name: string): Plain {
  // Of one of Node's Buffers `slice` makes a view, and whoever wrote to that would change the original.
  const encoded = given.constructor === Uint8Array ? given : new Uint8Array(given.buffer, given.byteOffset, given.length);
  scanHeads(encoded, name);
  const cursor: Cursor = { encoded, at: 0, isText: true, name };
  const plain = take(cursor);
  if (cursor.at !== encoded.length) throw malformed(name);
  if (!cursor.isText) throw new PerdureError("not-deterministic", `${name}: bytes differ from their own re-encoding`);
  return plain;
}

interface Cursor {
  readonly encoded: Bytes;
  at: number;
  /** False once text was no UTF-8, or began with a byte order mark. */
  isText: boolean;
  readonly name: string;
}

/** Reads one item whose heads {@link scanHeads} found in order; they nest no deeper than it allows. */
function take(cursor: Cursor): Plain {
  const { encoded, at } = cursor;
  if (at >= encoded.length) throw malformed(cursor.name);
  const head = encoded[at] as number;
  const low = head & 31;
  const width = low < 24 ? 0 : 1 << (low - 24);
  let argument = low < 24 ? low : 0;
  for (let index = 1; index <= width; index++) argument = argument * 256 + (encoded[at + index] as number);
  const from = at + 1 + width;
  switch (head >> 5) {
    case UNSIGNED:
      if (!Number.isSafeInteger(argument)) throw malformed(cursor.name);
      cursor.at = from;
      return argument;
    case ARRAY: {
      cursor.at = from;
      const items: Plain[] = [];
      for (let index = 0; index < argument; index++) items.push(take(cursor));
      return items;
    }
    default: {
      const end = from + argument;
      if (end > encoded.length) throw malformed(cursor.name);
      cursor.at = end;
      return head >> 5 === BYTE_STRING ? encoded.slice(from, end) : takeText(cursor, from, end);
    }
  }
}

function takeText(cursor: Cursor, from: number, end: number): string {
  const { encoded } = cursor;
  if (end - from <= SHORT_TEXT_BYTES) {
    const letters: number[] = [];
    for (let at = from; at < end && (encoded[at] as number) < 128; at++) letters.push(encoded[at] as number);
    if (letters.length === end - from) return String.fromCharCode(...letters);
  }
  const bytes = encoded.subarray(from, end);
  try {
    const text = decoder.decode(bytes);
    // Readers of UTF-8 drop it, so that two byte strings would say the same.
    if (text.startsWith("\uFEFF")) cursor.isText = false;
    return text;
  } catch {
    cursor.isText = false;
    return "";
  }
}

function malformed(name: string): PerdureError {
  return new PerdureError("malformed", `${name}: not deterministic CBOR`);
}

/**
 * Walks the heads of all items before the recursive reader sees them, so that hostile depth cannot exhaust the stack and
 * nothing but unsigned integers, byte strings, text and arrays, each with its shortest head, goes further.
 */
function scanHeads(encoded: Bytes, name: string): void {
  /** Items still to come in each array that is open. */
  const open: number[] = [];
  let at = 0;
  while (at < encoded.length) {
    const head = encoded[at] as number;
    const major = head >> 5;
    const low = head & 31;
    if (low > 27 || (major !== UNSIGNED && major !== BYTE_STRING && major !== TEXT_STRING && major !== ARRAY)) {
      throw new PerdureError("malformed", `${name}: only unsigned integers, byte strings, text and arrays of known length`);
    }
    const width = low < 24 ? 0 : 2 ** (low - 24);
    if (at + 1 + width > encoded.length) throw new PerdureError("malformed", `${name}: cut off`);
    let argument = low < 24 ? low : 0;
    for (let index = 1; index <= width; index++) argument = argument * 256 + (encoded[at + index] as number);
    if (width > 0 && argument < (SHORTEST[low - 24] as number))
      throw new PerdureError("not-deterministic", `${name}: a number is not written in its shortest form`);
    at += 1 + width;
    if (major === BYTE_STRING || major === TEXT_STRING) at += argument;
    if (major === ARRAY && argument > 0) {
      open.push(argument);
      if (open.length > MAX_NESTING) throw new PerdureError("malformed", `${name}: arrays nested deeper than ${MAX_NESTING}`);
      continue;
    }
    closeFullArrays(open);
  }
}

/** Counts one item off the innermost open array; an array that is full is an item of the one around it. */
function closeFullArrays(open: number[]): void {
  while (open.length > 0) {
    const left = (open.pop() as number) - 1;
    if (left > 0) {
      open.push(left);
      return;
    }
  }
}
