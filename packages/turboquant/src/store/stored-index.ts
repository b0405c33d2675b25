/**
 * An index in memory that is kept in a file. Memory is what searches read and what counts; the file is behind it by what was done since the last `sync`.
 *
 * A sync writes what is in memory of all ids that changed since the one before, and takes out of the file what they had there. What is done while it writes is
 * left to the next. Syncs that are asked for while one writes become one.
 *
 * What holds: after `sync` resolved, the file has each id as it was in memory when `sync` was called, or as it was at some time later. When it throws, what was synced before is still there, and what was
 * not written is written by the next.
 */
import { checkNumber } from "../argument.ts";
import { isTurboQuantError, TurboQuantError } from "../error.ts";
import type { IndexFileStats } from "../file/index-reader.ts";
import type { Damage } from "../file/recovery.ts";
import { type IndexHeader, MOST_ROWS, type VectorId } from "../file/segment.ts";
import type { Tail } from "../file/tail.ts";
import { checkIdKind, checkIdList } from "../file/vector-id.ts";
import type { Selection } from "../search/selection.ts";
import type { IndexStats, SearchOptions, SearchResult, VectorIndex } from "../search/vector-index.ts";
import { isWorthCompacting } from "./compaction-rule.ts";
import type { IndexStore } from "./index-store.ts";
import { createTurn, type Turn } from "./turn.ts";
import { type Changes, Unwritten } from "./unwritten.ts";

export interface StoredIndexStats extends IndexStats {
  readonly file: IndexFileStats;
  /** Ids whose last change is not in the file yet. */
  readonly unwritten: number;
  /** Since it was opened, by itself or because it was asked for. */
  readonly compactions: number;
  /** Why the last one that began by itself did not come to its end; the file is as it was, and it is tried again when the file has grown by half. */
  readonly compactionFailure?: unknown;
}

/** After compaction failed: by how much the file grows before the next one. */
const GROWTH_TO_RETRY = 1.5;

export class StoredIndex implements AsyncDisposable {
  readonly #index: VectorIndex;
  readonly #store: IndexStore;
  readonly #unwritten = new Unwritten();
  readonly #turn: Turn;
  #compactions = 0;
  #failure: { readonly why: unknown; readonly bytes: number } | undefined;
  #closing: Promise<void> | undefined;

  /** `index` has what is in the store. */
  constructor(index: VectorIndex, store: IndexStore) {
    this.#index = index;
    this.#store = store;
    this.#turn = createTurn(() => this.#write());
  }

  /** A copy. */
  get header(): IndexHeader {
    return this.#index.header;
  }

  /** What was passed over, where it was opened with `damaged: "skip"`. */
  get damage(): readonly Damage[] {
    return this.#store.damage;
  }

  /**
   * What was cut off the end of the file when it was opened: what a crash had left, of which nothing was synced, or, of a file that was copied, what a copy that broke off had left. `kept` says where
   * it lies now, `vectors` how many it may be about.
   */
  get tail(): Tail | undefined {
    return this.#store.tail;
  }

  /** Vectors. */
  get size(): number {
    return this.#index.size;
  }

  has(id: VectorId): boolean {
    return this.#index.has(id);
  }

  /** The vector as its code has it: with `cosine`, of length one. */
  get(id: VectorId): Float32Array | undefined {
    return this.#index.get(id);
  }

  /** Of all vectors; none may be added or removed meanwhile. */
  ids(): Iterable<VectorId> {
    return this.#index.ids();
  }

  /** The next search finds it; it survives a crash when a `sync` after it resolved. One of the same id is replaced. Throws `bad-vector`, `bad-argument`, `full`. */
  add(id: VectorId, vector: ArrayLike<number>): void {
    this.#checkOpen();
    const wasThere = this.#index.has(id);
    this.#index.add(id, vector);
    this.#unwritten.put(id, wasThere);
  }

