/** What one run of one contestant comes to. */
export interface Figures {
  /** Done in time, of what the best of all clients gets done. */
  readonly goodput: number;
  readonly refusalsPerSuccess: number;
  /** 503, of a service that has too much of everybody. */
  readonly overloadsPerSuccess: number;
  /** Given up before their deadline, of all that ended. */
  readonly lost: number;
  /** Told at once that there is no room, of all that ended. */
  readonly turnedAway: number;
  /** Done after their deadline, or given up then. */
  readonly late: number;
  /** Jain's index of what each process got: one where all got the same. */
  readonly fairness: number;
  /** Second attempts and later: of the second with most of them, and that by the mean of all seconds. */
  readonly mostRetriesPerSecond: number;
  readonly retryWave: number;
  /** Goodput of the second minute after the trouble is over; only where it ends. */
  readonly recovered?: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of those that a person waits for: in calm, and in trouble; who got no answer waited until the deadline. */
  readonly interactive?: { readonly calmP99Ms: number; readonly troubledP99Ms: number };
  /** Answered before the next is due. */
  readonly heartbeats?: number;
  /** What the other party got, of what it asked for. */
  readonly foreign?: number;
}

export type FigureName = Exclude<keyof Figures, "interactive">;

/** The middle, and the worst of all seeds: `worst` is the least where much is good. */
export interface Summary {
  readonly median: number;
  readonly worst: number;
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function summary(values: readonly number[], isMuchGood: boolean): Summary {
  const sorted = [...values].sort((one, other) => one - other);
  return { median: rounded(quantile(sorted, 0.5)), worst: rounded(isMuchGood ? quantile(sorted, 0) : (sorted.at(-1) ?? Number.NaN)) };
}

/** Jain, Chiu and Hawe, 1984. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, one) => total + one, 0);
  const squares = shares.reduce((total, one) => total + one * one, 0);
  return squares === 0 ? 0 : (sum * sum) / (shares.length * squares);
}

export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
