/** An index over several threads. Each holds a share of the vectors, by their ids, in an index of its own; a search asks all of them. They share no memory. */
import { checkNumber, checkWhole, orAwaited, refuse, shown } from "../argument.ts";
import { checkVector } from "../codec/vector.ts";
import { TurboQuantError } from "../error.ts";
import type { VectorId } from "../file/segment.ts";
import { checkId, checkIdList } from "../file/vector-id.ts";
import { type OptionNames, optionNames } from "../options.ts";
import { checkBatch } from "../search/batch.ts";
import { placesOfLargest } from "../search/best.ts";
import { INDEX_OPTIONS, indexSettings } from "../search/index-options.ts";
import type { Hit, IndexStats, SearchOptions, SearchResult, VectorIndexOptions } from "../search/vector-index.ts";
import { checkQueries, wantedOf } from "../search/wanted.ts";
import { Line, type Piece } from "./line.ts";
import { shareOf } from "./share-of.ts";
import type { ShareOptions, StartThread } from "./thread.ts";

export interface ParallelOptions extends VectorIndexOptions {
  readonly threads: number;
  /** Calls that may wait for each thread; one more is refused (`busy`). A batch is one call; 10,000 unless said. */
  readonly mostWaiting?: number;
}

export interface ParallelSearchOptions extends Omit<SearchOptions, "filter" | "candidates"> {
  /** How many candidates in every thread, instead of as many as the recall takes. */
  readonly candidates?: number;
  /** Only these may be found: ids, or what `select` made of them. A function does not get into a thread. */
  readonly filter?: readonly VectorId[] | ParallelSelection;
}

/** A filter that is kept in the threads, until the index is changed. */
export interface ParallelSelection {
  /** Frees it. */
  forget(): Promise<void>;
}

export interface ParallelStats {
  readonly vectors: number;
  /** Of each thread. */
  readonly shares: readonly IndexStats[];
  /** Calls that wait for each thread now. */
  readonly waiting: readonly number[];
}

const MOST_WAITING = 10_000;
const MOST_THREADS = 256;
export const PARALLEL_OPTIONS: OptionNames = new Set([
  ...INDEX_OPTIONS,
  ...optionNames<Omit<ParallelOptions, keyof VectorIndexOptions>>({ threads: true, mostWaiting: true }),
]);
/** Of a batch, what is sent to a thread at once: little beside its codes, much beside what a message costs. */
const PIECE_BYTES = 2 ** 18;

/** Resolves when all threads have an index. Throws what `createVectorIndex` does, and `thread-failed`. */
export async function openParallelIndex(options: ParallelOptions, start: StartThread): Promise<ParallelIndex> {
  const { threads, mostWaiting = MOST_WAITING, ...rest } = options;
  checkWhole("threads", threads, 1, MOST_THREADS);
  checkWhole("mostWaiting", mostWaiting, 1, Number.MAX_SAFE_INTEGER);
  // Before there are threads to end again.
  const { center } = indexSettings(rest).header;
  const index = new ParallelIndex(rest.dim, threads, mostWaiting, start);
  await index.open(center === undefined ? rest : { ...rest, center });
  return index;
}

/**
 * Every call is posted at once, in order: a search sees what was called before it, whether or not that was waited for. What is given to a call stays as it is until the call is answered.
 * A thread that ends of itself takes its vectors with it: every call that waits and every later one is refused with `thread-failed`.
 */
export class ParallelIndex implements AsyncDisposable {
  readonly #dim: number;
  readonly #lines: readonly Line[];
  readonly #selections = new WeakMap<ParallelSelection, number>();
  #selected = 0;
  #closing: Promise<void> | undefined;

