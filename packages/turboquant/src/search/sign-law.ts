/**
 * What the first signs of a vector say of its inner product with a query, and how sure that is.
 *
 * With x the rotated vector, of length sqrt(d), q the query likewise, and p coordinates that are looked at, the sum is S = sum of q_i sign(x_i). The query is known as it is, only the vector is cut to signs: that tells as
 * much as two and a half times as many signs of both would. Given q, of which these coordinates have the mean square s^2 and the mean magnitude m, and a cosine c of x and q,
 *   c' = c s / sqrt(c^2 s^2 + 1 - c^2)
 *   E[S] = p s sqrt(2/pi) c'  and, as coordinates are not as round as a normal law,  + p (m - s sqrt(2/pi)) w(c')
 *   Var[S] = p s^2 (1 - 2/pi asin c'^2 - 4/pi c'^2 sqrt((1 - c'^2) / (1 + c'^2))) - p^2 s^4 / d (2/pi (1 - c'^2)^3 + 1/pi c'^2 (1 - c'^2)^2)
 * The first is the error of signs, from the moments of a normal law; what is taken off is known because inner product and length of the whole vector are given. w rises from 0 to 1: c'^3 (1 + sqrt(1 - c'^2) (4/3 - c'^8 / 2)) is
 * what numerical integration gives, to a fiftieth.
 *
 * A key is S in whole steps, the smaller the better, of the sums that kernels make. Where vectors are of many lengths it is made of the inner product instead that S and the length let hope
 * for.
 */
import { normalBelow } from "./error-law.ts";

/** Coordinates that choose together, and among how many numbers: the largest with which eight sums fit a byte. What steps hide of a sum is a hundredth of what signs do. */
const FOUR = 4;
const CHOICES = 16;
const LARGEST = 31;
/** Keys of vectors of many lengths. What a step of them hides is a fiftieth of what signs leave open. */
const LEVELS = 4095;
/** Spreads that are added to an estimate before it becomes a key: a vector much longer than all others may be the best whatever its signs say, and none of those that were found could stand for it. */
const BENEFIT = 2;

export class SignLaw {
  /** The largest key. */
  readonly most: number;
  readonly isOfOneLength: boolean;
  /** Numbers that signs choose among: 32 for each eight coordinates, those of the lower four first. */
  readonly table: Uint8Array;
  readonly #dim: number;
  readonly #signs: number;
  /** Coordinates of the query, and nothing where a row has room for more. */
  readonly #looked: Float64Array;
  /** Of magnitudes of the query. */
  #sum = 0;
  /** Root of the mean square. */
  #size = 0;
  /** Of S, for one of a sum. */
  #step = 1;
  #slope = 0;
  /** About the root of one by the largest scale, a power of two. */
  #lift = 1;
  /** In the doubt, of S. */
  #benefit = 0;

  /** `signs`: how many coordinates are looked at; `bytes`: of a row, with room for all of them. */
  constructor(dim: number, signs: number, bytes: number, isOfOneLength: boolean) {
    this.#dim = dim;
    this.#signs = signs;
    this.isOfOneLength = isOfOneLength;
    this.#looked = new Float64Array(8 * bytes);
    this.table = new Uint8Array(2 * CHOICES * bytes);
    this.most = isOfOneLength ? 2 * bytes * LARGEST : LEVELS;
  }

  /** Takes a rotated query of length sqrt(dim). `largest`: scale of all codes. */
  ask(turned: Float32Array, largest: number): void {
    const looked = this.#looked;
    let [sum, squares, widest] = [0, 0, 0];
    for (let at = 0; at < this.#signs; at++) {
      const value = turned[at] as number;
      looked[at] = value;
      sum += Math.abs(value);
      squares += value * value;
    }
    for (let at = 0; at < looked.length; at += FOUR) widest = Math.max(widest, magnitudeOf(looked, at));
    this.#sum = sum;
    this.#size = Math.sqrt(squares / this.#signs);
    this.#step = (2 * widest) / LARGEST || 1;
    for (let at = 0; at < looked.length; at += FOUR) this.#choose(looked, at);
    this.#benefit = this.isOfOneLength ? 0 : BENEFIT * this.expected(0).spread;
    this.#slope = largest > 0 ? (LEVELS / 2 - 1) / largest : 0;
    this.#lift = largest > 0 ? 2 ** Math.round(-Math.log2(largest) / 2) : 1;
  }

