/**
 * Ids of the vectors of a segment, or of those that were removed.
 *
 *    0   1  what there is: 1 numbers, 2 strings, 4 where the numbers rise
 *    1   1  bytes of a number below: 0, 1, 2, 4 or 8
 *    2   2  zero
 *    4   4  bytes of all strings
 *    8   8  the first number where they rise, else the smallest; 0 without numbers
 *   16      only with both: a bit for every id, set where it is a string
 *           of each number, where they rise, how much it is above the one before it, less one, and 0 for the first; else how much it is above the smallest
 *           of each string, how many bytes of UTF-8 it has: 2 bytes each
 *           the strings, one behind the other
 *
 * No two ids are the same. Rising numbers without gaps need no bytes of their own (width 0).
 */
import { refuse } from "../argument.ts";
import { bitsAt, putBits } from "../codec/bit-string.ts";
import { badFile } from "./bad-file.ts";
import { getSafe, putSafe } from "./safe-integer.ts";
import { MOST_ID_BYTES, type VectorId } from "./segment.ts";
import { checkId } from "./vector-id.ts";

const HEAD_BYTES = 16;
const NUMBERS = 1;
const STRINGS = 2;
const RISING = 4;
const WIDTHS = [0, 1, 2, 4, 8] as const;
type Width = (typeof WIDTHS)[number];

/** `leastWidth`: 1 where nothing else in the file stands for each id, so that few bytes cannot mean many ids. Throws `bad-argument`. */
export function encodeIds(ids: readonly VectorId[], leastWidth: 0 | 1): Uint8Array {
  checkIds(ids);
  const numbers = ids.filter((id) => typeof id === "number");
  const texts = ids.filter((id) => typeof id === "string").map((id) => new TextEncoder().encode(id));
  const rising = numbers.every((id, at) => at === 0 || id > (numbers[at - 1] as number));
  const base = rising ? (numbers[0] ?? 0) : numbers.reduce((least, id) => Math.min(least, id));
  const offsets = numbers.map((id, at) => (!rising ? id - base : at === 0 ? 0 : id - (numbers[at - 1] as number) - 1));
  const width = widthOf(
    offsets.reduce((most, offset) => Math.max(most, offset), 0),
    rising ? leastWidth : 1,
  );
  const both = numbers.length > 0 && texts.length > 0;
  const textBytes = texts.reduce((sum, text) => sum + text.length, 0);
  const bytes = new Uint8Array(HEAD_BYTES + (both ? Math.ceil(ids.length / 8) : 0) + numbers.length * width + texts.length * 2 + textBytes);
  const view = new DataView(bytes.buffer);
  bytes[0] = (numbers.length > 0 ? NUMBERS : 0) | (texts.length > 0 ? STRINGS : 0) | (rising && numbers.length > 0 ? RISING : 0);
  bytes[1] = numbers.length > 0 ? width : 0;
  view.setUint32(4, textBytes, true);
  putSafe(view, 8, base);
  let at = HEAD_BYTES;
  if (both) {
    const which = bytes.subarray(at, at + Math.ceil(ids.length / 8));
    ids.forEach((id, nth) => {
      if (typeof id === "string") putBits(which, nth, 1, 1);
    });
    at += which.length;
  }
  for (const offset of offsets) {
    putNumber(view, at, width, offset);
    at += width;
  }
  for (const text of texts) {
    view.setUint16(at, text.length, true);
    at += 2;
  }
  for (const text of texts) {
    bytes.set(text, at);
    at += text.length;
  }
  return bytes;
}

/** Of ids whose order does not matter. */
export function encodeIdSet(ids: readonly VectorId[]): Uint8Array {
  const numbers = ids.filter((id) => typeof id === "number").sort((one, other) => one - other);
  return encodeIds([...numbers, ...ids.filter((id) => typeof id !== "number")], 1);
}

