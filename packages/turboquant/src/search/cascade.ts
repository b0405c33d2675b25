/**
 * A search in stages, each with fewer vectors and more of their bits: the signs of all, the codes of candidates, and where they are kept, originals of the last few. How many go on is computed from
 * the recall that is asked for: those that were found tell, by the law of errors, how likely one as good as they are was to be passed over.
 */

import type { Views } from "../kernels/arena.ts";
import type { Blocks, Width } from "./blocks.ts";
import { Candidates } from "./candidates.ts";
import type { CellWay } from "./cell-way.ts";
import { expectedRecall, leastThat } from "./error-law.ts";
import type { FirstLook } from "./first-look.ts";
import { LIST, type ListPlace, type Multiplier, putInList } from "./question.ts";

export interface Asked {
  /** Rotated, of length sqrt(dim). */
  readonly turned: Float32Array;
  /** Length of the query by sqrt(dim). */
  readonly size: number;
  /** Its inner product with the centre. */
  readonly base: number;
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
  /** The best k, the best first. */
  readonly best: readonly number[];
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
  readonly #candidates: Candidates;
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
    this.#candidates = new Candidates(dim);
    this.#blocks = blocks;
    this.#look = look;
    this.#place = place;
    this.#views = views;
    this.#multiplierOf = multiplierOf;
  }

  /** `way`: through cells, of which nothing was looked at yet; without one, everything that may be found was. */
  run(asked: Asked, wanted: Wanted, way?: CellWay): Outcome {
    this.#candidates.begin(asked);
    const read = this.#reader(asked);
    if (way === undefined) return this.#finish(this.#pass(wanted, 1, read), wanted, 1);
    for (let worst: number | undefined; ; worst = this.#worst(wanted.k)) {
      this.#look.lookAt(way.next(worst));
      this.#look.forEachUntold(this.#firstKey(wanted), read);
      // What the best few so far say of cells is enough to go on; to come to an end it takes all that there is.
      if (!way.isAtEnd && !this.#mayEnd(way, wanted)) continue;
      const passed = this.#pass(wanted, way.isAtEnd ? 1 : SHARE_OF_KEYS, read);
      const reached = way.recallOf(passed.best.map((at) => this.#candidates.cosineOf(at)));
      const isLikely = wanted.candidates === undefined ? reached * passed.reached >= passed.striven : reached >= wanted.recall;
      if (way.isAtEnd || (passed.best.length >= wanted.k && isLikely)) return this.#finish(passed, wanted, reached);
    }
  }

  /** Of the k best that were found; nothing where there are less. */
  #worst(k: number): number | undefined {
    const best = this.#candidates.best(k);
    return best.length < k ? undefined : this.#candidates.cosineOf(best.at(-1) as number);
  }

  #mayEnd(way: CellWay, { k, recall }: Wanted): boolean {
    const best = this.#candidates.best(k);
    return best.length >= k && way.recallOf(best.map((at) => this.#candidates.cosineOf(at))) >= recall;
  }

  /** Of those whose codes are read before anything is computed. */
  #firstKey({ k, candidates }: Wanted): number {
    return this.#look.keyOf(candidates ?? Math.max(FIRST_BY_K * k, FIRST_LEAST));
  }

  /** Reads codes of what was looked at, as many as the recall takes: to the power of `share` of it. */
  #pass(wanted: Wanted, share: number, read: (slots: Uint32Array) => void): Passed {
    const [look, candidates] = [this.#look, this.#candidates];
    let threshold = this.#firstKey(wanted);
    for (;;) {
      look.forEachUntold(threshold, read);
      const best = candidates.best(Math.max(2 * wanted.k, FIRST_LEAST));
      // Where codes have the last word, part of what is asked for is lost to their own errors.
      const own = wanted.exact === undefined ? candidates.recallOf(best, wanted.k) : Math.sqrt(wanted.recall);
      const striven = Math.min(MOST_RECALL, wanted.recall / own);
      const top = best.slice(0, wanted.k);
      const chances = top.map((at) => candidates.chanceOf(at, look.law));
      const recallAt = (key: number): number => expectedRecall(chances.map((chance) => chance(key)));
      const isAll = candidates.count >= look.there;
      const needed =
        wanted.candidates === undefined ? leastThat(threshold, look.law.most, (key) => recallAt(key) >= striven ** share) : threshold;
      if (isAll || needed <= threshold) return { best: top, striven, own, reached: isAll ? 1 : recallAt(threshold) };
      // The best of few are worse than the best: what they seem to need is too much.
      threshold = Math.max(threshold + 1, Math.min(needed, look.keyOf(GROWTH * candidates.count)));
    }
  }

  #finish({ reached, own }: Passed, wanted: Wanted, ofCells: number): Outcome {
    const candidates = this.#candidates;
    const found = wanted.exact === undefined ? candidates.top(wanted.k) : candidates.topByExact(wanted, own);
    return {
      found: found.best,
      looked: this.#look.slots,
      candidates: candidates.count,
      expectedRecall: ofCells * reached * (found.recall ?? own),
    };
  }

  /** Reads codes, and puts what they say among the candidates. */
  #reader(asked: Asked): (slots: Uint32Array) => void {
    const candidates = this.#candidates;
    const forWidth = new Map<Width, Multiplier>();
    const multiplierFor = (width: Width): Multiplier => {
      const known = forWidth.get(width);
      if (known !== undefined) return known;
      const multiplier = this.#multiplierOf(width);
      multiplier.ask(asked.turned);
      forWidth.set(width, multiplier);
      return multiplier;
    };
    return (slots) => {
      for (let at = 0; at < slots.length; ) {
        const width = this.#blocks.widthAt((slots[at] as number) >>> 6);
        const first = at;
        const { u32 } = this.#views();
        for (; at < slots.length && at - first < LIST; at++) {
          const slot = slots[at] as number;
          if (this.#blocks.widthAt(slot >>> 6) !== width) break;
          putInList(u32, this.#place, at - first, this.#blocks, slot);
        }
        const multiplier = multiplierFor(width);
        const products = multiplier.multiply(at - first);
        const { f32 } = this.#views();
        for (let nth = first; nth < at; nth++) {
          const slot = slots[nth] as number;
          const scale = f32[this.#blocks.scaleAt(slot) / 4] as number;
          candidates.add(slot, (products[nth - first] as number) * multiplier.unit, scale, width.shape.distortion);
        }
      }
    };
  }
}
