/**
 * A search in stages, each with fewer vectors and more of their bits: the signs of all, the codes of candidates, and where they are kept, originals of the last few. How many go on is computed from
 * the recall that is asked for: those that were found tell, by the law of errors, how likely one as good as they are was to be passed over.
 */

import type { Views } from "../kernels/arena.ts";
import { placesOfLargest } from "./best.ts";
import type { Blocks, Width } from "./blocks.ts";
import type { CellWay } from "./cell-way.ts";
import { codeSpread, expectedRecall, leastThat, mostCosine, normalBelow, recallOfEstimates } from "./error-law.ts";
import type { FirstLook } from "./first-look.ts";
import { LIST, type ListPlace, type Multiplier, putInList } from "./question.ts";

export interface Asked {
  /** Rotated, of length sqrt(dim). */
  readonly turned: Float32Array;
  /** Length of the query by sqrt(dim). */
  readonly size: number;
  /** Its inner product with the centre. */
  readonly base: number;
  /** Which of those that were looked at together. */
  readonly nth: number;
}

export interface Wanted {
  readonly k: number;
  /** Either a recall, from which the number of candidates follows, or that number. */
  readonly recall: number;
  readonly candidates: number | undefined;
  /** Exact inner product of the query with what is in a slot; nothing where codes have the last word. */
  readonly exact: ((slot: number) => number) | undefined;
}

export interface Found {
  readonly slot: number;
  readonly score: number;
  /** About, of the query and what was encoded. */
  readonly cosine: number;
}

export interface Outcome {
  readonly found: readonly Found[];
  /** Places of vectors whose signs were looked at. */
  readonly looked: number;
  /** Vectors whose codes were read. */
  readonly candidates: number;
  readonly expectedRecall: number;
}

/** What codes gave. */
interface Passed {
  readonly candidates: Candidates;
  /** The best k, the best first. */
  readonly best: readonly number[];
  /** Largest key of a code that was read. */
  readonly threshold: number;
  /** Recall that everything before the last word has to have. */
  readonly striven: number;
  /** Recall that the last word has. */
  readonly own: number;
  /** Recall of the keys up to the threshold. */
  readonly reached: number;
}

/** More than are asked for are looked at first: the best of few tell little. */
const FIRST_BY_K = 4;
const FIRST_LEAST = 64;
/** Of what may be lost on the way, the part that reading few codes may lose where cells lose some as well: codes are cheaper than cells. */
const SHARE_OF_KEYS = 0.3;
/** By how much candidates grow at once. */
const GROWTH = 1.5;
/** What a search strives for where codes themselves do not hold the recall that is asked for. */
const MOST_RECALL = 0.999;

export class Cascade {
  readonly #dim: number;
  readonly #blocks: Blocks;
  readonly #look: FirstLook;
  readonly #place: ListPlace;
  readonly #views: () => Views;
  readonly #multiplierOf: (width: Width) => Multiplier;

  constructor(
    dim: number,
    blocks: Blocks,
    look: FirstLook,
    place: ListPlace,
    views: () => Views,
    multiplierOf: (width: Width) => Multiplier,
  ) {
    this.#dim = dim;
    this.#blocks = blocks;
    this.#look = look;
    this.#place = place;
    this.#views = views;
    this.#multiplierOf = multiplierOf;
  }

  /** `way`: through cells, of which nothing was looked at yet; without one, everything that may be found was. */
  run(asked: Asked, wanted: Wanted, way?: CellWay): Outcome {
    if (way === undefined) return this.#finish(this.#pass(asked, wanted, 1, 0), wanted, 1);
    let threshold = 0;
    let worst: number | undefined;
    for (;;) {
      this.#look.lookAt(way.next(worst));
      const passed = this.#pass(asked, wanted, way.isAtEnd ? 1 : SHARE_OF_KEYS, threshold);
      threshold = passed.threshold;
      const reached = way.recallOf(passed.best.map((at) => passed.candidates.cosineOf(at)));
      const isLikely = wanted.candidates === undefined ? reached * passed.reached >= passed.striven : reached >= wanted.recall;
      const isEnough = passed.best.length >= wanted.k && isLikely;
      if (way.isAtEnd || isEnough) return this.#finish(passed, wanted, reached);
      worst = passed.best.length < wanted.k ? undefined : passed.candidates.cosineOf(passed.best.at(-1) as number);
    }
  }

