/** Calls of operations that have a most: they wait for their own turn here, and then go on to the line of all. */
import type { Cost } from "../quota/reading.ts";
import { type Cap, createCap, type Whole } from "./cap.ts";
import { createHeap, type Heap } from "./heap.ts";

/** A piece of work that makes many calls, and may take so much of everything, from above 0 to 1. */
export interface Operation {
  readonly name: string;
  readonly mostShare: number;
}

export interface OfOperation {
  readonly operation: Operation;
  readonly cost: Cost;
  readonly rank: number;
  readonly deadlineMs: number;
}

export interface Operations<Item extends OfOperation> {
  readonly waiting: number;
  /** Waiting in this class or before it. */
  upTo(rank: number): number;
  /** When one that comes now may go on. */
  estimateMs(nowMs: number, item: Item, whole: Whole): number;
  add(item: Item): void;
  /** It waits no longer, or did not: what went on before it counts is `ended`. */
  remove(item: Item): boolean;
  has(item: Item): boolean;
  /** Those that may go on now; then when the next may, where time alone decides. */
  release(nowMs: number, whole: Whole, goOn: (item: Item) => void): number | undefined;
  /** One that went on ended; it had left, or it had not. */
  ended(nowMs: number, item: Item, hasLeft: boolean): void;
  /** All that wait, in no order. */
  items(): readonly Item[];
}

interface Place<Item> {
  readonly item: Item;
  readonly nth: number;
}

interface Known<Item> {
  readonly cap: Cap;
  readonly places: Heap<Place<Item>>;
}

/** Operations that have nothing to do are remembered: forgotten ones begin with a full share. */
const REMEMBERED = 1000;

export function createOperations<Item extends OfOperation>(): Operations<Item> {
  const known = new Map<string, Known<Item>>();
  const waiting = new Map<Item, Place<Item>>();
  const under = new Map<Item, (nowMs: number, hasLeft: boolean) => void>();
  let count = 0;
  const ofRank: number[] = [];
  const counted = ({ rank }: Item, by: 1 | -1): void => {
    ofRank[rank] = (ofRank[rank] ?? 0) + by;
  };

  const of = ({ name, mostShare }: Operation): Known<Item> => {
    const key = `${mostShare} ${name}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    for (const [other, { cap, places }] of known) {
      if (known.size < REMEMBERED) break;
      if (places.size === 0 && cap.underWay === 0) known.delete(other);
    }
    const places = createHeap<Place<Item>>(
      ({ item: one, nth }, { item: other, nth: otherNth }) => one.rank - other.rank || one.deadlineMs - other.deadlineMs || nth - otherNth,
    );
    const made = { cap: createCap(mostShare), places };
    known.set(key, made);
    return made;
  };

  return {
    get waiting() {
      return waiting.size;
    },
    upTo: (rank) => ofRank.slice(0, rank + 1).reduce((sum, one) => sum + one, 0),
    estimateMs: (now, item, whole) => {
      const { cap, places } = of(item.operation);
      return cap.estimateMs(now, item.cost, whole, places.size);
    },
    add: (item) => {
      const place = { item, nth: count++ };
      waiting.set(item, place);
      counted(item, 1);
      of(item.operation).places.add(place);
    },
    remove: (item) => {
      const place = waiting.get(item);
      if (place === undefined) return false;
      waiting.delete(item);
      counted(item, -1);
      of(item.operation).places.remove(place);
      return true;
    },
    has: (item) => waiting.has(item),
    release: (now, whole, goOn) => {
      let nextMs: number | undefined;
      if (waiting.size === 0) return undefined;
      for (const { cap, places } of known.values())
        for (let first = places.first()?.item; first !== undefined; first = places.first()?.item) {
          const ready = cap.readyMs(now, first.cost, whole);
          if (ready === undefined) break;
          if (ready > now) {
            nextMs = Math.min(ready, nextMs ?? ready);
            break;
          }
          places.take();
          waiting.delete(first);
          counted(first, -1);
          under.set(first, cap.take(now, first.cost, whole));
          goOn(first);
        }
      return nextMs;
    },
    ended: (now, item, hasLeft) => {
      under.get(item)?.(now, hasLeft);
      under.delete(item);
    },
    items: () => [...waiting.keys()],
  };
}
