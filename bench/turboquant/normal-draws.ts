/** Normal numbers, many of them fast, and the same from the same words: a draw picks one of 65,536 equally likely ones out of a table. */
export interface NormalDraws {
  /** Adds to each coordinate its own draw times `size`. */
  addTo(vector: Float32Array, size: number): void;
  /** From 0 to `below` - 1. */
  whole(below: number): number;
}

/** Of the distribution's series. */
const BELOW = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
const TABLE_BITS = 16;
const TABLE = Float32Array.from({ length: 2 ** TABLE_BITS }, (_, nth) => normalQuantile((nth + 0.5) / 2 ** TABLE_BITS));
const LOW_HALF = 0xffff;
/** Until neighbouring words give streams that have nothing in common. */
const STIRS = 12;

/** Small fast counting, 32 bits (Chris Doty-Humphrey, PractRand). */
export function createNormalDraws(seed: number, stream: number, row: number): NormalDraws {
  let a = seed | 0;
  let b = stream | 0;
  let c = row | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum;
  };
  for (let stir = 0; stir < STIRS; stir++) next();
  return {
    addTo: (vector, size) => {
      for (let at = 0; at < vector.length; at += 2) {
        const drawn = next();
        vector[at] = (vector[at] as number) + size * (TABLE[drawn & LOW_HALF] as number);
        if (at + 1 < vector.length) vector[at + 1] = (vector[at + 1] as number) + size * (TABLE[drawn >>> TABLE_BITS] as number);
      }
    },
    whole: (below) => (next() >>> 0) % below,
  };
}

/** Where N(0,1) has `share` of its mass below: its distribution (Abramowitz and Stegun 26.2.17) turned round by halves. */
function normalQuantile(share: number): number {
  let [low, high] = [-6, 6];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (normalBelow(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function normalBelow(value: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(value));
  const series = BELOW.reduceRight((sum, factor) => (sum + factor) * t, 0);
  const beyond = (Math.exp(-(value * value) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return value > 0 ? 1 - beyond : beyond;
}
