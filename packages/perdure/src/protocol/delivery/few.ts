/**
 * A map of few entries, of which each of thousands of agents has several: with one entry, or none, it is three fields and no table.
 * Entries come in the order in which they were set first, as those of a `Map` do; what is set while they are gone through may be left out.
 */
export class Few<Value> {
  #key: string | undefined;
  #value: Value | undefined;
  /** Instead of the one above, from the second entry on until it is empty. bound: whoever has it says */
  #more: Map<string, Value> | undefined;

  get size(): number {
    return this.#more?.size ?? (this.#key === undefined ? 0 : 1);
  }

  get(key: string): Value | undefined {
    if (this.#more !== undefined) return this.#more.get(key);
    return this.#key === key ? this.#value : undefined;
  }

  has(key: string): boolean {
    return this.#more?.has(key) ?? this.#key === key;
  }

  set(key: string, value: Value): void {
    if (this.#more !== undefined) this.#more.set(key, value);
    else if (this.#key === undefined || this.#key === key) {
      this.#key = key;
      this.#value = value;
    } else {
      // bound: whoever has it says
      this.#more = new Map([
        [this.#key, this.#value as Value],
        [key, value],
      ]);
      this.#key = undefined;
      this.#value = undefined;
    }
  }

  delete(key: string): void {
    if (this.#more !== undefined) {
      this.#more.delete(key);
      if (this.#more.size === 0) this.#more = undefined;
    } else if (this.#key === key) {
      this.#key = undefined;
      this.#value = undefined;
    }
  }

  *[Symbol.iterator](): Generator<[string, Value]> {
    if (this.#more !== undefined) yield* this.#more;
    else if (this.#key !== undefined) yield [this.#key, this.#value as Value];
  }

  *keys(): Generator<string> {
    for (const [key] of this) yield key;
  }

  *values(): Generator<Value> {
    for (const [, value] of this) yield value;
  }
}
