import { describe, expect, it } from "vitest";
import { seededRandom } from "../testing/draws.ts";
import { createHeap } from "./heap.ts";
import { createLine, type Waiting } from "./line.ts";

interface Named extends Waiting {
  readonly name: string;
}

const FAR = Number.POSITIVE_INFINITY;

function waiting(name: string, { rank = 0, requester = "", deadlineMs = FAR, weight = 1 }: Partial<Waiting> = {}): Named {
  return { name, rank, requester, deadlineMs, weight };
}

function drained(items: readonly Named[]): readonly string[] {
  const line = createLine<Named>(3);
  for (const item of items) line.add(item);
  const names: string[] = [];
  for (let first = line.first(); first !== undefined; first = line.first()) {
    names.push(first.name);
    line.take();
  }
  expect(line.size).toBe(0);
  return names;
}

describe("the line", () => {
  it("lets a class leave before those after it, however late it came", () => {
    expect(drained([waiting("c", { rank: 2 }), waiting("b", { rank: 1 }), waiting("a")])).toEqual(["a", "b", "c"]);
  });

  it("lets requesters of a class take turns, whatever one of them asks for", () => {
    const flood = Array.from({ length: 5 }, (_, nth) => waiting(`flood ${nth}`, { requester: "flood" }));
    expect(drained([...flood, waiting("one", { requester: "other" }), waiting("two", { requester: "other" })])).toEqual([
      "flood 0",
      "one",
      "flood 1",
      "two",
      "flood 2",
      "flood 3",
      "flood 4",
    ]);
  });

  it("counts what is large for more", () => {
    const large = Array.from({ length: 3 }, (_, nth) => waiting(`large ${nth}`, { requester: "large", weight: 2 }));
    const small = Array.from({ length: 4 }, (_, nth) => waiting(`small ${nth}`, { requester: "small" }));
    expect(
      drained([...large, ...small])
        .filter((_name, nth) => nth < 6)
        .filter((name) => name.startsWith("small")).length,
    ).toBe(4);
  });

  it("lets of one requester the nearest deadline leave first, and of like ones who came first", () => {
    expect(
      drained([waiting("later", { deadlineMs: 9 }), waiting("soon", { deadlineMs: 5 }), waiting("soon too", { deadlineMs: 5 })]),
    ).toEqual(["soon", "soon too", "later"]);
  });

  it("gives nobody a claim for the time in which he asked for nothing", () => {
    const line = createLine<Named>(1);
    const take = (): string | undefined => {
      const name = line.first()?.name;
      line.take();
      return name;
    };
    line.add(waiting("early", { requester: "early" }));
    for (let nth = 0; nth < 10; nth++) line.add(waiting(`${nth}`, { requester: "busy" }));
    for (let nth = 0; nth < 8; nth++) take();
    for (let nth = 0; nth < 3; nth++) line.add(waiting(`early ${nth}`, { requester: "early" }));
    expect([take(), take(), take(), take()].filter((name) => name?.startsWith("early")).length).toBe(2);
  });

  it("forgets who is taken out, wherever he stands", () => {
    const line = createLine<Named>(2);
    const items = Array.from({ length: 20 }, (_, nth) => waiting(`${nth}`, { rank: nth % 2, requester: `${nth % 3}` }));
    for (const item of items) line.add(item);
    for (const item of items.filter((_item, nth) => nth % 4 !== 0)) line.remove(item);
    line.remove(items[1] as Named);
    expect(line.size).toBe(5);
    expect(line.upTo(0)).toBe(5);
    const left: string[] = [];
    for (let first = line.first(); first !== undefined; first = line.first()) {
      expect(line.has(first)).toBe(true);
      left.push(first.name);
      line.take();
      expect(line.has(first)).toBe(false);
    }
    expect(left.sort()).toEqual(["0", "12", "16", "4", "8"]);
  });

  it("remembers a bounded number of those who do not wait any more", () => {
    const line = createLine<Named>(1);
    // Somebody always waits, so that nobody's turn ends all turns.
    line.add(waiting("first", { requester: "first" }));
    for (let nth = 0; nth < 20_000; nth++) {
      line.add(waiting(`${nth}`, { requester: `requester ${nth}` }));
      line.take();
    }
    expect(line.remembered).toBeLessThan(1100);
  });

  it("remembers as few of those who were taken out before their turn came", () => {
    const line = createLine<Named>(1);
    line.add(waiting("first", { requester: "first" }));
    for (let nth = 0; nth < 20_000; nth++) {
      const item = waiting(`${nth}`, { requester: `requester ${nth}` });
      line.add(item);
      line.remove(item);
    }
    expect(line.remembered).toBeLessThan(1100);
    expect(line.first()?.name).toBe("first");
  });
});

describe("the heap", () => {
  it("gives the least first, also after others were taken out", () => {
    const random = seededRandom(5);
    for (let round = 0; round < 50; round++) {
      const heap = createHeap<{ readonly key: number }>((one, other) => one.key - other.key);
      const items = Array.from({ length: 40 }, () => ({ key: random() }));
      for (const item of items) heap.add(item);
      const kept = items.filter((item) => {
        const stays = random() < 0.6;
        if (!stays) heap.remove(item);
        return stays;
      });
      const taken = kept.map(() => heap.take()?.key);
      expect(taken).toEqual(kept.map(({ key }) => key).sort((one, other) => one - other));
      expect(heap.take()).toBeUndefined();
      expect(heap.size).toBe(0);
    }
  });
});
