/** A fair share of things of which nobody knows beforehand how many there will be (algorithm R, Vitter 1985); the same from the same seed. */
import { createRandomBits } from "../codec/random-bits.ts";

export interface Sample<Kept> {
  /** `keep` is called where it is kept. */
  offer(keep: () => Kept): void;
  /** What is kept, in an order drawn at random. */
  drawn(): readonly Kept[];
}

export function createSample<Kept>(size: number, seed: number): Sample<Kept> {
  const bits = createRandomBits(BigInt(seed));
  const below = (count: number): number => Number(bits.next() % BigInt(count));
  const kept: Kept[] = [];
  let offered = 0;
  return {
    offer: (keep) => {
      offered++;
      if (kept.length < size) kept.push(keep());
      else {
        const place = below(offered);
        if (place < size) kept[place] = keep();
      }
    },
    drawn: () => {
      const mixed = [...kept];
      for (let left = mixed.length; left > 1; left--) {
        const place = below(left);
        [mixed[place], mixed[left - 1]] = [mixed[left - 1] as Kept, mixed[place] as Kept];
      }
      return mixed;
    },
  };
}