  constructor(dim: number, threads: number, mostWaiting: number, start: StartThread) {
    this.#dim = dim;
    // One share less is no index any more: the others end with it.
    const failed = (error: TurboQuantError): void => {
      for (const line of this.#lines) line.fail(error);
    };
    this.#lines = Array.from({ length: threads }, () => new Line(start, mostWaiting, failed));
  }

  async open(options: VectorIndexOptions): Promise<void> {
    try {
      await this.#askAll((line) => line.ask<"open">({ do: "open", options }));
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async add(id: VectorId, vector: ArrayLike<number>): Promise<void> {
    this.#checkOpen();
    checkVector(vector, this.#dim);
    await this.addBatch([id], Float32Array.from(vector));
  }

  /** `matrix`: one vector of `dim` coordinates after the other. Of a batch that is refused some vectors may be in. */
  async addBatch(ids: readonly VectorId[], matrix: Float32Array): Promise<void> {
    this.#checkOpen();
    const dim = this.#dim;
    checkBatch({ ids, matrix, dim });
    const rowsOf = this.#lines.map((): number[] => []);
    for (const [row, id] of ids.entries()) rowsOf[shareOf(id, this.#lines.length)]?.push(row);
    await settled(
      this.#lines.flatMap((line, nth) => {
        const rows = rowsOf[nth] as number[];
        return rows.length === 0 ? [] : [line.askInPieces<"add">(piecesOf(rows, ids, matrix, dim))];
      }),
    );
  }

  /** Whether there was one. */
  async remove(id: VectorId): Promise<boolean> {
    this.#checkOpen();
    return this.#lineOf(id).ask<"remove">({ do: "remove", id });
  }

  /** The vector as its code has it. */
  async get(id: VectorId): Promise<Float32Array | undefined> {
    this.#checkOpen();
    return this.#lineOf(id).ask<"get">({ do: "get", id });
  }

  /** Cuts vectors to fewer bits: those of these ids, or all; how many. */
  async truncate(bits: number, ids?: readonly VectorId[]): Promise<number> {
    this.#checkOpen();
    // Sent to a thread, what is no number might not even be copied.
    checkNumber("bits", bits);
    const shares = ids === undefined ? undefined : this.#shared(ids);
    const cut = await this.#askAll((line, nth) => line.ask<"truncate">({ do: "truncate", bits, ids: shares?.[nth] }));
    return cut.reduce((sum, each) => sum + each, 0);
  }

  async search(query: ArrayLike<number>, options: ParallelSearchOptions = {}): Promise<SearchResult> {
    const [result] = await this.searchBatch([query], options);
    return result as SearchResult;
  }

  /**
   * Each thread finds its best `k` with the recall that is asked for. What of the best `k` of all is in a thread is among its own best, which are found more surely than its last: the recall holds
   * for all of them.
   */
  async searchBatch(queries: readonly ArrayLike<number>[], options: ParallelSearchOptions = {}): Promise<readonly SearchResult[]> {
    this.#checkOpen();
    wantedOf(options as Omit<ParallelSearchOptions, "filter">);
    const { filter, ...rest } = options;
    const filterOf = this.#filterOf(filter);
    checkQueries(queries);
    if (queries.length === 0) return [];
    const asked = queries.map((query) => {
      checkVector(query, this.#dim);
      return Float32Array.from(query);
    });
    const shares = await this.#askAll((line, nth) => {
      const filterHere = filterOf(nth);
      const here: ShareOptions = filterHere === undefined ? rest : { ...rest, filter: filterHere };
      return line.ask<"search">({ do: "search", queries: asked, options: here });
    });
    return asked.map((_, query) =>
      merged(
        shares.map((results) => results[query] as SearchResult),
        options.k ?? 10,
      ),
    );
  }

  /** A filter that serves many searches, until the index is changed. */
  async select(ids: readonly VectorId[]): Promise<ParallelSelection> {
    this.#checkOpen();
    const shares = this.#shared(ids);
    const name = this.#selected++;
    await this.#askAll((line, nth) => line.ask<"select">({ do: "select", name, ids: shares[nth] as readonly VectorId[] }));
    const selection: ParallelSelection = {
      forget: async () => {
        await this.#askAll((line) => line.ask<"forget">({ do: "forget", name }));
      },
    };
    this.#selections.set(selection, name);
    return selection;
  }

  async stats(): Promise<ParallelStats> {
    this.#checkOpen();
    const waiting = this.#lines.map((line) => line.waiting);
    const shares = await this.#askAll((line) => line.ask<"stats">({ do: "stats" }));
    return { vectors: shares.reduce((sum, { vectors }) => sum + vectors, 0), shares, waiting };
  }

  /** What waits is answered, then the threads end. What is called later throws `closed`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= Promise.all(this.#lines.map((line) => line.close(closed()))).then(() => undefined);
    return this.#closing;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closed();
  }

  #lineOf(id: VectorId): Line {
    checkId(id);
    return this.#lines[shareOf(id, this.#lines.length)] as Line;
  }

  #shared(ids: readonly VectorId[]): readonly (readonly VectorId[])[] {
    checkIdList(ids);
    const shares = this.#lines.map((): VectorId[] => []);
    for (const id of ids) {
      checkId(id);
      shares[shareOf(id, shares.length)]?.push(id);
    }
    return shares;
  }

  #filterOf(filter: ParallelSearchOptions["filter"]): (nth: number) => ShareOptions["filter"] {
    if (filter === undefined) return () => undefined;
    if (Array.isArray(filter)) {
      const shares = this.#shared(filter);
      return (nth) => shares[nth] as readonly VectorId[];
    }
    const name = this.#selections.get(filter as ParallelSelection);
    if (name === undefined)
      refuse(
        `filter is ${shown(filter)}, neither a list of ids nor a selection of this index`,
        orAwaited(filter, "A function does not get into a thread."),
      );
    return () => name;
  }

  #askAll<Result>(ask: (line: Line, nth: number) => Promise<Result>): Promise<readonly Result[]> {
    return settled(this.#lines.map(ask));
  }
}

function closed(): TurboQuantError {
  return new TurboQuantError("closed", "the index was closed", "Create another.");
}

/** Waits for all of them, so that none goes on when one is refused. */
async function settled<Result>(asked: readonly Promise<Result>[]): Promise<readonly Result[]> {
  const results = await Promise.allSettled(asked);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/** The vectors of one thread, gathered when it is their turn: what was gathered moves to the thread and is not copied again. */
function* piecesOf(rows: readonly number[], ids: readonly VectorId[], matrix: Float32Array, dim: number): Generator<Piece<"add">> {
  const most = Math.max(1, Math.floor(PIECE_BYTES / (4 * dim)));
  for (let from = 0; from < rows.length; from += most) {
    const chosen = rows.slice(from, from + most);
    const gathered = new Float32Array(chosen.length * dim);
    for (const [nth, row] of chosen.entries()) gathered.set(matrix.subarray(row * dim, (row + 1) * dim), nth * dim);
    yield { request: { do: "add", ids: chosen.map((row) => ids[row] as VectorId), matrix: gathered }, transfer: [gathered.buffer] };
  }
}

/** Each hit stands for as many as had to be in its share for it to be found there. */
function merged(shares: readonly SearchResult[], k: number): SearchResult {
  const all = shares.flatMap(({ hits, expectedRecall }) => hits.map((hit) => ({ hit, expectedRecall })));
  const best = placesOfLargest(
    all.map(({ hit }) => hit.score),
    k,
  ).map((at) => all[at] as { readonly hit: Hit; readonly expectedRecall: number });
  const standFor = best.reduce((sum, each) => sum + 1 / Math.max(each.expectedRecall, Number.MIN_VALUE), 0);
  return {
    hits: best.map(({ hit }) => hit),
    looked: shares.reduce((sum, { looked }) => sum + looked, 0),
    candidates: shares.reduce((sum, { candidates }) => sum + candidates, 0),
    expectedRecall: best.length === 0 ? 1 : best.length / standFor,
  };
}
