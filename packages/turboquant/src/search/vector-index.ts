/** Vectors by what they are like: kept as codes, found in stages. cascade.ts has how a search goes, blocks.ts where codes are. */
import { checkWhole, orAwaited, refuse, shown } from "../argument.ts";
import { createEncoder, type Encoder, type TurnOptions } from "../codec/encoder.ts";
import { dot, MAX_FLOAT } from "../codec/vector.ts";
import { TurboQuantError } from "../error.ts";
import { headerCopy, type IndexHeader, type SegmentColumns, type VectorId } from "../file/segment.ts";
import { checkId, checkIdKind, checkIdList } from "../file/vector-id.ts";
import { Arena } from "../kernels/arena.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { createKernels } from "../kernels/load.ts";
import { checkOptions } from "../options.ts";
import { checkBatch, putAll } from "./batch.ts";
import { Blocks, type Group, type Width } from "./blocks.ts";
import { Cascade, type Outcome, type Wanted } from "./cascade.ts";
import { asFarAsMemoryGoes, Cells, type CellsInside, type Witness } from "./cells.ts";
import { codeValues } from "./code-values.ts";
import { checkColumnsFor, columnsOf, liveIn, liveSlots, putColumns } from "./columns.ts";
import type { IndexStats, SearchOptions, SearchResult, VectorIndexOptions } from "./contract.ts";
import { createExactProduct, type ExactProduct } from "./exact-product.ts";
import { FirstLook } from "./first-look.ts";
import { IdTable } from "./id-table.ts";
import { INDEX_OPTIONS, indexSettings } from "./index-options.ts";
import { LargestScale } from "./largest-scale.ts";
import type { Nearest } from "./middles.ts";
import { Originals } from "./originals.ts";
import { createListPlace, createMultiplier, type ListPlace } from "./question.ts";
import { Selection } from "./selection.ts";
import { truncateCodes } from "./truncation.ts";
import { checkQueries, wantedOf } from "./wanted.ts";
import { Widths } from "./widths.ts";

export type { Hit, IndexStats, SearchOptions, SearchResult, VectorIndexOptions } from "./contract.ts";

/** Blocks whose signs stand behind one another, where all are looked at. */
const FLAT_SHELF = 16;
/** Vectors that tell how the best lie among cells, how many of the best each looks for, and how surely; again, when cells were tidied, as soon as as many vectors as there were have been put in. */
const WITNESSES = 96;
const WITNESSED = 10;
const WITNESS_RECALL = 0.99;
/** Something is done for cells with each vector that is added, and with every so many that are loaded: who loads waits for the whole anyway. */
const LOADED_BY_STEP = 16;
/** Of the middles of cells, whatever vectors have. */
const MIDDLE_BITS = 4;

/** Throws `bad-argument`. */
export function createVectorIndex(options: VectorIndexOptions): VectorIndex {
  return new VectorIndex(options);
}

export class VectorIndex {
  readonly #header: IndexHeader;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  readonly #encoder: Encoder;
  readonly #blocks: Blocks;
  readonly #ids: IdTable;
  readonly #look: FirstLook;
  readonly #cascade: Cascade;
  readonly #place: ListPlace;
  /** Of a vector that is being added. */
  readonly #signsAt: number;
  readonly #width: Width;
  readonly #widths: Widths;
  readonly #originals: Originals | undefined;
  readonly #lengths: TurnOptions;
  readonly #products: ExactProduct;
  readonly #scales = new LargestScale();
  #flat: Group;
  readonly #flatUpTo: number;
  #cells: Cells | undefined;
  /** Cells that are not yet made; what an attempt that came to nothing had of memory serves the next. */
  #begun: Cells | undefined;
  /** What memory at its end kept from going into cells. */
  readonly #loose: Group[] = [];
  /** Vectors that were put in, new ones and others for them, since cells were last measured; and how many are waited for. */
  #putIn = 0;
  #measureAfter = 0;
  /** Whether there was no memory to put all into cells. */
  #isFull = false;
  /** What is done for cells, a little with each vector. */
  #working: Iterator<void> | undefined;
  #version = 0;

