import { placesOfLargest } from "./best.ts";
import type { Asked, Found, Wanted } from "./cascade.ts";
import { BEYOND, codeSpread, expectedRecall, leastThat, mostCosine, normalBelow, recallOfEstimates } from "./error-law.ts";
import type { SignLaw } from "./sign-law.ts";

const ROOM = 1024;
/** Where exact products have the last word: for each that is wanted so many are put in order at first, and by how much more where that is not enough. */
const FIRST_IN_ORDER = 8;
const MORE_IN_ORDER = 4;

/** Vectors whose codes were read for a query. */
export class Candidates {
  readonly #dim: number;
  /** Of the query. */
  #size = 0;
  #base = 0;
  #count = 0;
  #slots = new Uint32Array(ROOM);
  #scores = new Float64Array(ROOM);
  #cosines = new Float64Array(ROOM);
  #scales = new Float64Array(ROOM);
  #distortions = new Float64Array(ROOM);

  constructor(dim: number) {
    this.#dim = dim;
  }

  /** Forgets those of another query. */
  begin({ size, base }: Asked): void {
    this.#size = size;
    this.#base = base;
    this.#count = 0;
  }

  get count(): number {
    return this.#count;
  }

  /** `product`: of the query, of length sqrt(dim), with the values of a code. */
  add(slot: number, product: number, scale: number, distortion: number): void {
    if (this.#count === this.#slots.length) this.#grow();
    const at = this.#count++;
    this.#slots[at] = slot;
    this.#scores[at] = this.#base + product * this.#size * scale;
    this.#cosines[at] = Math.min(product / (this.#dim * (1 - distortion)), mostCosine(this.#dim, distortion));
    this.#scales[at] = scale;
    this.#distortions[at] = distortion;
  }

  best(count: number): readonly number[] {
    return placesOfLargest(this.#scores.subarray(0, this.#count), count);
  }

  top(k: number): { readonly best: readonly Found[]; readonly recall?: number } {
    return { best: this.best(k).map((at) => this.#foundAt(at, this.#scores[at] as number)) };
  }

  /** How much of the best k by exact inner products is expected among the best k by these. */
  recallOf(best: readonly number[], k: number): number {
    return recallOfEstimates(
      best.map((at) => this.#scores[at] as number),
      best.map((at) => this.#spreadOf(at)),
      k,
    );
  }

  /** In order of estimates, until those that were found say that what is asked for is among them. */
  topByExact({ k, exact }: Wanted, recall: number): { readonly best: readonly Found[]; readonly recall: number } {
    let order = this.best(FIRST_IN_ORDER * k);
    const scores: number[] = [];
    for (let wanted = Math.min(2 * k, order.length); ; ) {
      while (scores.length < wanted)
        scores.push((exact as (slot: number) => number)(this.#slots[order[scores.length] as number] as number));
      const top = placesOfLargest(scores, k);
      const recallAt = this.#recallBeyond(order, top, scores);
      const reached = recallAt(wanted);
      // Of the last in order it is not known how near the next is.
      const last = order.length < this.count ? order.length - 1 : order.length;
      const needed = leastThat(wanted, last, (count) => recallAt(count) >= recall);
      if (needed <= wanted && (reached >= recall || last === order.length))
        return { best: top.map((nth) => this.#foundAt(order[nth] as number, scores[nth] as number)), recall: reached };
      if (needed === last && last < order.length && recallAt(last) < recall) order = this.best(MORE_IN_ORDER * order.length);
      wanted = needed;
    }
  }

  /** The recall that is expected where so many of those in order are looked at exactly; `scores` says what the first of them have, `top` which are the best. */
  #recallBeyond(order: readonly number[], top: readonly number[], scores: readonly number[]): (count: number) => number {
    const worst = scores[top.at(-1) as number] as number;
    const chanceOf = (at: number): number => {
      const [off, spread] = [(this.#scores[at] as number) - worst, this.#spreadOf(at)];
      return spread === 0 || off < -BEYOND * spread ? 0 : normalBelow(off / spread);
    };
    let above = 0;
    for (let at = 0; at < this.#count; at++) above += chanceOf(at);
    // How many of those behind are expected above the worst. What was found says little of them where lengths are many: one that is long errs by much, however sure those found are.
    const missed = [above];
    for (const at of order) missed.push((missed.at(-1) as number) - chanceOf(at));
    const spreads = top.map((nth) => this.#spreadOf(order[nth] as number));
    return (count) => {
      const border = count >= this.#count ? Number.NEGATIVE_INFINITY : (this.#scores[order[count] as number] as number);
      const kept = top.map((nth, place) => {
        const spread = spreads[place] as number;
        return spread === 0 ? 1 : normalBelow(((scores[nth] as number) - border) / spread);
      });
      return Math.min(expectedRecall(kept), 1 - Math.max(0, missed[count] as number) / Math.max(1, top.length));
    };
  }

  cosineOf(at: number): number {
    return Math.max(-1, Math.min(1, this.#cosines[at] as number));
  }

  /** How likely one like it has a key of at most a threshold. */
  chanceOf(at: number, law: SignLaw): (threshold: number) => number {
    return law.chanceOf(this.#cosines[at] as number, (this.#scales[at] as number) * (1 - (this.#distortions[at] as number)));
  }

  #spreadOf(at: number): number {
    const distortion = this.#distortions[at] as number;
    const length = (this.#scales[at] as number) * (1 - distortion) * this.#dim * this.#size;
    return length * codeSpread(this.#dim, distortion, this.#cosines[at] as number);
  }

  #foundAt(at: number, score: number): Found {
    return { slot: this.#slots[at] as number, score, cosine: this.cosineOf(at) };
  }

  #grow(): void {
    const room = 2 * this.#slots.length;
    const larger = <T extends Float64Array | Uint32Array>(of: T, into: T): T => {
      into.set(of);
      return into;
    };
    this.#slots = larger(this.#slots, new Uint32Array(room));
    this.#scores = larger(this.#scores, new Float64Array(room));
    this.#cosines = larger(this.#cosines, new Float64Array(room));
    this.#scales = larger(this.#scales, new Float64Array(room));
    this.#distortions = larger(this.#distortions, new Float64Array(room));
  }
}
