/** Notes that are let go of when they are old, so that days of a town cost no memory. */

/** A map whose entries are forgotten by the second `age` after they were set. */
export interface Aged<Key, Value> extends Iterable<readonly [Key, Value]> {
  get(key: Key): Value | undefined;
  has(key: Key): boolean;
  set(key: Key, value: Value): void;
  delete(key: Key): boolean;
  keys(): Iterable<Key>;
  /** Entries that `keeps` is true for stay, however old they are. */
  age(keeps?: (value: Value, key: Key) => boolean): void;
}

export function createAged<Key, Value>(): Aged<Key, Value> {
  let young = new Map<Key, Value>();
  let old = new Map<Key, Value>();
  function* entries(): Generator<readonly [Key, Value]> {
    yield* old;
    yield* young;
  }
  return {
    get: (key) => young.get(key) ?? old.get(key),
    has: (key) => young.has(key) || old.has(key),
    set: (key, value) => {
      old.delete(key);
      young.set(key, value);
    },
    delete: (key) => young.delete(key) || old.delete(key),
    *keys() {
      yield* old.keys();
      yield* young.keys();
    },
    [Symbol.iterator]: entries,
    age: (keeps) => {
      const kept = new Map<Key, Value>();
      if (keeps !== undefined) for (const [key, value] of old) if (keeps(value, key)) kept.set(key, value);
      old = young;
      young = new Map();
      for (const [key, value] of kept) if (!old.has(key)) young.set(key, value);
    },
  };
}
