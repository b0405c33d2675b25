import { expect, it } from "vitest";
import { hopelessOf } from "./hopeless.ts";
import type { Waiting } from "./line.ts";

interface Named extends Waiting {
  readonly name: string;
}

function waiting(name: string, { rank = 0, requester = "", deadlineMs = 1000 }: Partial<Waiting> = {}): Named {
  return { name, rank, requester, deadlineMs, weight: 1 };
}

/** One leaves each second, the first at once. */
const eachSecond = (_item: Named, ahead: number): number => ahead * 1000;
const namesOf = (items: readonly Named[]): readonly string[] => items.map(({ name }) => name);

it("who has more before it than leave in time is hopeless, and before nobody", () => {
  const items = ["a", "b", "c"].map((name) => waiting(name));
  expect(namesOf(hopelessOf([...items, waiting("late", { deadlineMs: 2000 })], eachSecond))).toEqual(["c"]);
});

it("those of earlier classes leave first", () => {
  const items = [waiting("low", { rank: 1 }), waiting("a"), waiting("b")];
  expect(namesOf(hopelessOf(items, eachSecond))).toEqual(["low"]);
});

it("another's flood is before nobody who takes turns with it", () => {
  const flood = Array.from({ length: 5 }, (_, nth) => waiting(`flood ${nth}`, { requester: "flood", deadlineMs: 9000 }));
  const one = waiting("one", { requester: "other", deadlineMs: 9500 });
  expect(hopelessOf([...flood, one], (_item, ahead) => ahead * 3000).length).toBe(1);
  expect(namesOf(hopelessOf([...flood, one], (_item, ahead) => ahead * 3000))).toEqual(["flood 4"]);
});

it("of very many requesters none is held to be worse than those who wait", () => {
  const items = Array.from({ length: 600 }, (_, nth) => waiting(String(nth), { requester: String(nth), deadlineMs: 1e6 }));
  expect(hopelessOf(items, eachSecond)).toEqual([]);
});
