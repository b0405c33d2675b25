/**
 * An index whose file lies elsewhere, on a web server say: after its ids, scales and signs came, it answers; with every further plane of bits it answers better.
 *
 * Two ways to more bits. `refine` loads planes of all vectors, one plane after the other: for whoever asks often. `find` loads for each query the codes of those that its signs leave in question, and keeps them:
 * for whoever asks now and then, of a file that is large.
 */
import { checkWhole } from "../argument.ts";
import { dot } from "../codec/vector.ts";
import type { RangeSource } from "../file/index-file.ts";
import { type IndexReader, readIndexFile } from "../file/index-reader.ts";
import { headerCopy, type IndexHeader, MOST_ROWS, type VectorId } from "../file/segment.ts";
import { checkOptions, type OptionNames, optionNames } from "../options.ts";
import { codeSpread, expectedRecall, normalBelow } from "../search/error-law.ts";
import { createVectorIndex, type Hit, type SearchOptions, type SearchResult, type VectorIndex } from "../search/vector-index.ts";
import { wantedOf } from "../search/wanted.ts";
import { storedHeader } from "../store/stored-header.ts";
import { ahead } from "./ahead.ts";
import {
  bitsOf,
  createExplained,
  type Explained,
  picked,
  planeOf,
  planesOf,
  type RemoteSegment,
  rowsOf,
  withPlanes,
} from "./remote-segment.ts";

export interface RemoteResult extends SearchResult {
  /** Of every vector so many planes had been loaded, or all it has; of the candidates of `find` all. */
  readonly planes: number;
}

export interface FindOptions {
  /** How many to find; 10 unless said. */
  readonly k?: number;
  /** Share of the best k, by whole codes, that is to be among those found; 0.95 unless said. How many codes are loaded follows from it. */
  readonly recall?: number;
  /** Only these may be found. */
  readonly filter?: (id: VectorId) => boolean;
}

/** Codes are asked for of more than are to be found: the best of few tell little. */
const FIRST_BY_K = 4;
const FIRST_LEAST = 32;
/** A search gives no more at once. */
const MOST_CANDIDATES = 9_999;
/** Of each hit that is wanted so many candidates are looked at by their signs. */
const LOOKED_AT = 4;
const MOST_PLANES = 8;
/** Codes that `find` keeps. */
const MOST_KEPT = 20_000;

const FIND_OPTIONS: OptionNames = optionNames<FindOptions>({ k: true, recall: true, filter: true });
const REFINE_OPTIONS: OptionNames = optionNames<{ readonly planes: number }>({ planes: true });

/** Throws `bad-argument`, `bad-file`, `wrong-version`, and as the source does. */
export async function openRemoteIndex(source: RangeSource): Promise<RemoteIndex> {
  const reader = await readIndexFile(source);
  const header = storedHeader(reader.header, {});
  const index = freshIndex(header);
  const explained = createExplained(header);
  const segments: RemoteSegment[] = [];
  for await (const [stored, columns] of ahead(reader.segments, (each) => reader.readColumns(each, { planes: 1 }))) {
    const { ids, scales, rows } = columns;
    const segment = { stored, ids, scales, ...(rows === undefined ? {} : { rows }) };
    index.load(withPlanes(explained, segment, columns.planes));
    segments.push(segment);
  }
  return new RemoteIndex(reader, explained, index, index.size === rowsIn(segments) ? segments : withoutReplaced(segments));
}

function freshIndex({ dim, bits, seed, metric, center }: IndexHeader): VectorIndex {
  return createVectorIndex({ dim, bits, seed, metric, ...(center === undefined ? {} : { center }) });
}

function rowsIn(segments: readonly RemoteSegment[]): number {
  return segments.reduce((sum, { ids }) => sum + ids.length, 0);
}

/** Where an id is in several, the last counts. */
function withoutReplaced(segments: readonly RemoteSegment[]): readonly RemoteSegment[] {
  const places = placesIn(segments);
  return segments.map((segment) => {
    const kept = [...segment.ids.keys()].filter((nth) => places.get(segment.ids[nth] as VectorId)?.segment === segment);
    return picked(segment, kept);
  });
}

interface Place {
  readonly segment: RemoteSegment;
  readonly nth: number;
}

function placesIn(segments: readonly RemoteSegment[]): Map<VectorId, Place> {
  const places = new Map<VectorId, Place>();
  for (const segment of segments) for (const [nth, id] of segment.ids.entries()) places.set(id, { segment, nth });
  return places;
}

export class RemoteIndex {
  readonly #header: IndexHeader;
  readonly #reader: IndexReader;
  readonly #explained: Explained;
  readonly #segments: readonly RemoteSegment[];
  #index: VectorIndex;
  /** Of every vector that has so many. */
  #planes = 1;
  /** What has a plane more, of as many segments as there are of it. */
  #next: { readonly index: VectorIndex; done: number } | undefined;
  #refining: Promise<void> = Promise.resolve();
  #places: Map<VectorId, Place> | undefined;
  /** Whole codes that were loaded one by one. */
  #kept: VectorIndex;

  constructor(reader: IndexReader, explained: Explained, index: VectorIndex, segments: readonly RemoteSegment[]) {
    this.#header = reader.header;
    this.#reader = reader;
    this.#explained = explained;
    this.#index = index;
    this.#segments = segments;
    this.#kept = freshIndex(this.#header);
  }

