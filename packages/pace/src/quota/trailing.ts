/** Units of the last while, counted in slots, so that there are never many. */
export interface Trailing {
  add(atMs: number, units: number, spanMs: number): void;
  /** In the last `spanMs`. */
  sum(nowMs: number, spanMs: number): number;
}

/** A slot is so much of the span: what is older counts for so much longer at most. */
const PART = 1 / 60;
const MOST_SLOTS = 120;

export function createTrailing(): Trailing {
  let slots: { readonly atMs: number; units: number }[] = [];
  return {
    add: (atMs, units, spanMs) => {
      const newest = slots.at(-1);
      if (newest !== undefined && atMs - newest.atMs < spanMs * PART) newest.units += units;
      else slots.push({ atMs, units });
      if (slots.length > MOST_SLOTS) slots = slots.filter((slot) => slot.atMs > atMs - spanMs);
    },
    sum: (nowMs, spanMs) => {
      let sum = 0;
      for (let at = slots.length - 1; at >= 0; at--) {
        const slot = slots[at] as { readonly atMs: number; readonly units: number };
        if (slot.atMs <= nowMs - spanMs) break;
        sum += slot.units;
      }
      return Math.max(0, sum);
    },
  };
}
