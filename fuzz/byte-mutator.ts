/** Mutations of bytes that know nothing of what the bytes mean. */
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import type { Draws } from "./draws.ts";

/** Bytes that begin or end something: heads of CBOR items of every kind, signs, borders. */
const TELLING = [
  0x00, 0x01, 0x17, 0x18, 0x1b, 0x20, 0x40, 0x58, 0x5b, 0x60, 0x7f, 0x80, 0x81, 0x98, 0x9b, 0x9f, 0xa0, 0xc0, 0xf6, 0xfb, 0xff,
];
const TELLING_32 = [0, 1, 0x7f, 0xff, 0x100, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const MOST_AT_ONCE = 4;

export interface Mutation {
  readonly draws: Draws;
  /** Another input that is known to lead somewhere, to take pieces from. */
  readonly other: Bytes;
  /** Byte strings that mean something to the decoder. */
  readonly words: readonly Bytes[];
  readonly maxBytes: number;
}

/** A changed copy of `input`, at most `maxBytes` long. */
export function mutateBytes(input: Bytes, mutation: Mutation): Bytes {
  let bytes = input;
  const times = mutation.draws.oneIn(3) ? 1 + mutation.draws.below(MOST_AT_ONCE) : 1;
  for (let time = 0; time < times; time++) bytes = once(bytes, mutation);
  return bytes.length > mutation.maxBytes ? bytes.slice(0, mutation.maxBytes) : bytes;
}

function once(bytes: Bytes, { draws, other, words }: Mutation): Bytes {
  const at = draws.below(bytes.length + 1);
  const length = lengthOf(draws, bytes.length - at);
  switch (draws.below(11)) {
    case 0:
      return overwrite(bytes, at, Uint8Array.of((bytes[at] ?? 0) ^ (1 << draws.below(8))));
    case 1:
      return overwrite(bytes, at, Uint8Array.of(draws.below(256)));
    case 2:
      return overwrite(bytes, at, Uint8Array.of(draws.pick(TELLING)));
    case 3:
      return replace(bytes, at, length, new Uint8Array(0));
    case 4:
      return replace(
        bytes,
        at,
        0,
        Uint8Array.from({ length: 1 + draws.below(8) }, () => draws.below(256)),
      );
    case 5:
      return replace(bytes, at, 0, bytes.subarray(at, at + length));
    case 6: {
      const from = draws.below(other.length + 1);
      return replace(bytes, at, length, other.subarray(from, from + lengthOf(draws, other.length - from)));
    }
    case 7:
      return overwrite(bytes, at, bigEndian(draws.pick(TELLING_32), draws.pick([2, 4, 8])));
    case 8:
      return words.length === 0 ? bytes.slice(0, at) : replace(bytes, at, draws.oneIn(2) ? length : 0, draws.pick(words));
    case 9:
      return bytes.slice(0, at);
    default:
      return replace(bytes, at, 0, new Uint8Array(1 << draws.below(12)).fill(bytes[at] ?? draws.pick(TELLING)));
  }
}

/** Mostly short, now and then everything. */
function lengthOf(draws: Draws, most: number): number {
  return draws.oneIn(4) ? draws.below(most + 1) : Math.min(most, draws.below(9));
}

function overwrite(bytes: Bytes, at: number, piece: Bytes): Bytes {
  const copy = bytes.slice();
  if (at < copy.length) copy.set(piece.subarray(0, copy.length - at), at);
  return copy;
}

function replace(bytes: Bytes, at: number, length: number, piece: Bytes): Bytes {
  const whole = new Uint8Array(bytes.length - length + piece.length);
  whole.set(bytes.subarray(0, at));
  whole.set(piece, at);
  whole.set(bytes.subarray(at + length), at + piece.length);
  return whole;
}

function bigEndian(value: number, size: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(4, value);
  if (size === 8) new DataView(bytes.buffer).setUint32(0, value >>> 11);
  return bytes.subarray(8 - size);
}
