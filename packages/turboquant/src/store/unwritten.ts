import type { VectorId } from "../file/segment.ts";

/** What a file does not have yet. */
export interface Changes {
  /** Their vectors are to be written. */
  readonly changed: ReadonlySet<VectorId>;
  /** The file may have vectors under these that count no more. */
  readonly stale: ReadonlySet<VectorId>;
}

/** What was done in memory since it was last written. Vectors themselves are in the index: here are only their ids. */
export class Unwritten {
  #changed = new Set<VectorId>();
  #stale = new Set<VectorId>();

  get size(): number {
    return this.#changed.size + this.#stale.size;
  }

  /** `wasThere`: the id had a vector before. */
  put(id: VectorId, wasThere: boolean): void {
    if (wasThere && !this.#changed.has(id)) this.#stale.add(id);
    this.#changed.add(id);
  }

  /** An id that had a vector has none any more. */
  remove(id: VectorId): void {
    if (!this.#changed.delete(id)) this.#stale.add(id);
  }

  /** All of it, to be written; what is done from here on is kept apart. */
  take(): Changes {
    const taken = { changed: this.#changed, stale: this.#stale };
    this.#changed = new Set();
    this.#stale = new Set();
    return taken;
  }

  /** After writing failed: any part of it may be in the file. `isThere`: whether an id has a vector now. */
  giveBack({ changed, stale }: Changes, isThere: (id: VectorId) => boolean): void {
    for (const id of stale) this.#stale.add(id);
    for (const id of changed) {
      this.#stale.add(id);
      if (isThere(id)) this.#changed.add(id);
    }
  }
}
