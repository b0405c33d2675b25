/** The least of many first: a binary heap. */
export interface Heap<Item> {
  readonly size: number;
  add(item: Item): void;
  first(): Item | undefined;
  take(): Item | undefined;
  /** Looks at all of them: for what is rare. */
  remove(item: Item): void;
}

/** `compare` is below zero where the first comes before the second, and never zero. */
export function createHeap<Item>(compare: (one: Item, other: Item) => number): Heap<Item> {
  const items: Item[] = [];
  const swap = (one: number, other: number): void => {
    [items[one], items[other]] = [items[other] as Item, items[one] as Item];
  };
  const isBefore = (one: number, other: number): boolean => compare(items[one] as Item, items[other] as Item) < 0;
  const rise = (from: number): void => {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!isBefore(at, parent)) return;
      swap(at, parent);
      at = parent;
    }
  };
  const sink = (from: number): void => {
    for (let at = from; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < items.length && isBefore(child, least)) least = child;
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  };
  const removeAt = (at: number): void => {
    const last = items.pop() as Item;
    if (at === items.length) return;
    items[at] = last;
    rise(at);
    sink(at);
  };
  return {
    get size() {
      return items.length;
    },
    add: (item) => {
      items.push(item);
      rise(items.length - 1);
    },
    first: () => items[0],
    take: () => {
      const first = items[0];
      if (items.length > 0) removeAt(0);
      return first;
    },
    remove: (item) => {
      const at = items.indexOf(item);
      if (at >= 0) removeAt(at);
    },
  };
}
