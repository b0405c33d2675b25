import { expect, it } from "vitest";
import { createLoopBook } from "./loop-book.ts";

it("tells the first automatic message beyond the budget of every life, and none before", () => {
  const told: string[] = [];
  const book = createLoopBook({
    budget: 2,
    lives: (from) => (from === "stolen" ? 2 : 1),
    fail: (from, count) => void told.push(`${from} ${count}`),
  });
  const hand = (from: string, id: number, thread = "t", depth = 9): void =>
    book.handed({ auto: true, depth, from, thread, id: `s.${id}` } as never);
  for (const from of ["anna", "stolen"]) for (let id = 1; id <= 5; id++) hand(from, id);
  for (let id = 1; id <= 5; id++) {
    hand("desk", id, `thread ${id}`);
    hand("carl", id, "t", 0);
    hand("dora", 1);
  }
  expect(told).toEqual(["anna 3", "anna 4", "anna 5", "stolen 5"]);
});
