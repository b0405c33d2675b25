/**
 * Mistakes made on purpose: the product as it would be with one line written wrongly. What is planted exists only in the thread that
 * planted it, between reading a source file and running it; the files themselves are never touched.
 *
 * Nothing of the product may be imported here, nor by who plants, before the planting: what is loaded stays as it is.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

/** Where the rooms of the product lie. */
export const PRODUCT_FOLDER = new URL("../packages/perdure/src/", import.meta.url);

/** Names, to a process that runs tests, what is planted for them: as JSON. */
export const PLANTED_VARIABLE = "PERDURE_LAB_PLANTED";

/** One place in one source file, written differently. */
export interface Edit {
  /** Below `packages/perdure/src/`. */
  readonly file: string;
  /** Occurs exactly once in that file. */
  readonly find: string;
  readonly put: string;
}

/** The same by place instead of by words: characters from `start` up to `end`, counted from 0. */
export interface Cut {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly put: string;
}

export interface Mistake extends Edit {
  readonly id: string;
  /** What a person would have thought, or overlooked. */
  readonly why: string;
  /** Further places that belong to the same mistake. */
  readonly also?: readonly Edit[];
}

export type Planted = Mistake | Edit | Cut;

/** The source with the edit in it. Throws unless `find` occurs exactly once, or the cut lies within. */
export function applyEdit(source: string, edit: Edit | Cut): string {
  if ("start" in edit) {
    const { file, start, end, put } = edit;
    if (!(start >= 0 && start <= end && end <= source.length)) throw new Error(`${file} has no characters ${start} to ${end}`);
    return source.slice(0, start) + put + source.slice(end);
  }
  const { file, find, put } = edit;
  const at = source.indexOf(find);
  if (at < 0) throw new Error(`${file} does not contain "${find}"`);
  if (source.indexOf(find, at + 1) >= 0) throw new Error(`${file} contains more than once "${find}"`);
  return source.slice(0, at) + put + source.slice(at + find.length);
}

/** Every place a planting changes. */
export function editsOf(planted: Planted): readonly (Edit | Cut)[] {
  return "also" in planted && planted.also !== undefined ? [planted, ...planted.also] : [planted];
}

/** The files of the product as they would be, by name. Throws when the mistake no longer fits them. */
export function plantedSources(planted: Planted): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const edit of editsOf(planted)) {
    const source = sources.get(edit.file) ?? readFileSync(new URL(edit.file, PRODUCT_FOLDER), "utf8");
    sources.set(edit.file, applyEdit(source, edit));
  }
  return sources;
}

/** From here on this thread loads the product with the mistake in it; throws while loading when it no longer fits the source. */
export function plant(planted: Planted): void {
  const edits = new Map<string, (Edit | Cut)[]>();
  for (const edit of editsOf(planted)) {
    const url = new URL(edit.file, PRODUCT_FOLDER).href;
    edits.set(url, [...(edits.get(url) ?? []), edit]);
  }
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context);
      const here = edits.get(url);
      if (here === undefined || loaded.source === undefined || loaded.source === null) return loaded;
      const source = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source);
      return { ...loaded, source: here.reduce(applyEdit, source) };
    },
  });
}
