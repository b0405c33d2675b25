/**
 * What theory says of the errors of estimates, so that the number of candidates follows from the recall that is asked for. Of signs it stands in sign-law.ts.
 *
 * Codes of an unbiased scale: estimates of the inner product of unit vectors spread with variance D/(1 - D) (1 - c^2) / d, with D the squared error of a coordinate.
 */

/** The cosine at which `distance` of `dim` signs differ on average: two vectors at an angle differ in a sign of their rotated coordinates with probability angle/pi. */
export function cosineAt(dim: number, distance: number): number {
  return Math.cos((Math.PI * distance) / dim);
}

/** Standard deviation of an estimate from codes, for unit vectors. */
export function codeSpread(dim: number, distortion: number, cosine: number): number {
  return Math.sqrt(((distortion / (1 - distortion)) * Math.max(0, 1 - cosine * cosine)) / dim);
}

/** What an estimate of a cosine may at most be taken for. One of 1 and more says that the cosine is about so near to 1, not that there is no error. */
export function mostCosine(dim: number, distortion: number): number {
  return 1 - 2 * codeSpread(dim, distortion, 0) ** 2;
}

/** Share of a normal law below. Abramowitz and Stegun 26.2.17: errs by less than 7.5e-8. */
export function normalBelow(value: number): number {
  const at = 1 / (1 + 0.231_641_9 * Math.abs(value));
  const tail = at * (0.319_381_53 + at * (-0.356_563_782 + at * (1.781_477_937 + at * (-1.821_255_978 + at * 1.330_274_429))));
  const above = (tail * Math.exp((-value * value) / 2)) / Math.sqrt(2 * Math.PI);
  return value > 0 ? 1 - above : above;
}

/**
 * The recall that is expected when what is kept of everything is known only by chance: each that was found stands for as many as had to be there for one to be found (Horvitz and Thompson 1952).
 * `kept`: the chance of each of the found to be kept.
 */
export function expectedRecall(kept: readonly number[]): number {
  if (kept.length === 0) return 1;
  const standFor = kept.reduce((sum, chance) => sum + 1 / Math.max(chance, Number.MIN_VALUE), 0);
  return kept.length / standFor;
}

/** The least whole number from `low` to `high` for which `holds`, which once it does does so for all above; `high` when there is none. */
export function leastThat(low: number, high: number, holds: (value: number) => boolean): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return to;
}

/** Spreads from an estimate: farther away hardly anything is. */
export const BEYOND = 4;
/** Of the stretch in which the border is: what is left is a thousandth of a spread. */
const HALVES = 14;

/**
 * How much of the true best `k` is among the best `k` by estimates that are `spreads` off: with the border between them where k are expected above it.
 * `estimates` is falling.
 */
export function recallOfEstimates(estimates: ArrayLike<number>, spreads: ArrayLike<number>, k: number): number {
  const count = estimates.length;
  if (count <= k) return 1;
  const chance = (nth: number, border: number): number => {
    const [off, spread] = [(estimates[nth] as number) - border, spreads[nth] as number];
    if (off >= BEYOND * spread) return 1;
    return off <= -BEYOND * spread ? 0 : normalBelow(off / spread);
  };
  const expectedAbove = (border: number): number => {
    let sum = 0;
    for (let nth = 0; nth < count; nth++) sum += chance(nth, border);
    return sum;
  };
  // Where more than k are alike the border stands above all of them, and each has its part of a chance.
  let low = (estimates[count - 1] as number) - BEYOND * (spreads[count - 1] as number);
  let high = (estimates[0] as number) + BEYOND * (spreads[0] as number);
  for (let step = 0; step < HALVES; step++) {
    const border = (low + high) / 2;
    if (expectedAbove(border) > k) low = border;
    else high = border;
  }
  let found = 0;
  for (let nth = 0; nth < k; nth++) found += chance(nth, (low + high) / 2);
  return Math.min(1, found / k);
}