  constructor(options: VectorIndexOptions) {
    checkOptions("createVectorIndex", options, INDEX_OPTIONS);
    const { header, flatUpTo } = indexSettings(options);
    const { dim, bits, seed, scale, metric, center, originals } = header;
    this.#header = header;
    this.#products = createExactProduct(header);
    this.#kernels = createKernels(options.kernels);
    this.#arena = new Arena(this.#kernels.memory);
    this.#blocks = new Blocks(dim, this.#arena);
    this.#place = createListPlace(this.#arena, this.#blocks.lookStride);
    this.#signsAt = this.#arena.allocate(this.#blocks.lookStride);
    this.#widths = new Widths(dim, (width) =>
      this.#arena.whole(() => createMultiplier(dim, this.#blocks, width, this.#place, this.#kernels, this.#arena)),
    );
    this.#width = this.#widths.of(bits, bits);
    this.#encoder = createEncoder({ dim, seed, scale, shape: this.#width.shape, center }, this.#kernels, this.#arena);
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
      (width) => this.#widths.multiplierOf(width),
    );
    this.#originals = originals ? new Originals(dim) : undefined;
    this.#lengths = metric === "cosine" ? { length: 1 } : {};
  }

  /** A copy. */
  get header(): IndexHeader {
    return headerCopy(this.#header);
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
    this.#put(id, vector, this.has(id));
  }

  /**
   * `matrix`: one vector of `dim` coordinates after the other. Throws `bad-vector` or `bad-argument` before any of them is in. Where memory ends on the way (`full`), those before are in, and what the
   * others would have replaced is as it was.
   */
  addBatch(ids: readonly VectorId[], matrix: Float32Array): void {
    const batch = { ids, matrix, dim: this.#header.dim };
    checkBatch(batch);
    putAll(batch, {
      isThere: (id) => this.has(id),
      check: (vector) => this.#encoder.check(vector, this.#lengths),
      put: (id, vector, replaces) => this.#put(id, vector, replaces),
      remove: (id) => this.remove(id),
    });
  }

  /** Under an id that was checked. `replaces`: whether there is one of that id, asked before there is a slot: a vector that is gone may have left it, under this very id. */
  #put(id: VectorId, vector: ArrayLike<number>, replaces: boolean): void {
    const size = this.#encoder.turn(vector, this.#lengths);
    const nearest = this.#cells?.nearest();
    const slot = this.#take(this.#width, this.#groupFor(nearest));
    const scale = this.#encoder.write(size, {
      signs: this.#signsAt,
      more: { from: this.#blocks.looks, at: this.#blocks.moreAt(slot) },
      rest: this.#blocks.restAt(slot),
      stride: this.#blocks.signStride,
    });
    this.#blocks.putFirstSigns(slot, this.#signsAt);
    this.#originals?.putOrLeave(slot, vector, this.#blocks);
    this.#name(slot, id, scale, replaces);
    this.#version++;
    this.#settle(nearest);
  }

  /** Whether there was one. */
  remove(id: VectorId): boolean {
    const slot = this.#ids.slotOf(id);
    if (slot === undefined) return false;
    this.#scales.leave(this.#scaleOf(slot));
    this.#blocks.remove(slot);
    this.#ids.forget(id);
    this.#version++;
    return true;
  }

  /** The vector as its code has it: with `cosine`, of length one. Nothing where there is none. */
  get(id: VectorId): Float32Array | undefined {
    const slot = this.#ids.slotOf(id);
    if (slot === undefined) return undefined;
    const values = this.#valuesIn(slot);
    this.#encoder.undo(values);
    const scale = this.#scaleOf(slot);
    // Among the largest numbers there are, what is nearest to a vector may be no number any more.
    return values.map((value, at) => Math.max(-MAX_FLOAT, Math.min(MAX_FLOAT, value * scale + (this.#header.center?.[at] ?? 0))));
  }

  /** Throws `bad-vector`, `bad-argument`. */
  search(query: ArrayLike<number>, options: SearchOptions = {}): SearchResult {
    const wanted = wantedOf(options);
    const selection = this.#selectionOf(options.filter);
    const size = this.#encoder.turn(query, { centred: false, ...this.#lengths });
    const { turnedAt } = this.#encoder;
    const turned = this.#arena.views.f32.slice(turnedAt / 4, turnedAt / 4 + this.#header.dim);
    this.#look.begin(turned, selection, this.#scales.most);
    this.#look.lookAt(this.#looseBlocks());
    const asked = { turned, size, base: this.#products.withCenter(query) };
    return this.#resultOf(
      this.#cascade.run(
        asked,
        { ...wanted, exact: this.#exactFor(query, options) },
        this.#cells?.isMeasured === true ? this.#cells.ask(turned) : undefined,
      ),
    );
  }

  /** As many searches, of which a filter is made into a selection once. */
  searchBatch(queries: readonly ArrayLike<number>[], options: SearchOptions = {}): readonly SearchResult[] {
    checkQueries(queries);
    const selection = this.#selectionOf(options.filter);
    const alike = { ...options, ...(selection === undefined ? {} : { filter: selection }) };
    return queries.map((query) => this.search(query, alike));
  }

  /** A filter that serves many searches, until the index is changed. */
  select(which: Iterable<VectorId> | ((id: VectorId) => boolean)): Selection {
    if (typeof which === "function") return new Selection(this.#blocks, this.#version, (slot) => which(this.#ids.at(slot)));
    checkIdList(which);
    const slots = new Set<number>();
    // All of them first: what makes them may change the index, and then vectors stand elsewhere.
    for (const id of [...which]) {
      checkIdKind(id);
      slots.add(this.#ids.slotOf(id) ?? -1);
    }
    return new Selection(this.#blocks, this.#version, (slot) => slots.has(slot));
  }

  /**
   * Cuts vectors to fewer bits where they are, those of these ids or all, and tells how many had more. Whole blocks of 64 vectors give back their memory at once; others move.
   * Throws `bad-argument`, and `full` where there is no memory to move them: then some are cut, and the others are as they were.
   */
  truncate(bits: number, ids?: Iterable<VectorId>): number {
    if (typeof bits !== "number" || !(bits >= 1 && bits <= this.#header.bits))
      refuse(`bits is ${shown(bits)}`, `It is from 1 to ${this.#header.bits}, as this index has.`);
    if (ids !== undefined) checkIdList(ids);
    const chosen = ids === undefined ? undefined : this.select(ids);
    try {
      const take = (width: Width, group: Group): number => this.#take(width, group);
      return truncateCodes(
        { ...this.#inside(), scales: this.#scales, widths: this.#widths, take },
        bits,
        (slot) => chosen?.has(slot) ?? true,
      );
    } finally {
      this.#version++;
    }
  }

  /** Vectors by columns, to be written: at most `rows` of one width each. All, or those of these ids that are there. Throws `bad-argument` when the index was changed on the way. */
  *segments(rows?: number, ids?: Iterable<VectorId>): Generator<SegmentColumns> {
    if (rows !== undefined) checkWhole("rows", rows, 1, Number.MAX_SAFE_INTEGER);
    if (ids !== undefined) checkIdList(ids);
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
    if (columns?.count === 0) return;
    checkColumnsFor(this.#header, columns);
    const width = this.#widths.of(columns.bits, columns.from);
    putColumns(columns, {
      ...this.#inside(),
      take: () => this.#take(width, this.#flat),
      isThere: (id) => this.has(id),
      name: (slot, id, scale, replaces) => this.#name(slot, id, scale, replaces),
    });
    this.#version++;
    this.#putIn += columns.count;
    this.#work(Math.ceil(columns.count / LOADED_BY_STEP));
  }

  stats(): IndexStats {
    const byBits = new Map<number, number>();
    for (let block = 0; block < this.#blocks.blockCount; block++) {
      const { bits } = this.#blocks.widthAt(block);
      byBits.set(bits, (byBits.get(bits) ?? 0) + liveIn(this.#blocks, block).length);
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

  #resultOf({ found, looked, candidates, expectedRecall }: Outcome): SearchResult {
    // Whole blocks were looked at, with places in them that are empty.
    const vectors = Math.min(looked, this.size);
    return { hits: found.map(({ slot, score }) => ({ id: this.#ids.at(slot), score })), looked: vectors, candidates, expectedRecall };
  }

  #selectionOf(filter: SearchOptions["filter"]): Selection | undefined {
    if (filter === undefined) return undefined;
    const selection = typeof filter === "function" ? this.select(filter) : filter;
    if (!(selection instanceof Selection))
      refuse(
        `filter is ${shown(filter)}, neither a function nor a selection`,
        orAwaited(filter, "Make one of a list of ids with `select`."),
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
    this.#putIn++;
    this.#work(1);
  }

  /**
   * Does some of what is to be done for cells. What was put in is in, whatever becomes of them: where there is no memory for them it goes on without, and tries again when as many
   * were put in once more.
   */
  #work(steps: number): void {
    if (this.size > this.#flatUpTo && this.#putIn >= this.#measureAfter) {
      [this.#putIn, this.#measureAfter] = [0, this.size];
      this.#working = this.#settling();
    } else if (this.#cells !== undefined && !this.#isFull && this.#flat.blocks.length > 0) this.#working ??= this.#sharing(this.#cells);
    for (let step = 0; step < steps && this.#working !== undefined; step++) {
      const working = this.#working;
      let isThrough = false;
      const hasRoom = asFarAsMemoryGoes(() => {
        isThrough = working.next().done === true;
      });
      if (isThrough || !hasRoom) this.#working = undefined;
    }
  }

  *#settling(): Generator<void> {
    this.#isFull = false;
    if (this.#cells === undefined) {
      this.#begun ??= this.#emptyCells(this.#widths.of(MIDDLE_BITS, MIDDLE_BITS));
      const cells = this.#begun;
      yield* cells.begin(this.#flat.blocks);
      // From here on what is added goes into cells.
      this.#cells = cells;
    } else yield* this.#cells.tidy();
    yield* this.#sharing(this.#cells);
    yield* this.#measuring(this.#cells);
  }

  /** Puts into cells what is in none. */
  *#sharing(cells: Cells): Generator<void> {
    this.#loose.push(this.#flat);
    this.#flat = this.#blocks.newGroup(FLAT_SHELF);
    for (const group of [...this.#loose]) {
      yield* cells.shareOut(group);
      if (group.blocks.length === 0) this.#loose.splice(this.#loose.indexOf(group), 1);
      else this.#isFull = true;
    }
  }

  #emptyCells(width: Width): Cells {
    const inside: CellsInside = {
      dim: this.#header.dim,
      blocks: this.#blocks,
      encoder: this.#encoder,
      kernels: this.#kernels,
      place: this.#place,
      width,
      take: (of, group) => {
        const slot = this.#take(of, group);
        this.#originals?.makeRoomOrLeave(slot, this.#blocks);
        return slot;
      },
      moved: (from, to) => {
        this.#ids.put(to, this.#ids.at(from));
        this.#originals?.put(to, this.#originals.at(from));
      },
    };
    return this.#arena.whole(() => new Cells(inside));
  }

  /** Blocks that a search looks at whatever cells it looks at: of vectors that are in none, or of all of them until it is known how many cells it takes. */
  #looseBlocks(): readonly number[] {
    if (this.#cells === undefined) return this.#flat.blocks;
    return this.#cells.isMeasured ? this.#blocksInNone() : this.#cells.blocks.concat(this.#blocksInNone());
  }

  /** Of vectors that are in no cell. */
  #blocksInNone(): readonly number[] {
    return [...this.#loose, this.#flat].flatMap(({ blocks }) => blocks);
  }

  /** Some vectors of the index are asked for what is like them, in all of it. */
  *#measuring(cells: Cells): Generator<void> {
    const { dim } = this.#header;
    const blocks = cells.blocks.concat(this.#blocksInNone());
    const step = Math.max(1, Math.floor(blocks.length / WITNESSES));
    const witnesses: Witness[] = [];
    for (let nth = 0; nth < blocks.length; nth += step) {
      const own = liveIn(this.#blocks, blocks[nth] as number)[0];
      if (own === undefined) continue;
      const turned = this.#valuesIn(own);
      const length = Math.sqrt(dot(turned, turned) / dim) || 1;
      const asked = { turned: turned.map((value) => value / length), size: 1 / Math.sqrt(dim), base: 0 };
      this.#look.begin(asked.turned, undefined, this.#scales.most);
      // Meanwhile there may be more.
      this.#look.lookAt(cells.blocks.concat(this.#blocksInNone()));
      const { found } = this.#cascade.run(asked, { k: WITNESSED + 1, recall: WITNESS_RECALL, candidates: undefined, exact: undefined });
      const best = cells.placed(found.filter(({ slot }) => slot !== own)).slice(0, WITNESSED);
      if (best.length > 0) witnesses.push({ turned: asked.turned, best });
      yield;
    }
    yield* cells.measure(witnesses);
  }

  #take(width: Width, group: Group): number {
    this.#look.makeRoom(this.#blocks.blockCount + 1);
    return this.#blocks.take(width, group);
  }

  /** From here on what is in a slot is in the index. `replaces`: whether there was something else of this id before the slot was taken. */
  #name(slot: number, id: VectorId, scale: number, replaces: boolean): void {
    if (replaces) this.remove(id);
    this.#arena.views.f32[this.#blocks.scaleAt(slot) / 4] = scale;
    this.#scales.put(scale);
    this.#ids.put(slot, id);
  }

  #scaleOf(slot: number): number {
    return this.#arena.views.f32[this.#blocks.scaleAt(slot) / 4] as number;
  }

  #valuesIn(slot: number): Float32Array {
    return codeValues(this.#header.dim, this.#blocks, this.#arena, slot, this.#blocks.widthAt(slot >>> 6));
  }

  *#slotsOf(ids: Iterable<VectorId>): Generator<number> {
    for (const id of new Set(ids)) {
      checkIdKind(id);
      const slot = this.#ids.slotOf(id);
      if (slot !== undefined) yield slot;
    }
  }

  #inside() {
    return { header: this.#header, blocks: this.#blocks, arena: this.#arena, ids: this.#ids, originals: this.#originals };
  }
}
