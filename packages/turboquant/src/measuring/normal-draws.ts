/** Normal numbers (mean 0, variance 1), the same from the same seed on one engine: for what is measured, not for what is stored. */
export function createNormalDraws(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e37_79b9) ^ 0x6d2b_79f5) >>> 0;
  /** Mulberry32. */
  const even = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  let spare: number | undefined;
  /** By pairs (Box and Muller 1958, as Marsaglia has it). */
  return () => {
    if (spare !== undefined) {
      const kept = spare;
      spare = undefined;
      return kept;
    }
    for (;;) {
      const x = 2 * even() - 1;
      const y = 2 * even() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      spare = y * factor;
      return x * factor;
    }
  };
}
