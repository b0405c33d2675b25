/**
 * Who leaves next: by class; within a class whoever asked for least so far, so that nobody is kept back by another's flood; of one requester
 * the nearest deadline, and of like ones who came first.
 *
 * Least so far is in virtual time (start-time fair queueing, Goyal et al., 1996): who comes anew begins where the others are, and brings no claims along.
 */
import { createHeap, type Heap } from "./heap.ts";

export interface Waiting {
  /** Of its class; the lowest leaves first. */
  readonly rank: number;
  readonly requester: string;
  readonly deadlineMs: number;
  /** What it counts for among requesters. */
  readonly weight: number;
}

export interface Line<Item extends Waiting> {
  readonly size: number;
  /** Requesters whose turns are known. */
  readonly remembered: number;
  /** Waiting in this class or before it. */
  upTo(rank: number): number;
  /** That leave before one of this requester who comes now: of his own class those of others only as long as he has his turns among them. */
  before(rank: number, requester: string): number;
  add(item: Item): void;
  first(): Item | undefined;
  /** ... of this class alone. */
  firstOf(rank: number): Item | undefined;
  /** The first leaves, or the first of one class. */
  take(rank?: number): void;
  has(item: Item): boolean;
  /** It waits no longer. */
  remove(item: Item): void;
  /** All that wait, in no order. */
  items(): readonly Item[];
}

interface Place<Item> {
  readonly item: Item;
  readonly nth: number;
}

interface Requester<Item> {
  readonly name: string;
  readonly places: Heap<Place<Item>>;
  tag: number;
  nth: number;
}

/** Of more requesters each is taken to have as many waiting. */
const COUNTED = 256;
/** Of requesters of whom nobody waits, so many are remembered: more of them take their turns as if they were new. */
const REMEMBERED = 1024;

export function createLine<Item extends Waiting>(ranks: number): Line<Item> {
  const all = Array.from({ length: ranks }, () => createRank<Item>());
  const placed = new Map<Item, Place<Item>>();
  let count = 0;
  /** Asked for several times by every call. */
  const foremost = (): Rank<Item> | undefined => {
    for (const rank of all) if (rank.waiting > 0) return rank;
    return undefined;
  };
  return {
    get size() {
      return placed.size;
    },
    get remembered() {
      return all.reduce((sum, { remembered }) => sum + remembered, 0);
    },
    upTo: (rank) => {
      let sum = 0;
      for (let nth = 0; nth <= rank; nth++) sum += all[nth]?.waiting ?? 0;
      return sum;
    },
    before: (rank, requester) => {
      let sum = all[rank]?.before(requester) ?? 0;
      for (let nth = 0; nth < rank; nth++) sum += all[nth]?.waiting ?? 0;
      return sum;
    },
    add: (item) => {
      const place = { item, nth: count++ };
      placed.set(item, place);
      all[item.rank]?.add(place, count++);
    },
    first: () => foremost()?.first()?.item,
    firstOf: (rank) => all[rank]?.first()?.item,
    take: (rank) => {
      const item = (rank === undefined ? foremost() : all[rank])?.take(count++);
      if (item !== undefined) placed.delete(item);
    },
    has: (item) => placed.has(item),
    remove: (item) => {
      const place = placed.get(item);
      if (place === undefined) return;
      placed.delete(item);
      all[item.rank]?.remove(place);
    },
    items: () => [...placed.keys()],
  };
}

interface Rank<Item> {
  readonly waiting: number;
  readonly remembered: number;
  before(requester: string): number;
  add(place: Place<Item>, nth: number): void;
  first(): Place<Item> | undefined;
  take(nth: number): Item | undefined;
  remove(place: Place<Item>): void;
}

function createRank<Item extends Waiting>(): Rank<Item> {
  const requesters = new Map<string, Requester<Item>>();
  const turns = createHeap<Requester<Item>>((one, other) => one.tag - other.tag || one.nth - other.nth);
  let time = 0;
  let waiting = 0;

  /** Whose turn it is. Who has nobody waiting is forgotten when the others have come as far as he. */
  const turn = (): Requester<Item> | undefined => {
    for (let next = turns.first(); next !== undefined; next = turns.first()) {
      if (next.places.size > 0) return next;
      turns.take();
      requesters.delete(next.name);
    }
    return undefined;
  };

  return {
    get waiting() {
      return waiting;
    },
    get remembered() {
      return requesters.size;
    },
    before: (name) => {
      const own = requesters.get(name)?.places.size ?? 0;
      if (own === waiting || requesters.size > COUNTED) return Math.min(waiting, own + (requesters.size - 1) * (own + 1));
      let sum = own;
      // Their calls may count for less than his: as many as his turns, and one.
      for (const one of requesters.values()) if (one.name !== name) sum += Math.min(one.places.size, own + 1);
      return sum;
    },
    add: (place, nth) => {
      waiting++;
      const { requester: name } = place.item;
      const known = requesters.get(name);
      if (known !== undefined) {
        if (known.places.size === 0 && known.tag < time) {
          turns.remove(known);
          known.tag = time;
          turns.add(known);
        }
        return known.places.add(place);
      }
      const places = createHeap<Place<Item>>((one, other) => one.item.deadlineMs - other.item.deadlineMs || one.nth - other.nth);
      places.add(place);
      const requester = { name, places, tag: time, nth };
      requesters.set(name, requester);
      turns.add(requester);
    },
    first: () => turn()?.places.first(),
    take: (nth) => {
      const requester = turn();
      const place = requester?.places.take();
      if (requester === undefined || place === undefined) return undefined;
      waiting--;
      turns.take();
      time = requester.tag;
      requester.tag += place.item.weight;
      requester.nth = nth;
      if (requester.places.size === 0 && requesters.size > REMEMBERED) requesters.delete(requester.name);
      else turns.add(requester);
      return place.item;
    },
    remove: (place) => {
      waiting--;
      const requester = requesters.get(place.item.requester);
      requester?.places.remove(place);
      if (requester === undefined || requester.places.size > 0 || requesters.size <= REMEMBERED) return;
      // While somebody else waits for long, his turn does not come.
      requesters.delete(requester.name);
      turns.remove(requester);
    },
  };
}
