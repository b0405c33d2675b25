/** What somebody may use of something that is shared. */
export interface Claim {
  /** Who has twice the weight gets twice as much where there is not enough. */
  readonly weight: number;
  /** More than this is of no use to him. */
  readonly most: number;
}

/**
 * Nobody gets more than he can use, and nobody who wants more has less for his weight than another (max-min fairness, Bertsekas and Gallager 1992, 6.5.2).
 * The sum is the capacity, or less where all have what they want.
 */
export function fairParts(capacity: number, claims: readonly Claim[]): readonly number[] {
  const parts = claims.map(() => 0);
  const modestFirst = claims
    .map((claim, nth) => ({ ...claim, nth }))
    .sort((one, other) => one.most / one.weight - other.most / other.weight);
  let left = Math.max(0, capacity);
  let weights = claims.reduce((sum, { weight }) => sum + weight, 0);
  for (const { weight, most, nth } of modestFirst) {
    const part = Math.min(most, (left * weight) / weights);
    parts[nth] = part;
    left = Math.max(0, left - part);
    weights -= weight;
  }
  return parts;
}
