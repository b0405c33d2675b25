/**
 * Mutations that keep bytes well-formed CBOR: items are changed, swapped, multiplied, nested, and every length and count around
 * them still fits, also in byte strings that hold CBOR themselves. What goes wrong deep inside is reached only so.
 */
import { type Bytes, viewOf } from "../packages/perdure/src/wire/bytes.ts";
import type { Mutation } from "./byte-mutator.ts";
import { mutateBytes } from "./byte-mutator.ts";
import type { Draws } from "./draws.ts";

type Item =
  | { readonly major: 0; readonly value: bigint; readonly size: 1 }
  | { readonly major: 2 | 3; readonly content: Bytes; readonly size: 1 }
  /** A byte string whose content is one array. */
  | { readonly major: "wrapped"; readonly inner: Item; readonly size: number }
  | { readonly major: 4; readonly items: readonly Item[]; readonly size: number };

const number = (value: bigint): Item => ({ major: 0, value, size: 1 });
const string = (major: 2 | 3, content: Bytes): Item => ({ major, content, size: 1 });
const wrapped = (inner: Item): Item => ({ major: "wrapped", inner, size: 1 + inner.size });
const array = (items: readonly Item[]): Item => ({ major: 4, items, size: items.reduce((sum, each) => sum + each.size, 1) });

const TELLING_NUMBERS = [
  0n,
  1n,
  2n,
  23n,
  24n,
  255n,
  256n,
  65_535n,
  65_536n,
  0xffff_ffffn,
  0x1_0000_0000n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 64n - 1n,
];
const MOST_DEPTH = 40;
const MOST_ITEMS = 4096;

/** A changed copy of `input`, or `undefined` when it is not one item of the kinds that shapes use. */
export function mutateCbor(input: Bytes, mutation: Mutation): Bytes | undefined {
  const whole = readWhole(input);
  if (whole === undefined) return undefined;
  const other = readWhole(mutation.other);
  let changed = whole;
  const times = mutation.draws.oneIn(4) ? 3 : 1;
  for (let time = 0; time < times; time++) {
    changed = changeAt(changed, mutation.draws.below(changed.size), (item) => changeItem(item, other, mutation));
  }
  if (changed.size > mutation.maxBytes) return undefined;
  const bytes = write(changed);
  return bytes.length > mutation.maxBytes ? undefined : bytes;
}

function changeItem(item: Item, other: Item | undefined, mutation: Mutation): Item {
  const { draws } = mutation;
  if (draws.oneIn(8) && other !== undefined) return nth(other, draws.below(other.size));
  if (draws.oneIn(16)) return draws.pick(strangers(draws));
  if (item.major === 0) return number(draws.oneIn(2) ? draws.pick(TELLING_NUMBERS) : nudge(item.value, draws));
  if (item.major === 4) return array(changeList(item.items, draws));
  if (item.major === "wrapped") return string(2, mutateBytes(write(item.inner), mutation));
  return string(item.major, changeContent(item.content, mutation));
}

function strangers(draws: Draws): readonly Item[] {
  return [
    number(BigInt(draws.below(300))),
    string(2, new Uint8Array(draws.pick([0, 1, 8, 16, 32, 64]))),
    string(3, new TextEncoder().encode(draws.pick(["", "e\u0301", "\u00e9", "\ufeffx", "\u0000", "x".repeat(70)]))),
    array([]),
    array([array([])]),
  ];
}

function nudge(value: bigint, draws: Draws): bigint {
  const moved = value + BigInt(draws.below(5) - 2);
  return moved < 0n ? 0n : moved;
}

function changeList(items: readonly Item[], draws: Draws): readonly Item[] {
  const at = draws.below(items.length);
  const chosen = items[at];
  if (chosen === undefined) return [...items, draws.pick(strangers(draws))];
  switch (draws.below(5)) {
    case 0:
      return items.toSpliced(at, 1);
    case 1:
      return items.toSpliced(at, 0, chosen);
    case 2: {
      const to = draws.below(items.length);
      return items.with(at, items[to] as Item).with(to, chosen);
    }
    case 3:
      return items.toSpliced(at, 1, array([chosen]));
    default: {
      const times = Math.min(1 << draws.below(12), Math.max(1, MOST_ITEMS - items.length));
      return [...items.slice(0, at), ...Array.from({ length: times }, () => chosen), ...items.slice(at)];
    }
  }
}

