/** Vectors by what they are like: kept as codes, found in stages. cascade.ts has how a search goes, blocks.ts where codes are. */
import { createEncoder, type Encoder, MAX_FLOAT, type TurnOptions } from "../codec/encoder.ts";
import { checkQuantizer, planeStride, type QuantizerOptions, truncatedFactor, valuesIn } from "../codec/quantizer.ts";
import { shapeOf } from "../codec/shape.ts";
import { TurboQuantError } from "../error.ts";
import type { IndexHeader, SegmentColumns, VectorId } from "../file/segment.ts";
import { Arena } from "../kernels/arena.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { createKernels } from "../kernels/load.ts";
import { BLOCK_ROWS, Blocks, type Group, type Width, widthOf } from "./blocks.ts";
import { type Asked, Cascade, type Outcome, type Wanted } from "./cascade.ts";
import { Cells, type Nearest, type Witness } from "./cells.ts";
import { checkColumnsFor, columnsOf, liveSlots, putColumns } from "./columns.ts";
import type { IndexStats, SearchOptions, SearchResult, VectorIndexOptions } from "./contract.ts";
import { createExactProduct, dot, type ExactProduct } from "./exact-product.ts";
import { FirstLook, TOGETHER } from "./first-look.ts";
import { checkId, IdTable } from "./id-table.ts";
import { Originals } from "./originals.ts";
import { createListPlace, createMultiplier, type ListPlace, type Multiplier } from "./question.ts";
import { Selection } from "./selection.ts";
import { wantedOf } from "./wanted.ts";

export type { Hit, IndexStats, SearchOptions, SearchResult, VectorIndexOptions } from "./contract.ts";

/** A look at the signs of so many of 1,536 coordinates takes 5 ms. */
const FLAT_UP_TO = 300_000;
/** Blocks whose signs stand behind one another, where all are looked at. */
const FLAT_SHELF = 16;
/** Vectors that tell how the best lie among cells, how many of the best each looks for, and how surely; again, when cells were tidied, as soon as there are so many times as many vectors. */
const WITNESSES = 96;
const WITNESSED = 10;
const WITNESS_RECALL = 0.99;
const GROWTH_TO_MEASURE = 2;
/** Fewer are not worth a cell. */
const LEAST_FLAT = 1024;
/** Of the middles of cells, whatever vectors have. */
const MIDDLE_BITS = 4;

/** Throws `bad-argument`. */
export function createVectorIndex(options: VectorIndexOptions): VectorIndex {
  return new VectorIndex(options);
}

export class VectorIndex {
  readonly header: IndexHeader;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #encoder: Encoder;
  readonly #blocks: Blocks;
  readonly #ids: IdTable;
  readonly #look: FirstLook;
  readonly #cascade: Cascade;
  readonly #place: ListPlace;
  readonly #width: Width;
  readonly #widths = new Map<string, Width>();
  readonly #multipliers = new Map<Width, Multiplier>();
  readonly #originals: Originals | undefined;
  readonly #lengths: TurnOptions;
  readonly #products: ExactProduct;
  #flat: Group;
  readonly #flatUpTo: number;
  #cells: Cells | undefined;
  /** What memory at its end kept from going into cells. */
  readonly #loose: Group[] = [];
  #measureAgainAt = 0;
  #largestScale = 0;
  #version = 0;

