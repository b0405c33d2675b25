/**
 * The first look at many vectors: how many signs of each differ from those of the query. Where vectors are of one length the distance is the key that tells the better from the worse; where they are
 * not, the key is made of the inner product that distance and length let expect.
 */
import type { Arena } from "../kernels/arena.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { BLOCK_ROWS, type Blocks } from "./blocks.ts";
import { cosineAt, distanceSpread, meanDistance, normalBelow } from "./error-law.ts";
import type { Selection } from "./selection.ts";

/** Keys of vectors of many lengths. What a step of them hides is a fiftieth of what signs leave open. */
const LEVELS = 4095;
const OUT_OF_QUESTION = 65_535;
const PAGE_BLOCKS = 64;
const PAGE_SLOTS = PAGE_BLOCKS * BLOCK_ROWS;
/** Of the keys of one query. */
const PAGE_BYTES = 2 * PAGE_SLOTS;
/** Queries that are looked at together. */
export const TOGETHER = 4;

export class FirstLook {
  /** The largest key. */
  readonly most: number;
  readonly #dim: number;
  /** Coordinates whose signs are looked at. */
  readonly #looks: number;
  readonly #isOfOneLength: boolean;
  readonly #blocks: Blocks;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #queryAt: number;
  readonly #countsAt: number;
  readonly #cosinesAt: number;
  readonly #foundAt: number;
  /** Where keys stand, of 64 blocks each: those of the first query, then those of the next. */
  #pages: number[] = [];
  #queriesOfPage = 1;
  #largestScale = 0;
  #queries: 1 | typeof TOGETHER = 1;
  #selection: Selection | undefined;
  /** Numbers of the blocks that were looked at, in the order of their keys. */
  #looked: readonly number[] = [];

