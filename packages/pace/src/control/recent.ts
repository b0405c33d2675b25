/** How fast something went lately, out of the last so many times that it did. */
export interface Recent {
  add(atMs: number, units: number): void;
  /** Units per second in the last `spanMs`, or in as much of it as is remembered. */
  rate(nowMs: number, spanMs: number): number;
}

/** Of a thousand a second these are half of one, which tells a rate within a twentieth. */
const REMEMBERED = 512;

export function createRecent(): Recent {
  const times = new Float64Array(REMEMBERED).fill(Number.NEGATIVE_INFINITY);
  const amounts = new Float64Array(REMEMBERED);
  let next = 0;
  return {
    add: (atMs, units) => {
      times[next] = atMs;
      amounts[next] = units;
      next = (next + 1) % REMEMBERED;
    },
    rate: (nowMs, spanMs) => {
      let sum = 0;
      for (let back = 1; back <= REMEMBERED; back++) {
        const at = (next - back + REMEMBERED) % REMEMBERED;
        const time = times[at] as number;
        if (time <= nowMs - spanMs) return (sum * 1000) / spanMs;
        sum += amounts[at] as number;
        // All of them are younger: they tell of their own span.
        if (back === REMEMBERED) return (sum * 1000) / Math.max(1, nowMs - time);
      }
      return 0;
    },
  };
}