  /** `matrix`: one vector of `dim` coordinates after the other. Throws `bad-vector` or `bad-argument` before any of them is in. Where memory ends on the way (`full`), those before are in. */
  addBatch(ids: readonly VectorId[], matrix: Float32Array): void {
    this.#checkOpen();
    const wereThere = Array.isArray(ids) ? ids.map((id) => this.#index.has(id)) : [];
    try {
      this.#index.addBatch(ids, matrix);
    } catch (error) {
      // Whichever are in: what is written without need is the same again.
      if (isTurboQuantError(error) && error.code === "full")
        for (const [nth, id] of ids.entries()) if (this.#index.has(id)) this.#unwritten.put(id, wereThere[nth] as boolean);
      throw error;
    }
    for (const [nth, id] of ids.entries()) this.#unwritten.put(id, wereThere[nth] as boolean);
  }

  /** Whether there was one. It stays removed after a crash when a `sync` after it resolved. */
  remove(id: VectorId): boolean {
    this.#checkOpen();
    if (!this.#index.remove(id)) return false;
    this.#unwritten.remove(id);
    return true;
  }

  /** Cuts vectors to fewer bits, those of these ids or all, and tells how many had more. Throws `bad-argument`, and `full`: then some are cut, and the others are as they were. */
  truncate(bits: number, ids: Iterable<VectorId> = this.#index.ids()): number {
    this.#checkOpen();
    checkNumber("bits", bits);
    checkIdList(ids);
    const isWider = (id: VectorId): boolean => (this.#index.bitsOf(id) ?? 0) > bits;
    const all = [...ids];
    all.forEach(checkIdKind);
    const wider = all.filter(isWider);
    try {
      return this.#index.truncate(bits, wider);
    } finally {
      for (const id of wider) if (!isWider(id)) this.#unwritten.put(id, true);
    }
  }

  /** Throws `bad-vector`, `bad-argument`. */
  search(query: ArrayLike<number>, options?: SearchOptions): SearchResult {
    return this.#index.search(query, options);
  }

  searchBatch(queries: readonly ArrayLike<number>[], options?: SearchOptions): readonly SearchResult[] {
    return this.#index.searchBatch(queries, options);
  }

  /** A filter that serves many searches, until the index is changed. */
  select(which: Iterable<VectorId> | ((id: VectorId) => boolean)): Selection {
    return this.#index.select(which);
  }

  /** Resolves when everything done before survives a crash and a loss of power. Throws `file-failed`: then searches go on, and the next sync tries again. */
  async sync(): Promise<void> {
    this.#checkOpen();
    await this.#turn.again();
  }

  /** Writes the file anew without what is gone, which happens by itself when it is worth it (compaction-rule.ts). */
  async compact(): Promise<void> {
    this.#checkOpen();
    await Promise.all([this.#turn.again(), this.#turn.inTurn(() => this.#compact())]);
  }

  stats(): StoredIndexStats {
    return {
      ...this.#index.stats(),
      file: this.#store.stats,
      unwritten: this.#unwritten.size,
      compactions: this.#compactions,
      ...(this.#failure === undefined ? {} : { compactionFailure: this.#failure.why }),
    };
  }

  /** Syncs, and lets others write. Searches go on; what changes or writes throws `closed`. Throws as `sync` does; closed it is in any case. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#turn.again();
      await this.#turn.inTurn(async () => undefined);
    } finally {
      await this.#store.close();
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new TurboQuantError("closed", "the index was closed", "Open it again.");
  }

  async #write(): Promise<void> {
    if (this.#unwritten.size === 0) return await this.#store.sync();
    const taken = this.#unwritten.take();
    try {
      await this.#writeChanges(taken);
      await this.#store.sync();
    } catch (error) {
      this.#unwritten.giveBack(taken, (id) => this.#index.has(id));
      throw error;
    }
    if (this.#isTimeToCompact()) void this.#turn.inTurn(() => this.#compactByItself());
  }

  async #writeChanges({ changed, stale }: Changes): Promise<void> {
    const left = new Set(stale);
    const ids = [...changed];
    for (let from = 0; from < ids.length; from += MOST_ROWS) {
      // All at once: while one is written, others may change.
      const segments = [...this.#index.segments(MOST_ROWS, ids.slice(from, from + MOST_ROWS))];
      for (const columns of segments) {
        const replaced = columns.ids.filter((id) => left.delete(id));
        await this.#store.append(columns, replaced);
      }
    }
    if (left.size > 0) await this.#store.remove([...left]);
  }

  #isTimeToCompact(): boolean {
    const { bytes } = this.#store.stats;
    if (this.#failure !== undefined && bytes < GROWTH_TO_RETRY * this.#failure.bytes) return false;
    return isWorthCompacting(this.#store, this.#index.size);
  }

  async #compact(): Promise<void> {
    await this.#store.compact();
    this.#compactions++;
    this.#failure = undefined;
  }

  async #compactByItself(): Promise<void> {
    try {
      await this.#compact();
    } catch (why) {
      this.#failure = { why, bytes: this.#store.stats.bytes };
    }
  }
}