  /**
   * For the kernel that weighs: a cosine is, with the benefit of doubt, `none - step * sum`, a key `base - slope * scale * cosine`. One by a very small scale is no 32-bit float: of what it takes to bring scales
   * to keys the cosine has a half, and by a power of two keys stay as they are.
   */
  get line(): { readonly none: number; readonly step: number; readonly base: number; readonly slope: number } {
    const unit = this.#unit || 1;
    const lift = this.#lift;
    return {
      none: ((this.#sum + this.#benefit) / unit) * lift,
      step: (this.#step / unit) * lift,
      base: LEVELS / 2,
      slope: this.#slope / lift,
    };
  }

  /** How likely a vector with this cosine to the query has a key of at most a threshold. `length`: its scale, times the part of it that codes explain. */
  chanceOf(cosine: number, length: number): (threshold: number) => number {
    const { mean, spread } = this.expected(cosine);
    return (threshold) => {
      const least = this.isOfOneLength
        ? this.#sum - this.#step * (threshold + 0.5)
        : ((LEVELS / 2 - threshold) / (this.#slope * length)) * this.#unit - this.#benefit;
      if (spread === 0) return mean >= least ? 1 : 0;
      return normalBelow((mean - least) / spread);
    };
  }

  /** S for a cosine of one, in rough. */
  get #unit(): number {
    return this.#signs * this.#size * Math.sqrt(2 / Math.PI);
  }

  /** Of S. */
  expected(cosine: number): { readonly mean: number; readonly spread: number } {
    const [count, size] = [this.#signs, this.#size];
    const known = Math.max(-1, Math.min(1, cosine));
    const across = 1 - known * known;
    const own = (known * size) / Math.sqrt(known * known * size * size + across) || 0;
    const square = own * own;
    const normal = this.#unit;
    const rounder = own ** 3 * (1 + Math.sqrt(1 - square) * (4 / 3 - square ** 4 / 2));
    const ofSigns = 1 - (2 / Math.PI) * Math.asin(square) - (4 / Math.PI) * square * Math.sqrt((1 - square) / (1 + square));
    const given = (2 / Math.PI) * (1 - square) ** 3 + (1 / Math.PI) * square * (1 - square) ** 2;
    const ofSteps = (count / FOUR) * (this.#step * this.#step) * (1 / 12);
    const variance = count * size * size * (ofSigns - ((count * size * size) / this.#dim) * given);
    return { mean: normal * own + (this.#sum - normal) * rounder, spread: Math.sqrt(Math.max(0, variance) + ofSteps) };
  }

  /** How much each combination of four signs is short of the most. */
  #choose(looked: Float64Array, at: number): void {
    const { table } = this;
    const [one, two, three, four] = [looked[at] as number, looked[at + 1] as number, looked[at + 2] as number, looked[at + 3] as number];
    const most = magnitudeOf(looked, at);
    for (let signs = 0; signs < CHOICES; signs++) {
      const sum = (signs & 1 ? -one : one) + (signs & 2 ? -two : two) + (signs & 4 ? -three : three) + (signs & 8 ? -four : four);
      table[FOUR * at + signs] = Math.floor((most - sum) / this.#step + 0.5);
    }
  }
}

function magnitudeOf(values: Float64Array, at: number): number {
  return (
    Math.abs(values[at] as number) +
    Math.abs(values[at + 1] as number) +
    Math.abs(values[at + 2] as number) +
    Math.abs(values[at + 3] as number)
  );
}
