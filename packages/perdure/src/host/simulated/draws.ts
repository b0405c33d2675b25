/**
 * Chance drawn from a seed. Every use has its own stream, made from a label, so that one more draw in one place never
 * shifts the draws of another. sfc32 by Chris Doty-Humphrey (PractRand, public domain); the label is mixed into its state.
 */
export interface Draws {
  /** An integer from 0 to 2^32 - 1. */
  u32(): number;
  /** A number from 0 up to, not including, 1. */
  fraction(): number;
  /** An integer from 0 to `count` - 1. */
  below(count: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** A waiting time with the given mean, exponentially distributed, at most ten means. */
  wait(mean: number): number;
  bytes(count: number): Uint8Array;
  /** A stream of its own; the same label gives the same stream whatever was drawn here before. */
  fork(label: string): Draws;
}

const WARM_UP_ROUNDS = 15;

export function createDraws(label: string): Draws {
  let [a, b, c, counter] = stateOf(label);
  const u32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) u32();
  const fraction = (): number => u32() / 0x1_0000_0000;
  return {
    u32,
    fraction,
    below: (count) => Math.floor(fraction() * count),
    chance: (probability) => probability > 0 && fraction() < probability,
    wait: (mean) => mean * Math.min(10, -Math.log(1 - fraction())),
    bytes: (count) => {
      const bytes = new Uint8Array(count);
      for (let index = 0; index < count; index += 4) {
        let word = u32();
        for (let at = index; at < Math.min(index + 4, count); at++) {
          bytes[at] = word & 255;
          word >>>= 8;
        }
      }
      return bytes;
    },
    fork: (inner) => createDraws(`${label}/${inner}`),
  };
}

/** Four words that all depend on every letter (the mixing of MurmurHash3, four lanes). */
function stateOf(label: string): [number, number, number, number] {
  let [a, b, c, d] = [1779033703, 3144134277, 1013904242, 2773480762];
  for (let index = 0; index < label.length; index++) {
    const code = label.charCodeAt(index);
    a = b ^ Math.imul(a ^ code, 597399067);
    b = c ^ Math.imul(b ^ code, 2869860233);
    c = d ^ Math.imul(c ^ code, 951274213);
    d = a ^ Math.imul(d ^ code, 2716044179);
  }
  return [a ^ b ^ c ^ d, b ^ a, c ^ a, d ^ a];
}
