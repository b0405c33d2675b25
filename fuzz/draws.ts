/** Random numbers that a seed repeats: the same campaign twice gives the same inputs. */
export interface Draws {
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
  /** True once in `times` on average. */
  oneIn(times: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
}

/** The generator is mulberry32: 32 bits of state, which is enough to choose mutations and nothing else. */
export function createDraws(seed: number): Draws {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => (limit <= 1 ? 0 : next() % limit);
  return {
    below,
    oneIn: (times) => below(times) === 0,
    pick: (items) => {
      if (items.length === 0) throw new RangeError("nothing to pick from");
      return items[below(items.length)] as (typeof items)[number];
    },
  };
}