  constructor(dim: number, isOfOneLength: boolean, blocks: Blocks, kernels: Kernels, arena: Arena) {
    this.#dim = dim;
    this.#looks = blocks.looks;
    this.#isOfOneLength = isOfOneLength;
    this.most = isOfOneLength ? this.#looks : LEVELS;
    this.#blocks = blocks;
    this.#kernels = kernels;
    this.#arena = arena;
    this.#queryAt = arena.allocate(TOGETHER * blocks.lookStride);
    this.#countsAt = arena.allocate(4 * (this.most + 1));
    this.#foundAt = arena.allocate(4 * PAGE_SLOTS);
    this.#cosinesAt = isOfOneLength ? 0 : arena.allocate(4 * (this.#looks + 1));
    if (!isOfOneLength)
      arena.views.f32.set(
        Float32Array.from({ length: this.#looks + 1 }, (_, distance) => cosineAt(this.#looks, distance)),
        this.#cosinesAt / 4,
      );
  }

  /** Takes the signs of a rotated query as the nth of those that are looked at together. */
  ask(turnedAt: number, nth = 0): void {
    this.#kernels.signPlane(turnedAt, this.#looks, this.#queryAt + nth * this.#blocks.lookStride);
  }

  /** Forgets what it looked at. `queries`: those that asked, one or four. `selection`: what may be found. `largestScale`: of all codes. */
  begin(selection: Selection | undefined, queries: 1 | typeof TOGETHER, largestScale: number): void {
    this.#selection = selection;
    this.#queries = queries;
    this.#largestScale = largestScale;
    this.#looked = [];
  }

  /** Looks at more blocks. */
  lookAt(blocks: readonly number[]): void {
    const first = this.#looked.length;
    this.makeRoom(this.#queries, first + blocks.length);
    this.#looked = first === 0 ? blocks : [...this.#looked, ...blocks];
    for (let nth = 0; nth < blocks.length; nth++) {
      const block = blocks[nth] as number;
      const at = this.#keysAt(first + nth);
      const [lower, upper] = [this.#wordOf(block, 0), this.#wordOf(block, 1)];
      if ((lower | upper) !== 0) this.#fill(block, at);
      if (lower !== -1 || upper !== -1)
        for (let query = 0; query < this.#queries; query++) this.#rule(at + query * PAGE_BYTES, lower, upper);
    }
  }

  /** Vectors that were looked at, those that the selection does not let included. */
  get slots(): number {
    return this.#looked.length * BLOCK_ROWS;
  }

  /** For the keys of as many queries and these blocks, which an index asks for before it takes one more: what is in it can be looked at, though memory be at its end. Throws `full`. */
  makeRoom(queries: 1 | typeof TOGETHER, blocks = this.#blocks.blockCount): void {
    const pages = Math.ceil(blocks / PAGE_BLOCKS);
    if (queries > this.#queriesOfPage) {
      const size = queries * PAGE_BYTES;
      const first = this.#arena.allocate(pages * size);
      this.#pages = Array.from({ length: pages }, (_, page) => first + page * size);
      this.#queriesOfPage = queries;
    }
    while (this.#pages.length < pages) this.#pages.push(this.#arena.allocate(this.#queriesOfPage * PAGE_BYTES));
  }

  /** Of the nth query, how many vectors have each key, and fewer: the last is how many there are. */
  counts(nth = 0): Uint32Array {
    const { u32 } = this.#arena.views;
    const counts = u32.subarray(this.#countsAt / 4, this.#countsAt / 4 + this.most + 1).fill(0);
    this.#forEachPage(nth, (at, slots) => this.#kernels.histogram(at, slots, this.#countsAt, this.most));
    for (let key = 1; key <= this.most; key++) counts[key] = (counts[key] as number) + (counts[key - 1] as number);
    return counts;
  }

  /** Tells the slots with keys from `least` to `most`, some at a time. */
  forEachFound(nth: number, least: number, most: number, tell: (slots: Uint32Array) => void): void {
    this.#forEachPage(nth, (at, count, from) => {
      const found = this.#kernels.collect(at, count, least, most, this.#foundAt);
      if (found === 0) return;
      const slots = this.#arena.views.u32.subarray(this.#foundAt / 4, this.#foundAt / 4 + found);
      for (let at = 0; at < found; at++) {
        const place = from + (slots[at] as number);
        slots[at] = BLOCK_ROWS * (this.#looked[place >>> 6] as number) + (place & 63);
      }
      tell(slots);
    });
  }

  /** How likely a vector with this cosine to the query and this scale has a key of at most a threshold. */
  chanceAtMost(threshold: number, cosine: number, scale: number, explained: number): number {
    const most = this.#isOfOneLength ? threshold : this.#distanceAt(threshold, scale * explained);
    const [mean, spread] = [meanDistance(this.#looks, cosine), distanceSpread(this.#looks, cosine, this.#dim)];
    if (spread === 0) return mean <= most + 0.5 ? 1 : 0;
    return normalBelow((most + 0.5 - mean) / spread);
  }

  /** The distance at which a vector of this scale has this key. */
  #distanceAt(key: number, scale: number): number {
    const cosine = (LEVELS / 2 - key) / (this.#slope * scale);
    return meanDistance(this.#looks, cosine);
  }

  get #slope(): number {
    return this.#largestScale > 0 ? (LEVELS / 2 - 1) / this.#largestScale : 0;
  }

  /** Of the nth block that is looked at. */
  #keysAt(nth: number): number {
    return (this.#pages[Math.floor(nth / PAGE_BLOCKS)] as number) + 2 * BLOCK_ROWS * (nth % PAGE_BLOCKS);
  }

  #forEachPage(nth: number, tell: (at: number, slots: number, from: number) => void): void {
    const count = this.#looked.length;
    for (let block = 0; block < count; block += PAGE_BLOCKS)
      tell(this.#keysAt(block) + nth * PAGE_BYTES, BLOCK_ROWS * Math.min(PAGE_BLOCKS, count - block), BLOCK_ROWS * block);
  }

  #fill(block: number, at: number): void {
    const rows = this.#blocks.signsAt(block * BLOCK_ROWS);
    const { lookStride } = this.#blocks;
    if (this.#queries === 1) this.#kernels.hamming(rows, lookStride, lookStride, BLOCK_ROWS, this.#queryAt, at);
    else this.#kernels.hammingOfFour(rows, lookStride, lookStride, BLOCK_ROWS, this.#queryAt, at, PAGE_BYTES);
    if (this.#isOfOneLength) return;
    const scalesAt = this.#blocks.scaleAt(block * BLOCK_ROWS);
    const explained = 1 - this.#blocks.widthAt(block).shape.distortion;
    for (let nth = 0; nth < this.#queries; nth++)
      this.#kernels.weigh(at + nth * PAGE_BYTES, scalesAt, BLOCK_ROWS, this.#cosinesAt, LEVELS / 2, this.#slope * explained, LEVELS);
  }

  #wordOf(block: number, half: 0 | 1): number {
    const live = this.#blocks.liveWord(block, half);
    return (this.#selection === undefined ? live : live & this.#selection.word(block, half)) | 0;
  }

  /** Takes rows out of question whose bits are not set. */
  #rule(keysAt: number, lower: number, upper: number): void {
    const { u16 } = this.#arena.views;
    const first = keysAt / 2;
    if ((lower | upper) === 0) u16.fill(OUT_OF_QUESTION, first, first + BLOCK_ROWS);
    else
      for (let row = 0; row < BLOCK_ROWS; row++)
        if ((((row < 32 ? lower : upper) >>> (row & 31)) & 1) === 0) u16[first + row] = OUT_OF_QUESTION;
  }
}
