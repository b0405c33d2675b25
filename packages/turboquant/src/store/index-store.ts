import type { IndexWriter } from "../file/index-writer.ts";

/** Where an index is kept: a file that is written to, and that can be replaced by one without what is gone. */
export interface IndexStore extends Omit<IndexWriter, "compact"> {
  /** Puts what is left of everything in the place of the file, at once. When it throws, the file stays the one before. */
  compact(): Promise<void>;
}