  /** A copy. */
  get header(): IndexHeader {
    return headerCopy(this.#header);
  }

  /** Vectors. */
  get size(): number {
    return this.#index.size;
  }

  /** How many planes of all vectors are here; with as many as there are, codes are whole. */
  get planes(): number {
    return this.#planes;
  }

  has(id: VectorId): boolean {
    return this.#index.has(id);
  }

  /** By what is here. Throws `bad-vector`, `bad-argument`. */
  search(query: ArrayLike<number>, options: Omit<SearchOptions, "exact"> = {}): RemoteResult {
    return { ...this.#index.search(query, options), planes: this.#planes };
  }

  /** Loads planes until there are so many of every vector, or all that there are. When it throws, what came is kept, and called again it goes on. */
  async refine(options: { readonly planes?: number } = {}): Promise<void> {
    checkOptions("refine", options, REFINE_OPTIONS);
    const { planes = MOST_PLANES } = options;
    checkWhole("planes", planes, 1, MOST_PLANES);
    const refining = this.#refining.then(() => this.#refine(planes));
    this.#refining = refining.catch(() => undefined);
    await refining;
  }

  /**
   * Loads the codes of those vectors that may be among the best by what is here, until it is as likely as it is to be that no other is, and says which are. Codes that were loaded are kept for later.
   * Throws as the source does.
   */
  async find(query: ArrayLike<number>, options: FindOptions = {}): Promise<RemoteResult> {
    checkOptions("find", options, FIND_OPTIONS);
    const { k, recall } = wantedOf(options);
    const { filter } = options;
    const filtering = filter === undefined ? {} : { filter };
    for (let count = Math.max(FIRST_LEAST, FIRST_BY_K * k); ; count = 2 * count) {
      const wanted = Math.min(MOST_CANDIDATES, count) + 1;
      const { hits: all, looked } = this.#index.search(query, { k: wanted, candidates: LOOKED_AT * wanted, ...filtering });
      const hits = all.slice(0, wanted - 1);
      const chosen = new Set(hits.map(({ id }) => id));
      const kept = await this.#keep(chosen);
      const found = kept.search(query, { k, recall, candidates: Math.max(k, kept.size), filter: (id) => chosen.has(id) });
      const passing = expectedRecall(found.hits.map((hit) => this.#chanceAbove(query, hit, all[wanted - 1]?.score)));
      if (passing >= recall || all.length < wanted || count >= MOST_CANDIDATES)
        return { hits: found.hits, looked, candidates: hits.length, expectedRecall: passing * found.expectedRecall, planes: this.#planes };
    }
  }

  async #refine(planes: number): Promise<void> {
    const most = Math.max(1, ...this.#segments.map((segment) => planesOf(this.#header, segment)));
    while (this.#planes < Math.min(planes, most)) {
      const plane = this.#planes;
      this.#next ??= { index: freshIndex(this.#header), done: 0 };
      const next = this.#next;
      const read = async (segment: RemoteSegment): Promise<Uint8Array | undefined> =>
        plane < planesOf(this.#header, segment) ? await planeOf(this.#reader, segment, plane) : undefined;
      for await (const [segment, bytes] of ahead(this.#segments.slice(next.done), read)) {
        const some = [...this.#planesHere(segment), ...(bytes === undefined ? [] : [bytes])];
        next.index.load(withPlanes(this.#explained, segment, some));
        next.done++;
      }
      this.#index = next.index;
      this.#next = undefined;
      this.#planes++;
    }
  }

  #planesHere({ ids }: RemoteSegment): readonly Uint8Array[] {
    return [...this.#index.segments(MOST_ROWS, ids)][0]?.planes ?? [];
  }

  #placeOf(id: VectorId): Place {
    this.#places ??= placesIn(this.#segments);
    return this.#places.get(id) as Place;
  }

  /** Loads what is not here of the codes of these, and tells where they are: another query may meanwhile begin to keep anew. */
  async #keep(ids: ReadonlySet<VectorId>): Promise<VectorIndex> {
    if (this.#kept.size > MOST_KEPT) this.#kept = freshIndex(this.#header);
    const kept = this.#kept;
    const wanted = new Map<RemoteSegment, number[]>();
    for (const id of ids) {
      if (kept.has(id)) continue;
      const { segment, nth } = this.#placeOf(id);
      const others = wanted.get(segment);
      if (others === undefined) wanted.set(segment, [nth]);
      else others.push(nth);
    }
    const parts = [...wanted].map(([segment, which]) =>
      picked(
        segment,
        which.sort((one, other) => one - other),
      ),
    );
    const read = async (part: RemoteSegment): Promise<readonly Uint8Array[]> => {
      const here = this.#planesHere(part);
      const missing = Array.from({ length: planesOf(this.#header, part) - here.length }, (_, nth) => here.length + nth);
      return [...here, ...(await Promise.all(missing.map((plane) => rowsOf(this.#reader, part, plane))))];
    };
    for await (const [part, planes] of ahead(parts, read)) kept.load(withPlanes(this.#explained, part, planes));
    return kept;
  }

  /** How likely a vector that is as good as a hit, by its whole code, is at least `border` by what is here of all. */
  #chanceAbove(query: ArrayLike<number>, { id, score }: Hit, border: number | undefined): number {
    if (border === undefined) return 1;
    const { dim, center, metric } = this.#header;
    const { segment, nth } = this.#placeOf(id);
    const { stored, scales } = segment;
    const length = Math.sqrt(dot(query, query)) || 1;
    const unit = metric === "cosine" ? 1 : length;
    const base = center === undefined ? 0 : (dot(center, query) * unit) / length;
    const distortion = 1 - this.#explained(bitsOf(stored, this.#planes), stored.from);
    const most = unit * (scales[nth] as number) * this.#explained(stored.bits, stored.from) * Math.sqrt(dim);
    const spread = most * codeSpread(dim, distortion, Math.min(1, (score - base) / most));
    return spread > 0 ? normalBelow((score - border) / spread) : 1;
  }
}