  /** Reads codes of what was looked at, as many as the recall takes: to the power of `share` of it. */
  #pass(asked: Asked, wanted: Wanted, share: number, start: number): Passed {
    const counts = this.#look.counts(asked.nth);
    const all = counts[this.#look.most] as number;
    const candidates = new Candidates(this.#dim, asked);
    const forWidth = new Map<Width, Multiplier>();
    let from = 0;
    let threshold = Math.max(start, keyOf(counts, wanted.candidates ?? Math.max(FIRST_BY_K * wanted.k, FIRST_LEAST)));
    for (;;) {
      this.#score(asked, candidates, from, threshold, forWidth);
      const best = candidates.best(Math.max(2 * wanted.k, FIRST_LEAST));
      // Where codes have the last word, part of what is asked for is lost to their own errors.
      const own = wanted.exact === undefined ? candidates.recallOf(best, wanted.k) : Math.sqrt(wanted.recall);
      const striven = Math.min(MOST_RECALL, wanted.recall / own);
      const top = best.slice(0, wanted.k);
      const chances = top.map((at) => candidates.chanceOf(at, this.#look));
      const recallAt = (key: number): number => expectedRecall(chances.map((chance) => chance(key)));
      const needed =
        wanted.candidates === undefined ? leastThat(threshold, this.#look.most, (key) => recallAt(key) >= striven ** share) : threshold;
      if (candidates.count >= all || needed <= threshold)
        return { candidates, best: top, threshold, striven, own, reached: candidates.count >= all ? 1 : recallAt(threshold) };
      from = threshold + 1;
      // The best of few are worse than the best: what they seem to need is too much.
      threshold = Math.max(from, Math.min(needed, keyOf(counts, GROWTH * candidates.count)));
    }
  }

  #finish({ candidates, reached, own }: Passed, wanted: Wanted, ofCells: number): Outcome {
    const found = wanted.exact === undefined ? candidates.top(wanted.k) : candidates.topByExact(wanted, own);
    return {
      found: found.best,
      looked: this.#look.slots,
      candidates: candidates.count,
      expectedRecall: ofCells * reached * (found.recall ?? own),
    };
  }

  #score(asked: Asked, candidates: Candidates, least: number, most: number, forWidth: Map<Width, Multiplier>): void {
    this.#look.forEachFound(asked.nth, least, most, (slots) => {
      for (let at = 0; at < slots.length; ) {
        const width = this.#blocks.widthAt((slots[at] as number) >>> 6);
        const first = at;
        const { u32 } = this.#views();
        for (; at < slots.length && at - first < LIST; at++) {
          const slot = slots[at] as number;
          if (this.#blocks.widthAt(slot >>> 6) !== width) break;
          putInList(u32, this.#place, at - first, this.#blocks, slot);
        }
        const multiplier = forWidth.get(width) ?? this.#multiplierOf(width);
        if (!forWidth.has(width)) {
          multiplier.ask(asked.turned);
          forWidth.set(width, multiplier);
        }
        const products = multiplier.multiply(at - first);
        const { f32 } = this.#views();
        for (let nth = first; nth < at; nth++) {
          const slot = slots[nth] as number;
          const scale = f32[this.#blocks.scaleAt(slot) / 4] as number;
          candidates.add(slot, (products[nth - first] as number) * multiplier.unit, scale, width.shape.distortion);
        }
      }
    });
  }
}

/** The least key at which there are at least as many vectors as wanted. */
function keyOf(counts: Uint32Array, wanted: number): number {
  return leastThat(0, counts.length - 1, (key) => (counts[key] as number) >= wanted);
}

/** Vectors whose codes were read. */
class Candidates {
  readonly #dim: number;
  readonly #asked: Asked;
  readonly #slots: number[] = [];
  readonly #scores: number[] = [];
  readonly #cosines: number[] = [];
  readonly #scales: number[] = [];
  readonly #distortions: number[] = [];

  constructor(dim: number, asked: Asked) {
    this.#dim = dim;
    this.#asked = asked;
  }

  get count(): number {
    return this.#slots.length;
  }

  /** `product`: of the query, of length sqrt(dim), with the values of a code. */
  add(slot: number, product: number, scale: number, distortion: number): void {
    this.#slots.push(slot);
    this.#scores.push(this.#asked.base + product * this.#asked.size * scale);
    this.#cosines.push(Math.min(product / (this.#dim * (1 - distortion)), mostCosine(this.#dim, distortion)));
    this.#scales.push(scale);
    this.#distortions.push(distortion);
  }

  best(count: number): readonly number[] {
    return placesOfLargest(this.#scores, count);
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
    const inOrder = this.best(this.count);
    const scores: number[] = [];
    let reached = 0;
    for (let wanted = Math.min(2 * k, inOrder.length); ; ) {
      while (scores.length < wanted)
        scores.push((exact as (slot: number) => number)(this.#slots[inOrder[scores.length] as number] as number));
      const top = placesOfLargest(scores, k);
      const missedFrom = this.#missedFrom(inOrder, scores[top.at(-1) as number] as number, wanted);
      const recallAt = (count: number): number => {
        const border = count >= inOrder.length ? Number.NEGATIVE_INFINITY : (this.#scores[inOrder[count] as number] as number);
        const byFound = expectedRecall(
          top.map((nth) => {
            const spread = this.#spreadOf(inOrder[nth] as number);
            return spread === 0 ? 1 : normalBelow(((scores[nth] as number) - border) / spread);
          }),
        );
        return Math.min(byFound, 1 - (missedFrom[count - wanted] as number) / Math.max(1, top.length));
      };
      reached = recallAt(wanted);
      const needed = leastThat(wanted, inOrder.length, (count) => recallAt(count) >= recall);
      if (needed <= wanted)
        return { best: top.map((nth) => this.#foundAt(inOrder[nth] as number, scores[nth] as number)), recall: reached };
      wanted = needed;
    }
  }

  /**
   * How many of those from each place on are expected above a score. What was found says little of them where lengths are many: one that is long errs by much, however sure those found are.
   */
  #missedFrom(inOrder: readonly number[], score: number, from: number): Float64Array {
    const missed = new Float64Array(inOrder.length - from + 1);
    for (let nth = inOrder.length - 1; nth >= from; nth--) {
      const at = inOrder[nth] as number;
      const spread = this.#spreadOf(at);
      const chance = spread === 0 ? 0 : normalBelow(((this.#scores[at] as number) - score) / spread);
      missed[nth - from] = (missed[nth - from + 1] as number) + chance;
    }
    return missed;
  }

  cosineOf(at: number): number {
    return Math.max(-1, Math.min(1, this.#cosines[at] as number));
  }

  /** How likely one like it has a key of at most a threshold. */
  chanceOf(at: number, look: FirstLook): (threshold: number) => number {
    const [cosine, scale, distortion] = [this.#cosines[at] as number, this.#scales[at] as number, this.#distortions[at] as number];
    return (threshold) => look.chanceAtMost(threshold, cosine, scale, 1 - distortion);
  }

  #spreadOf(at: number): number {
    const distortion = this.#distortions[at] as number;
    const length = (this.#scales[at] as number) * (1 - distortion) * this.#dim * this.#asked.size;
    return length * codeSpread(this.#dim, distortion, this.#cosines[at] as number);
  }

  #foundAt(at: number, score: number): Found {
    return { slot: this.#slots[at] as number, score, cosine: this.cosineOf(at) };
  }
}