  constructor({
    dim,
    bits = 4,
    seed = 0,
    metric = "cosine",
    center,
    originals = false,
    flatUpTo = FLAT_UP_TO,
    kernels,
  }: VectorIndexOptions) {
    const quantizer: QuantizerOptions = { dim, bits, seed, ...(center === undefined ? {} : { center }) };
    const checked = checkQuantizer(quantizer);
    if (metric !== "cosine" && metric !== "dot")
      throw new TurboQuantError("bad-argument", `metric is ${String(metric)}`, "It is cosine or dot.");
    if (!(flatUpTo >= LEAST_FLAT)) throw new TurboQuantError("bad-argument", `flatUpTo is ${flatUpTo}`, `It is at least ${LEAST_FLAT}.`);
    this.header = { dim, bits, from: bits, seed: BigInt(seed), scale: "unbiased", metric, originals, ...checked };
    this.#products = createExactProduct(this.header);
    this.#kernels = createKernels(kernels);
    this.#arena = new Arena(this.#kernels.memory);
    this.#place = createListPlace(this.#arena);
    this.#blocks = new Blocks(dim, this.#arena);
    this.#width = this.#widthFor(bits, bits);
    this.#encoder = createEncoder(
      { dim, seed: BigInt(seed), scale: "unbiased", shape: this.#width.shape, center: this.header.center },
      this.#kernels,
      this.#arena,
    );
    this.#flat = this.#blocks.newGroup(FLAT_SHELF);
    this.#flatUpTo = flatUpTo;
    this.#ids = new IdTable((slot) => this.#blocks.isLive(slot));
    this.#look = new FirstLook(dim, metric === "cosine" && center === undefined, this.#blocks, this.#kernels, this.#arena);
    this.#cascade = new Cascade(
      dim,
      this.#blocks,
      this.#look,
      this.#place,
      () => this.#arena.views,
      (width) => this.#multipliers.get(width) as Multiplier,
    );
    this.#originals = originals ? new Originals(dim) : undefined;
    this.#lengths = metric === "cosine" ? { length: 1 } : {};
  }

  /** Vectors. */
  get size(): number {
    return this.#blocks.count;
  }

  has(id: VectorId): boolean {
    return this.#ids.slotOf(id) !== undefined;
  }

  /** Puts a vector where the next search finds it; one of the same id is replaced. Throws `bad-vector`, `bad-argument`, `full`. */
  add(id: VectorId, vector: ArrayLike<number>): void {
    checkId(id);
    const size = this.#encoder.turn(vector, this.#lengths);
    const nearest = this.#cells?.nearest();
    // Asked before there is a slot: a vector that is gone may have left it, under this very id.
    const replaces = this.has(id);
    const slot = this.#take(this.#width, this.#groupFor(nearest));
    const scale = this.#encoder.write(size, {
      signs: this.#blocks.signsAt(slot),
      more: { from: this.#blocks.looks, at: this.#blocks.moreAt(slot) },
      rest: this.#blocks.restAt(slot),
      stride: this.#blocks.signStride,
    });
    try {
      this.#originals?.put(slot, vector);
    } catch (error) {
      this.#blocks.remove(slot);
      throw error;
    }
    if (replaces) this.remove(id);
    this.#setScale(slot, scale);
    this.#ids.put(slot, id);
    this.#version++;
    this.#settle(nearest);
  }

  /** `matrix`: one vector of `dim` coordinates after the other. */
  addBatch(ids: readonly VectorId[], matrix: Float32Array): void {
    const { dim } = this.header;
    if (matrix.length !== ids.length * dim)
      throw new TurboQuantError(
        "bad-vector",
        `${ids.length} vectors have ${ids.length * dim} coordinates, not ${matrix.length}`,
        "One vector after the other.",
      );
    for (const [nth, id] of ids.entries()) this.add(id, matrix.subarray(nth * dim, (nth + 1) * dim));
  }

  /** Whether there was one. */
  remove(id: VectorId): boolean {
    const slot = this.#ids.slotOf(id);
    if (slot === undefined) return false;
    this.#blocks.remove(slot);
    this.#ids.forget(id);
    this.#version++;
    return true;
  }

  /** The vector as its code has it: with `cosine`, of length one. Nothing where there is none. */
  get(id: VectorId): Float32Array | undefined {
    const slot = this.#ids.slotOf(id);
    if (slot === undefined) return undefined;
    const { f32 } = this.#arena.views;
    const values = this.#valuesAt(slot, this.#blocks.widthAt(slot >>> 6));
    this.#encoder.undo(values);
    const scale = f32[this.#blocks.scaleAt(slot) / 4] as number;
    // Among the largest numbers there are, what is nearest to a vector may be no number any more.
    return values.map((value, at) => Math.max(-MAX_FLOAT, Math.min(MAX_FLOAT, value * scale + (this.header.center?.[at] ?? 0))));
  }

  /** Throws `bad-vector`, `bad-argument`. */
  search(query: ArrayLike<number>, options: SearchOptions = {}): SearchResult {
    return this.#searchTogether([query], options)[0] as SearchResult;
  }

  /** As many searches: four at a time read the signs of all vectors once. */
  searchBatch(queries: readonly ArrayLike<number>[], options: SearchOptions = {}): readonly SearchResult[] {
    const results: SearchResult[] = [];
    const together = queries.length > 1 && this.#hasRoomForMany() ? TOGETHER : 1;
    for (let from = 0; from < queries.length; from += together)
      results.push(...this.#searchTogether(queries.slice(from, from + together), options));
    return results;
  }

  /** A filter that serves many searches, until the index is changed. */
  select(which: Iterable<VectorId> | ((id: VectorId) => boolean)): Selection {
    if (typeof which === "function") return new Selection(this.#blocks, this.#version, (slot) => which(this.#ids.at(slot)));
    const slots = new Set<number>();
    for (const id of which) slots.add(this.#ids.slotOf(id) ?? -1);
    return new Selection(this.#blocks, this.#version, (slot) => slots.has(slot));
  }

  /**
   * Cuts vectors to fewer bits where they are: those of these ids, or all. Those that have no more bits stay as they are. Whole blocks of 64 vectors give back their memory at once; others move.
   * Throws `bad-argument`.
   */
  truncate(bits: number, ids?: Iterable<VectorId>): number {
    if (!(bits >= 1 && bits <= this.header.bits))
      throw new TurboQuantError("bad-argument", `bits is ${bits}`, `It is from 1 to ${this.header.bits}, as this index has.`);
    const chosen = ids === undefined ? undefined : this.select(ids);
    let cut = 0;
    const { blockCount } = this.#blocks;
    for (let block = 0; block < blockCount; block++) {
      const width = this.#blocks.widthAt(block);
      if (width.bits <= bits) continue;
      const to = this.#widthFor(bits, width.from);
      const live = this.#liveIn(block);
      const slots = live.filter((slot) => chosen === undefined || chosen.has(slot));
      // A block of few would stay one of few: they move to where others left room.
      const room = (): number => this.#blocks.roomFor(to, this.#blocks.groupAt(block));
      const isWhole = slots.length === live.length && (slots.length === BLOCK_ROWS || slots.length > room());
      if (isWhole && slots.length > 0) this.#cutBlock(block, slots, to);
      else for (const slot of slots) this.#move(slot, to);
      cut += slots.length;
    }
    this.#version++;
    return cut;
  }

  /** Vectors by columns, to be written: at most `rows` of one width each. All, or those of these ids that are there. Throws `bad-argument` when the index was changed on the way. */
  *segments(rows?: number, ids?: Iterable<VectorId>): Generator<SegmentColumns> {
    const version = this.#version;
    for (const columns of columnsOf(this.#inside(), rows, ids === undefined ? undefined : this.#slotsOf(ids))) {
      yield columns;
      if (this.#version !== version)
        throw new TurboQuantError("bad-argument", "the index was changed between its segments", "Take all of them before it is changed.");
    }
  }

  /** Of all vectors; none may be added or removed meanwhile. */
  *ids(): Generator<VectorId> {
    for (const slot of liveSlots(this.#blocks)) yield this.#ids.at(slot);
  }

  /** Bits that a vector has now: fewer than those of the index where it was truncated. */
  bitsOf(id: VectorId): number | undefined {
    const slot = this.#ids.slotOf(id);
    return slot === undefined ? undefined : this.#blocks.widthAt(slot >>> 6).bits;
  }

  /** Puts in what `segments` gave, of an index of the same dimension, seed, metric and centre. Vectors of the same id are replaced. Throws `bad-argument`. */
  load(columns: SegmentColumns): void {
    // Of a stored segment all of whose vectors were removed.
    if (columns.count === 0) return;
    checkColumnsFor(this.header, columns);
    const width = this.#widthFor(columns.bits, columns.from);
    putColumns(columns, {
      ...this.#inside(),
      take: (id) => {
        this.remove(id);
        const slot = this.#take(width, this.#flat);
        this.#ids.put(slot, id);
        return slot;
      },
      setScale: (slot, scale) => this.#setScale(slot, scale),
    });
    this.#version++;
    if (this.#cells !== undefined) this.#shareOut(this.#cells);
    this.#settleCells();
  }

  stats(): IndexStats {
    const byBits = new Map<number, number>();
    for (let block = 0; block < this.#blocks.blockCount; block++) {
      const { bits } = this.#blocks.widthAt(block);
      byBits.set(bits, (byBits.get(bits) ?? 0) + this.#liveIn(block).length);
    }
    const codes = this.#blocks.sizeBytes;
    return {
      vectors: this.size,
      kernels: this.#kernels.kind,
      bytes: {
        codes,
        ids: this.#ids.sizeBytes,
        originals: this.#originals?.sizeBytes ?? 0,
        scratch: this.#kernels.memory.buffer.byteLength - codes,
      },
      cells: this.#cells?.count ?? 0,
      byBits: [...byBits].filter(([, vectors]) => vectors > 0).map(([bits, vectors]) => ({ bits, vectors })),
    };
  }

  #searchTogether(queries: readonly ArrayLike<number>[], options: SearchOptions): readonly SearchResult[] {
    const wanted = wantedOf(options);
    const selection = this.#selectionOf(options.filter);
    if (this.#cells !== undefined && queries.length > 1) {
      const alone = { ...options, ...(selection === undefined ? {} : { filter: selection }) };
      return queries.flatMap((query) => this.#searchTogether([query], alone));
    }
    const asked = queries.map((query, nth): Asked => {
      const size = this.#encoder.turn(query, { centred: false, ...this.#lengths });
      this.#look.ask(this.#encoder.turnedAt, nth);
      const { f32 } = this.#arena.views;
      const turned = f32.slice(this.#encoder.turnedAt / 4, this.#encoder.turnedAt / 4 + this.header.dim);
      return { turned, size, base: this.#products.withCenter(query), nth };
    });
    this.#look.begin(selection, queries.length === 1 ? 1 : TOGETHER, this.#largestScale);
    this.#look.lookAt(this.#looseBlocks());
    return asked.map((each, nth) => {
      const exact = this.#exactFor(queries[nth] as ArrayLike<number>, options);
      return this.#resultOf(this.#cascade.run(each, { ...wanted, exact }, this.#cells?.ask(each.turned)));
    });
  }

  /** Where memory is at its end there may be none: then one after the other is as good. */
  #hasRoomForMany(): boolean {
    try {
      this.#look.makeRoom(TOGETHER);
      return true;
    } catch {
      return false;
    }
  }

  #resultOf({ found, looked, candidates, expectedRecall }: Outcome): SearchResult {
    return { hits: found.map(({ slot, score }) => ({ id: this.#ids.at(slot), score })), looked, candidates, expectedRecall };
  }

  #selectionOf(filter: SearchOptions["filter"]): Selection | undefined {
    if (filter === undefined) return undefined;
    const selection = typeof filter === "function" ? this.select(filter) : filter;
    if (!(selection instanceof Selection))
      throw new TurboQuantError(
        "bad-argument",
        "a filter is neither a function nor a selection",
        "Make one of a list of ids with `select`.",
      );
    if (!selection.isOf(this.#blocks, this.#version))
      throw new TurboQuantError(
        "bad-argument",
        "this selection is of another index, or of this one before it was changed",
        "Make it again with `index.select`.",
      );
    return selection;
  }

  #exactFor(query: ArrayLike<number>, { exact = true }: SearchOptions): Wanted["exact"] {
    const originals = this.#originals;
    if (!exact || originals === undefined) return undefined;
    const scoreOf = this.#products.with(query);
    return (slot) => scoreOf(originals.at(slot));
  }

  #groupFor(nearest: Nearest | undefined): Group {
    return nearest === undefined || this.#cells === undefined ? this.#flat : this.#cells.groupOf(nearest);
  }

  /** After a vector was put in: where it stands may be too large now. */
  #settle(nearest: Nearest | undefined): void {
    if (nearest !== undefined) this.#cells?.added(nearest);
    this.#settleCells();
  }

  #settleCells(): void {
    if (this.#cells === undefined && this.size > this.#flatUpTo) this.#beginCells();
    else if (this.#cells !== undefined && this.size >= this.#measureAgainAt) {
      this.#cells.tidy();
      this.#measureCells(this.#cells);
    }
  }

  #beginCells(): void {
    const width = this.#widthFor(MIDDLE_BITS, MIDDLE_BITS);
    this.#cells = new Cells(
      {
        dim: this.header.dim,
        blocks: this.#blocks,
        encoder: this.#encoder,
        kernels: this.#kernels,
        place: this.#place,
        width,
        multiplier: this.#multipliers.get(width) as Multiplier,
        moved: (from, to) => {
          const id = this.#ids.at(from);
          this.#ids.forget(id);
          this.#ids.put(to, id);
          this.#originals?.put(to, this.#originals.at(from));
        },
      },
      this.#flat.blocks,
    );
    this.#shareOut(this.#cells);
    this.#measureCells(this.#cells);
  }

  #shareOut(cells: Cells): void {
    if (!cells.shareOut(this.#flat)) this.#loose.push(this.#flat);
    this.#flat = this.#blocks.newGroup(FLAT_SHELF);
  }

  /** Of vectors that are in no cell. */
  #looseBlocks(): readonly number[] {
    return this.#loose.length === 0 ? this.#flat.blocks : [...this.#loose, this.#flat].flatMap(({ blocks }) => blocks);
  }

  /** Some vectors of the index are asked for what is like them, in all of it. */
  #measureCells(cells: Cells): void {
    const { dim } = this.header;
    this.#measureAgainAt = GROWTH_TO_MEASURE * this.size;
    const blocks = [...cells.blocks, ...this.#looseBlocks()];
    const step = Math.max(1, Math.floor(blocks.length / WITNESSES));
    const slots = blocks.flatMap((block, nth) => (nth % step === 0 ? this.#liveIn(block).slice(0, 1) : []));
    const witnesses = slots.map((own): Witness => {
      const turned = this.#valuesAt(own, this.#blocks.widthAt(own >>> 6));
      const length = Math.sqrt(dot(turned, turned) / dim) || 1;
      const asked = { turned: turned.map((value) => value / length), size: 1 / Math.sqrt(dim), base: 0, nth: 0 };
      this.#arena.views.f32.set(asked.turned, this.#encoder.turnedAt / 4);
      this.#look.ask(this.#encoder.turnedAt);
      this.#look.begin(undefined, 1, this.#largestScale);
      this.#look.lookAt(blocks);
      const { found } = this.#cascade.run(asked, { k: WITNESSED + 1, recall: WITNESS_RECALL, candidates: undefined, exact: undefined });
      return { turned: asked.turned, best: found.filter(({ slot }) => slot !== own && cells.has(slot)).slice(0, WITNESSED) };
    });
    cells.measure(witnesses.filter(({ best }) => best.length > 0));
  }

  #widthFor(bits: number, from: number): Width {
    const key = `${bits} of ${from}`;
    const known = this.#widths.get(key);
    if (known !== undefined) return known;
    const width = widthOf(shapeOf(this.header.dim, bits, from), bits, from);
    this.#widths.set(key, width);
    // Here and not when it is first needed: memory that grows within a search takes the views away that it works with.
    this.#multipliers.set(width, createMultiplier(this.header.dim, this.#blocks, width, this.#place, this.#kernels, this.#arena));
    return width;
  }

  #take(width: Width, group: Group): number {
    this.#look.makeRoom(1, this.#blocks.blockCount + 1);
    return this.#blocks.take(width, group);
  }

  #setScale(slot: number, scale: number): void {
    this.#arena.views.f32[this.#blocks.scaleAt(slot) / 4] = scale;
    this.#largestScale = Math.max(this.#largestScale, scale);
  }

  #liveIn(block: number): readonly number[] {
    return Array.from({ length: BLOCK_ROWS }, (_, row) => block * BLOCK_ROWS + row).filter((slot) => this.#blocks.isLive(slot));
  }

  #cutBlock(block: number, slots: readonly number[], to: Width): void {
    const scales = slots.map((slot) => this.#cutScale(slot, to));
    this.#blocks.narrow(block, to);
    for (const [nth, slot] of slots.entries()) this.#setScale(slot, scales[nth] as number);
  }

  #move(slot: number, to: Width): void {
    const id = this.#ids.at(slot);
    const scale = this.#cutScale(slot, to);
    const target = this.#take(to, this.#blocks.groupAt(slot >>> 6));
    this.#blocks.copy(slot, target);
    if (this.#originals !== undefined) this.#originals.put(target, this.#originals.at(slot));
    this.remove(id);
    this.#ids.put(target, id);
    this.#setScale(target, scale);
  }

  #cutScale(slot: number, to: Width): number {
    const finer = this.#valuesAt(slot, this.#blocks.widthAt(slot >>> 6));
    const factor = truncatedFactor("unbiased", finer, this.#valuesAt(slot, to));
    return Math.min(MAX_FLOAT, (this.#arena.views.f32[this.#blocks.scaleAt(slot) / 4] as number) * factor);
  }

  /** As codes of this width have them, which may be fewer bits than are there. */
  #valuesAt(slot: number, { shape }: Width): Float32Array {
    const { u8 } = this.#arena.views;
    const rest = this.#blocks.restAt(slot);
    const planes = shape.planes.map((count, plane) => {
      if (plane === 0) return this.#blocks.signsOf(slot);
      const at = rest + (plane - 1) * this.#blocks.signStride;
      return u8.subarray(at, at + planeStride(count));
    });
    return valuesIn(shape, this.header.dim, planes);
  }

  *#slotsOf(ids: Iterable<VectorId>): Generator<number> {
    for (const id of new Set(ids)) {
      const slot = this.#ids.slotOf(id);
      if (slot !== undefined) yield slot;
    }
  }

  #inside() {
    return { header: this.header, blocks: this.#blocks, arena: this.#arena, ids: this.#ids, originals: this.#originals };
  }
}
