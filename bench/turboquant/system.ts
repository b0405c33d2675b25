/** What the contest asks of a system, ours and others alike. */
import type { Settled } from "./opened-set.ts";

/** One setting to search with. Only `search` is timed; what comes before and after it, a program that has its vectors in that form does not pay. */
export interface Way<Query = Float32Array, Found = unknown> {
  /** What was set: "ef 64". */
  readonly name: string;
  /** Share of the true nearest that the system was asked for, where it can be. */
  readonly asked?: number;
  /** Into the form the system takes. */
  prepare(query: Float32Array): Query;
  search(query: Query): Found | Promise<Found>;
  /** Nearest first. */
  ids(found: Found): readonly number[];
  /** Recall that the system itself says to expect of this answer. */
  expected?(found: Found): number;
}

export interface SearchSystem {
  /** What a reader must know: versions of formats, threads, how numbers were made small. */
  readonly told: string;
  /** Rows one behind the other; their ids are `first` and on. */
  insert(first: number, rows: Float32Array): void | Promise<void>;
  /** After the last one. What is built now counts as inserting. */
  // biome-ignore lint/suspicious/noExplicitAny: each system has its own forms of queries and answers, which only itself sees.
  finish(): Promise<readonly Way<any, any>[]>;
  /** One more, into what is finished; absent where that is not how it is meant. */
  add?(id: number, vector: Float32Array): void | Promise<void>;
  /** On disk, all of it. */
  diskBytes?(): number;
  /** What it says itself that the vectors take. */
  toldBytes?(): number;
  close?(): void | Promise<void>;
}

/** `folder` is empty and the system's own. */
export type OpenSystem = (set: Settled, folder: string) => SearchSystem | Promise<SearchSystem>;

/** As many are asked for. */
export const K = 10;
