/**
 * Full texts of what left the window, each under a reference that is made of the text.
 *
 * Invariants: a reference is given only after the store has the text; it stands for that text to the character, also where somebody made another text with the same fingerprint.
 */
import { PaceError } from "../error.ts";
import type { ContextStore } from "./context-store.ts";
import { fingerprintOf } from "./fingerprint.ts";

export interface Kept {
  readonly reference: string;
  /** Whose output it was. */
  readonly tool: string;
  readonly characters: number;
}

/** References of what is no text: nobody reads them by pages. */
export const MEDIA_BEGINS = "media-";

/** Whose output messages are that became a summary: nobody's. */
export const EARLIER_WORK = "earlier work";

export interface Shelf {
  /** `undefined` where the store did not keep it: then it stays where it is. */
  keep(tool: string, text: string): Promise<Kept | undefined>;
  /** A picture, a document, as JSON: kept for the owner, and not listed, as a model reads no base64. */
  keepMedia(text: string): Promise<Kept | undefined>;
  get(reference: string): Promise<string | undefined>;
  /** That this text stands in the window for something kept: it is not kept again. */
  standsFor(shown: string, kept: Kept): void;
  shownFor(text: string): Kept | undefined;
  /** The last ones, those first that were kept first. */
  list(): readonly Kept[];
}

/** Texts with one fingerprint. One is enough by chance, and many are an attack. */
const MOST_ALIKE = 8;
/** A line each; older ones are still found by their reference. */
const MOST_LISTED = 10_000;

/** `failed`: told why the store did not keep a text. */
export function createShelf(store: ContextStore, failed: (cause: unknown) => void): Shelf {
  const listed = new Map<string, Kept>();
  const shown = new Map<string, Kept>();
  const remember = (map: Map<string, Kept>, key: string, kept: Kept): void => {
    map.delete(key);
    map.set(key, kept);
    const oldest = map.keys().next();
    if (map.size > MOST_LISTED && oldest.done !== true) map.delete(oldest.value);
  };
  const keepAs = async (name: string, tool: string, text: string): Promise<Kept | undefined> => {
    try {
      for (let nth = 1; nth <= MOST_ALIKE; nth++) {
        const reference = nth === 1 ? name : `${name}-${nth}`;
        const before = await store.get(reference);
        if (before !== undefined && before !== text) continue;
        if (before === undefined) await store.put(reference, text);
        return { reference, tool, characters: text.length };
      }
    } catch (cause) {
      failed(cause);
      return undefined;
    }
    failed(new PaceError("quota-spent", `${MOST_ALIKE} other texts are kept as ${name}`, "Somebody makes texts alike: look at this tool."));
    return undefined;
  };
  return {
    keep: async (tool, text) => {
      const kept = await keepAs(`ref-${fingerprintOf(text)}`, tool, text);
      if (kept !== undefined && !listed.has(kept.reference)) remember(listed, kept.reference, kept);
      return kept;
    },
    keepMedia: (text) => keepAs(`${MEDIA_BEGINS}${fingerprintOf(text)}`, "", text),
    get: (reference) => store.get(reference),
    standsFor: (text, kept) => remember(shown, fingerprintOf(text), kept),
    shownFor: (text) => shown.get(fingerprintOf(text)),
    list: () => [...listed.values()],
  };
}
