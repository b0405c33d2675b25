/** What an index in memory is asked, and says. */
import type { Metric, VectorId } from "../file/segment.ts";
import type { KernelKind } from "../kernels/kernels.ts";
import type { KernelChoice } from "../kernels/load.ts";
import type { Selection } from "./selection.ts";

export interface VectorIndexOptions {
  /** Coordinates, 2 to 8,192. */
  readonly dim: number;
  /** Per coordinate, 1 to 8, also between whole numbers; 4 unless said. */
  readonly bits?: number;
  /** Of the rotation; 0 unless said. */
  readonly seed?: number | bigint;
  /** What is a good find: a vector that points the same way (`cosine`, unless said), or one with a large inner product (`dot`). */
  readonly metric?: Metric;
  /** Taken off each vector before it is encoded and never changed. With `cosine` off the vector at length one. */
  readonly center?: ArrayLike<number>;
  /** Keeps the vectors as they are as well, in memory, four bytes a coordinate, and in the file where there is one: the last few of a search are put in order by them. */
  readonly originals?: boolean;
  /** Up to so many vectors a search looks at the signs of all; beyond, they are kept in cells of vectors that are alike. 1,000,000 unless said. */
  readonly flatUpTo?: number;
  /** The fastest that run here unless said. */
  readonly kernels?: KernelChoice;
}

export interface SearchOptions {
  /** How many to find; 10 unless said. */
  readonly k?: number;
  /** Share of the exact best k that is to be among those found; 0.95 unless said. How many candidates that takes is computed. */
  readonly recall?: number;
  /** How many candidates instead. */
  readonly candidates?: number;
  /** Only these may be found. A selection serves many searches; a function is asked of every vector. */
  readonly filter?: Selection | ((id: VectorId) => boolean);
  /** Whether originals have the last word, where they are kept; true unless said. */
  readonly exact?: boolean;
}

export interface Hit {
  readonly id: VectorId;
  /** Cosine or inner product: about, or as it is where originals have the last word. */
  readonly score: number;
}

export interface SearchResult {
  /** The best first. */
  readonly hits: readonly Hit[];
  /** Vectors whose signs were looked at, those that a filter rules out included; where there are cells, and the empty places in theirs. */
  readonly looked: number;
  /** Vectors whose codes were read. */
  readonly candidates: number;
  /** Share of the exact best k that is expected among the hits. Below what was asked for where the bits of codes do not hold more. */
  readonly expectedRecall: number;
}

export interface IndexStats {
  readonly vectors: number;
  readonly kernels: KernelKind;
  /** `codes` with scales, `ids`, `originals`; `scratch` is what searches work with. */
  readonly bytes: { readonly codes: number; readonly ids: number; readonly originals: number; readonly scratch: number };
  /** Of vectors that are alike; 0 where all are looked at. */
  readonly cells: number;
  /** How many vectors there are of each width. */
  readonly byBits: readonly { readonly bits: number; readonly vectors: number }[];
}
