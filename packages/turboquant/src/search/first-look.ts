/** The first look at many vectors: the keys that signs of theirs give (sign-law.ts). */
import type { Arena } from "../kernels/arena.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { BLOCK_ROWS, type Blocks, LOT_ROWS } from "./blocks.ts";
import { leastThat } from "./error-law.ts";
import type { Selection } from "./selection.ts";
import { SignLaw } from "./sign-law.ts";

const OUT_OF_QUESTION = 65_535;
const PAGE_BLOCKS = 64;
const PAGE_SLOTS = PAGE_BLOCKS * BLOCK_ROWS;
const PAGE_BYTES = 2 * PAGE_SLOTS;
const MOST_FOUND = 2 * PAGE_SLOTS;
/** One block in so many says about where the smallest keys end: larger ones need not be counted. */
const SAMPLED = 32;
/** Of what is counted at once, as a part of all; more where it turns out to be too little. */
const LEAST_COUNTED = 0.005;
const AMPLY = 2;
const MOST_PART = 0.25;
const MORE = 4;

export class FirstLook {
  readonly law: SignLaw;
  readonly #blocks: Blocks;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #tableAt: number;
  readonly #countsAt: number;
  readonly #foundAt: number;
  /** Where keys stand, of 64 blocks each. */
  readonly #pages: number[] = [];
  #line: SignLaw["line"];
  #selection: Selection | undefined;
  /** Numbers of the blocks that were looked at, in the order of their keys. */
  #looked: readonly number[] = [];
  /** Up to which keys those were told that are looked at as the nth from `from` on. */
  #told: { readonly from: number; most: number }[] = [];
  /** Vectors that may be found. */
  #there = 0;
  /** Keys that were counted, from none on. */
  #counted = -1;

  constructor(dim: number, isOfOneLength: boolean, blocks: Blocks, kernels: Kernels, arena: Arena) {
    this.law = new SignLaw(dim, blocks.looks, blocks.lookStride, isOfOneLength);
    this.#line = this.law.line;
    this.#blocks = blocks;
    this.#kernels = kernels;
    this.#arena = arena;
    this.#tableAt = arena.allocate(this.law.table.length);
    this.#countsAt = arena.allocate(4 * (this.law.most + 1));
    this.#foundAt = arena.allocate(4 * MOST_FOUND);
  }

  /** Forgets what it looked at. `turned`: the rotated query. `selection`: what may be found. `largestScale`: of all codes. */
  begin(turned: Float32Array, selection: Selection | undefined, largestScale: number): void {
    this.law.ask(turned, largestScale);
    this.#line = this.law.line;
    this.#arena.views.u8.set(this.law.table, this.#tableAt);
    this.#selection = selection;
    this.#looked = [];
    this.#told = [];
    this.#there = 0;
    this.#counted = -1;
  }

  /** Looks at more blocks. */
  lookAt(blocks: readonly number[]): void {
    const first = this.#looked.length;
    this.makeRoom(first + blocks.length);
    this.#looked = first === 0 ? blocks : [...this.#looked, ...blocks];
    this.#told.push({ from: first, most: -1 });
    this.#counted = -1;
    for (let nth = 0; nth < blocks.length; ) nth += this.#fill(blocks, nth, first);
    for (let nth = 0; nth < blocks.length; nth++) this.#rule(blocks[nth] as number, this.#keysAt(first + nth));
  }

  /** Places that were looked at, those that nothing may be found in included. */
  get slots(): number {
    return this.#looked.length * BLOCK_ROWS;
  }

  /** Vectors that were looked at and may be found. */
  get there(): number {
    return this.#there;
  }