function changeContent(content: Bytes, mutation: Mutation): Bytes {
  const { draws } = mutation;
  if (draws.oneIn(3)) {
    const resized = new Uint8Array(draws.oneIn(4) ? draws.below(5000) : Math.max(0, content.length + draws.below(3) - 1));
    resized.set(content.subarray(0, resized.length));
    return resized;
  }
  return mutateBytes(content, mutation);
}

function nth(item: Item, index: number): Item {
  if (index === 0) return item;
  if (item.major === "wrapped") return nth(item.inner, index - 1);
  let left = index - 1;
  for (const each of item.major === 4 ? item.items : []) {
    if (left < each.size) return nth(each, left);
    left -= each.size;
  }
  return item;
}

function changeAt(item: Item, index: number, change: (item: Item) => Item): Item {
  if (index === 0) return change(item);
  if (item.major === "wrapped") return wrapped(changeAt(item.inner, index - 1, change));
  if (item.major !== 4) return item;
  let left = index - 1;
  return array(
    item.items.map((each) => {
      const here = left >= 0 && left < each.size ? changeAt(each, left, change) : each;
      left -= each.size;
      return here;
    }),
  );
}

function readWhole(bytes: Bytes): Item | undefined {
  const read = readItem(bytes, 0, 0);
  return read !== undefined && read.end === bytes.length ? read.item : undefined;
}

function readItem(bytes: Bytes, at: number, depth: number): { readonly item: Item; readonly end: number } | undefined {
  const head = bytes[at];
  if (head === undefined || depth > MOST_DEPTH) return undefined;
  const low = head & 31;
  const width = low < 24 ? 0 : low > 27 ? -1 : 2 ** (low - 24);
  if (width < 0 || at + 1 + width > bytes.length) return undefined;
  const value = width === 8 ? viewOf(bytes).getBigUint64(at + 1) : BigInt(argumentOf(bytes, at, low, width));
  const start = at + 1 + width;
  const major = head >> 5;
  if (major === 0) return { item: number(value), end: start };
  if (value > BigInt(bytes.length - start)) return undefined;
  const count = Number(value);
  if (major === 2 || major === 3) return { item: wrap(major, bytes.slice(start, start + count), depth), end: start + count };
  return major === 4 ? readArray(bytes, start, count, depth) : undefined;
}

function argumentOf(bytes: Bytes, at: number, low: number, width: number): number {
  if (width === 0) return low;
  let value = 0;
  for (let index = 1; index <= width; index++) value = value * 256 + (bytes[at + index] as number);
  return value;
}

function wrap(major: 2 | 3, content: Bytes, depth: number): Item {
  const first = content[0] ?? 0;
  const inner = major === 2 && first >> 5 === 4 && content.length > 1 ? readItem(content, 0, depth + 1) : undefined;
  return inner !== undefined && inner.end === content.length ? wrapped(inner.item) : string(major, content);
}

function readArray(bytes: Bytes, start: number, count: number, depth: number): { readonly item: Item; readonly end: number } | undefined {
  const items: Item[] = [];
  let at = start;
  for (let index = 0; index < count; index++) {
    const read = readItem(bytes, at, depth + 1);
    if (read === undefined) return undefined;
    items.push(read.item);
    at = read.end;
  }
  return { item: array(items), end: at };
}

function write(item: Item): Bytes {
  const pieces: Bytes[] = [];
  writeInto(item, pieces);
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function writeInto(item: Item, pieces: Bytes[]): void {
  switch (item.major) {
    case 0:
      pieces.push(headOf(0, item.value));
      return;
    case "wrapped": {
      const inner = write(item.inner);
      pieces.push(headOf(2, BigInt(inner.length)), inner);
      return;
    }
    case 4:
      pieces.push(headOf(4, BigInt(item.items.length)));
      for (const each of item.items) writeInto(each, pieces);
      return;
    default:
      pieces.push(headOf(item.major, BigInt(item.content.length)), item.content);
  }
}

function headOf(major: number, argument: bigint): Bytes {
  if (argument < 24n) return Uint8Array.of((major << 5) | Number(argument));
  const width = argument < 0x100n ? 1 : argument < 0x1_0000n ? 2 : argument < 0x1_0000_0000n ? 4 : 8;
  const bytes = new Uint8Array(9);
  bytes[0] = (major << 5) | (24 + Math.log2(width));
  viewOf(bytes).setBigUint64(1, argument << BigInt(64 - 8 * width));
  return bytes.subarray(0, 1 + width);
}
