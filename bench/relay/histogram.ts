/** Times in buckets that grow by about one percent each: millions of them cost a few kilobytes, and nothing is sorted. */
const BUCKETS_PER_OCTAVE = 64;
const LEAST_MS = 0.001;
/** Up to about 70 minutes. */
const BUCKETS = 32 * BUCKETS_PER_OCTAVE;

export interface Histogram {
  add(ms: number): void;
  /** `undefined` of nothing. */
  quantile(share: number): number | undefined;
  clear(): void;
}

export function createHistogram(): Histogram {
  const counts = new Uint32Array(BUCKETS);
  let total = 0;
  // What was sent in one write mostly comes back in one read: the same time again and again.
  let lastMs = -1;
  let lastBucket = 0;
  return {
    add: (ms) => {
      if (ms !== lastMs) {
        lastMs = ms;
        lastBucket = Math.min(BUCKETS - 1, Math.max(0, Math.round(Math.log2(ms / LEAST_MS) * BUCKETS_PER_OCTAVE)));
      }
      counts[lastBucket] = (counts[lastBucket] as number) + 1;
      total++;
    },
    quantile: (share) => {
      if (total === 0) return undefined;
      let left = Math.floor(total * share);
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        left -= counts[bucket] as number;
        if (left < 0) return LEAST_MS * 2 ** (bucket / BUCKETS_PER_OCTAVE);
      }
      return LEAST_MS * 2 ** (BUCKETS / BUCKETS_PER_OCTAVE);
    },
    clear: () => {
      counts.fill(0);
      total = 0;
    },
  };
}