  /** For the keys of these blocks, which an index asks for before it takes one more: what is in it can be looked at, though memory be at its end. Throws `full`. */
  makeRoom(blocks = this.#blocks.blockCount): void {
    while (this.#pages.length * PAGE_BLOCKS < blocks) this.#pages.push(this.#arena.allocate(PAGE_BYTES));
  }

  /** The least key that at least so many vectors do not pass; the largest of all, where there are not so many. */
  keyOf(wanted: number): number {
    if (wanted >= this.#there) return this.law.most;
    for (let part = Math.max(LEAST_COUNTED, (AMPLY * wanted) / this.#there); ; part *= MORE) {
      if (this.#counted >= 0 && (this.#counts[this.#counted] as number) >= wanted) break;
      this.#count(Math.max(this.#counted + 1, this.#keyOfSample(part)));
    }
    const counts = this.#counts;
    return leastThat(0, this.#counted, (key) => (counts[key] as number) >= wanted);
  }

  /** Tells the slots with keys up to `most` that were not told yet, some thousands at a time. */
  forEachUntold(most: number, tell: (slots: Uint32Array) => void): void {
    const start = this.#foundAt / 4;
    let waiting = 0;
    const tellThem = (): void => {
      if (waiting > 0) tell(this.#arena.views.u32.subarray(start, start + waiting));
      waiting = 0;
    };
    for (const [nth, lot] of this.#told.entries()) {
      if (lot.most >= most) continue;
      this.#forEachPage(lot.from, this.#told[nth + 1]?.from ?? this.#looked.length, (at, count, block) => {
        if (waiting > MOST_FOUND - PAGE_SLOTS) tellThem();
        const first = start + waiting;
        waiting += this.#kernels.collect(at, count, lot.most + 1, most, 4 * first);
        const { u32 } = this.#arena.views;
        for (let found = first; found < start + waiting; found++) {
          const place = u32[found] as number;
          u32[found] = BLOCK_ROWS * (this.#looked[block + (place >>> 6)] as number) + (place & 63);
        }
      });
      lot.most = most;
    }
    tellThem();
  }

  get #counts(): Uint32Array {
    return this.#arena.views.u32.subarray(this.#countsAt / 4, this.#countsAt / 4 + this.law.most + 1);
  }

  /** How many vectors have each key up to `most`, and fewer. */
  #count(most: number): void {
    const counts = this.#counts.fill(0, 0, most + 1);
    this.#forEachPage(0, this.#looked.length, (at, slots) => this.#kernels.histogram(at, slots, this.#countsAt, most));
    for (let key = 1; key <= most; key++) counts[key] = (counts[key] as number) + (counts[key - 1] as number);
    this.#counted = most;
  }

  /** A key that about this part of all does not pass. */
  #keyOfSample(part: number): number {
    const { most } = this.law;
    if (part >= MOST_PART) return most;
    const counts = this.#counts.fill(0);
    let sampled = 0;
    for (let nth = 0; nth < this.#looked.length; nth += SAMPLED) {
      this.#kernels.histogram(this.#keysAt(nth), BLOCK_ROWS, this.#countsAt, most);
      sampled += BLOCK_ROWS;
    }
    const wanted = 1 + part * sampled;
    let [key, sum] = [0, counts[0] as number];
    while (sum < wanted && key < most) sum += counts[++key] as number;
    return key;
  }

  /** Of the nth block that is looked at. */
  #keysAt(nth: number): number {
    return (this.#pages[Math.floor(nth / PAGE_BLOCKS)] as number) + 2 * BLOCK_ROWS * (nth % PAGE_BLOCKS);
  }

  /** Of the blocks that are looked at as the nth from `from` on and before `to`. */
  #forEachPage(from: number, to: number, tell: (at: number, slots: number, block: number) => void): void {
    for (let block = from; block < to; ) {
      const end = Math.min(to, PAGE_BLOCKS * (Math.floor(block / PAGE_BLOCKS) + 1));
      tell(this.#keysAt(block), BLOCK_ROWS * (end - block), block);
      block = end;
    }
  }

  /** Of the nth block, and of those behind it whose signs and keys stand behind one another: how many these are. */
  #fill(blocks: readonly number[], nth: number, first: number): number {
    const block = blocks[nth] as number;
    if (!this.#hasAny(block)) return 1;
    const rows = this.#blocks.signsAt(block * BLOCK_ROWS);
    const { lookStride } = this.#blocks;
    const bytes = BLOCK_ROWS * lookStride;
    const most = Math.min(blocks.length - nth, PAGE_BLOCKS - ((first + nth) % PAGE_BLOCKS));
    let run = 1;
    for (; run < most; run++) {
      const next = blocks[nth + run] as number;
      if (this.#blocks.signsAt(next * BLOCK_ROWS) !== rows + run * bytes || !this.#hasAny(next)) break;
    }
    this.#kernels.look(rows, lookStride, (run * BLOCK_ROWS) / LOT_ROWS, this.#tableAt, this.#keysAt(first + nth));
    if (!this.law.isOfOneLength)
      for (let after = 0; after < run; after++) this.#weigh(blocks[nth + after] as number, this.#keysAt(first + nth + after));
    return run;
  }

  #weigh(block: number, keysAt: number): void {
    const explained = 1 - this.#blocks.widthAt(block).shape.distortion;
    const { none, step, base, slope } = this.#line;
    const scalesAt = this.#blocks.scaleAt(block * BLOCK_ROWS);
    this.#kernels.weigh(keysAt, scalesAt, BLOCK_ROWS, none, step, base, slope * explained, this.law.most);
  }

  #hasAny(block: number): boolean {
    return (this.#wordOf(block, 0) | this.#wordOf(block, 1)) !== 0;
  }

  #wordOf(block: number, half: 0 | 1): number {
    const live = this.#blocks.liveWord(block, half);
    return (this.#selection === undefined ? live : live & this.#selection.word(block, half)) | 0;
  }

  /** Counts what may be found in a block, and takes the other rows out of question. */
  #rule(block: number, keysAt: number): void {
    const lower = this.#wordOf(block, 0);
    const upper = this.#wordOf(block, 1);
    if ((lower & upper) === -1) {
      this.#there += BLOCK_ROWS;
      return;
    }
    const { u16 } = this.#arena.views;
    const first = keysAt / 2;
    for (let row = 0; row < BLOCK_ROWS; row++)
      if ((((row < 32 ? lower : upper) >>> (row & 31)) & 1) === 1) this.#there++;
      else u16[first + row] = OUT_OF_QUESTION;
  }
}
