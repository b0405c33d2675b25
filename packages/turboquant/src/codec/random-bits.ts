/** SplitMix64 (Steele, Lea, Flood 2014): the same bits from the same seed everywhere. */
export interface RandomBits {
  /** 64 bits. */
  next(): bigint;
}

const MASK = (1n << 64n) - 1n;

export function createRandomBits(seed: bigint): RandomBits {
  let state = seed & MASK;
  return {
    next: () => {
      state = (state + 0x9e37_79b9_7f4a_7c15n) & MASK;
      let bits = state;
      bits = ((bits ^ (bits >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK;
      bits = ((bits ^ (bits >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK;
      return bits ^ (bits >> 31n);
    },
  };
}
