/** A fair share of rows of which nobody knows beforehand how many there will be (algorithm R, Vitter 1985); the same from the same seed. */
import { createRandomBits } from "../codec/random-bits.ts";

export interface Sample {
  /** `row` is kept by copy, or not. */
  offer(row: Float32Array): void;
  /** What is kept, in an order drawn at random. */
  rows(): readonly Float32Array[];
}

export function createSample(size: number, seed: number): Sample {
  const bits = createRandomBits(BigInt(seed));
  const below = (count: number): number => Number(bits.next() % BigInt(count));
  const kept: Float32Array[] = [];
  let offered = 0;
  return {
    offer: (row) => {
      offered++;
      if (kept.length < size) kept.push(row.slice());
      else {
        const place = below(offered);
        if (place < size) kept[place] = row.slice();
      }
    },
    rows: () => {
      const mixed = [...kept];
      for (let left = mixed.length; left > 1; left--) {
        const place = below(left);
        [mixed[place], mixed[left - 1]] = [mixed[left - 1] as Float32Array, mixed[place] as Float32Array];
      }
      return mixed;
    },
  };
}