/** Throws `bad-file`. */
export function decodeIds(bytes: Uint8Array, count: number, leastWidth: 0 | 1): readonly VectorId[] {
  if (bytes.length < HEAD_BYTES) throw badFile("a list of ids ends in its head");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kinds = bytes[0] as number;
  const width = WIDTHS.find((one) => one === bytes[1]);
  const both = (kinds & 3) === 3;
  const rising = (kinds & RISING) !== 0;
  if (width === undefined || kinds > 7 || (kinds & 3) === 0 || (rising && (kinds & NUMBERS) === 0))
    throw badFile("a list of ids has an unknown form");
  if ((kinds & NUMBERS) !== 0 && width < (rising ? leastWidth : 1)) throw badFile("a list of ids has numbers without bytes");
  const which = both ? bytes.subarray(HEAD_BYTES, HEAD_BYTES + Math.ceil(count / 8)) : undefined;
  if (which !== undefined && which.length < Math.ceil(count / 8)) throw badFile("a list of ids is shorter than its count says");
  const strings = which === undefined ? ((kinds & STRINGS) !== 0 ? count : 0) : setBits(which, count);
  const numbersAt = HEAD_BYTES + (which?.length ?? 0);
  const lengthsAt = numbersAt + (count - strings) * width;
  const textAt = lengthsAt + strings * 2;
  if (textAt + view.getUint32(4, true) !== bytes.length) throw badFile("a list of ids has another length than its count says");
  const numbers = decodeNumbers(view, numbersAt, count - strings, width, rising);
  const texts = decodeTexts(view, lengthsAt, strings);
  if (which === undefined) return distinct(strings > 0 ? texts : numbers, rising);
  let [number, text] = [0, 0];
  const ids = Array.from({ length: count }, (_, nth) => (bitsAt(which, nth, 1) === 1 ? texts[text++] : numbers[number++]) as VectorId);
  return distinct(ids, false);
}

/** Throws `bad-argument` for what cannot be an id, and for an id that comes twice. */
function checkIds(ids: readonly VectorId[]): void {
  for (const id of ids) checkId(id);
  if (new Set(ids).size !== ids.length) refuse("an id comes twice", "In one segment every id is there once.");
}

function distinct(ids: readonly VectorId[], rising: boolean): readonly VectorId[] {
  if (!rising && new Set(ids).size !== ids.length) throw badFile("an id comes twice in a list");
  return ids;
}

function widthOf(most: number, least: 0 | 1): Width {
  return WIDTHS.find((width) => width >= least && most < 2 ** (8 * width)) ?? 8;
}

function putNumber(view: DataView, at: number, width: Width, value: number): void {
  if (width === 1) view.setUint8(at, value);
  if (width === 2) view.setUint16(at, value, true);
  if (width === 4) view.setUint32(at, value, true);
  if (width === 8) putSafe(view, at, value);
}

function getNumber(view: DataView, at: number, width: Width): number {
  if (width === 0) return 0;
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at, true);
  return width === 4 ? view.getUint32(at, true) : getSafe(view, at);
}

function decodeNumbers(view: DataView, from: number, count: number, width: Width, rising: boolean): readonly number[] {
  const base = getSafe(view, 8);
  let before = base - 1;
  return Array.from({ length: count }, (_, nth) => {
    const offset = getNumber(view, from + nth * width, width);
    before = rising ? before + 1 + offset : base + offset;
    // What is not safe any more was rounded, but never to something that is safe.
    if (!Number.isSafeInteger(before)) throw badFile("an id is larger than a safe integer");
    return before;
  });
}

function decodeTexts(view: DataView, lengthsAt: number, count: number): readonly string[] {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let at = lengthsAt + count * 2;
  const end = view.byteLength;
  const texts: string[] = [];
  for (let nth = 0; nth < count; nth++) {
    const length = view.getUint16(lengthsAt + nth * 2, true);
    if (length > MOST_ID_BYTES || at + length > end) throw badFile("an id is longer than ids are");
    try {
      texts.push(decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at, length)));
    } catch {
      throw badFile("an id is no UTF-8");
    }
    at += length;
  }
  if (at !== end) throw badFile("a list of ids has bytes that belong to no id");
  return texts;
}

function setBits(bytes: Uint8Array, count: number): number {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += bitsAt(bytes, at, 1);
  return sum;
}
