/** How often something took how long. Bounds are of Prometheus: a value counts in every bucket that it does not pass. */
export interface Histogram {
  readonly count: number;
  readonly sum: number;
  add(value: number): void;
  /** How many were at most each bound. */
  cumulative(): readonly number[];
}

export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    get count() {
      return counts.reduce((all, each) => all + each, 0);
    },
    get sum() {
      return sum;
    },
    add: (value) => {
      const at = bounds.findIndex((bound) => value <= bound);
      counts[at < 0 ? bounds.length : at] = (counts[at < 0 ? bounds.length : at] ?? 0) + 1;
      sum += value;
    },
    cumulative: () => {
      let all = 0;
      return bounds.map((_, at) => {
        all += counts[at] ?? 0;
        return all;
      });
    },
  };
}
