import { expect, test } from "vitest";
import { describeRows, type FoundRow, joinedRows } from "./found.ts";

const row = (id: string, seeds?: number): FoundRow => ({
  id,
  ...(seeds === undefined ? {} : { seeds, invariant: "1 custody" }),
  tried: 60,
  commit: "abc",
  changed: false,
});

test("what was hunted anew replaces its row; what is hunted no more goes", () => {
  const anew = { id: "b", found: { seeds: 4, invariant: "2 ack", what: "" }, seconds: 1 };
  const rows = joinedRows([row("a", 1), row("b"), row("old", 2)], ["a", "b", "c"], [anew], 300, { commit: "def", changed: false });
  expect(rows).toEqual([row("a", 1), { id: "b", seeds: 4, invariant: "2 ack", tried: 300, commit: "def", changed: false }]);
});

test("the curve goes as far as was tried, and names who is left", () => {
  expect(describeRows([row("a", 1), row("b", 7), row("c", 33), row("d")])).toEqual([
    "of 4 found: within 1 seed 1 (25.0 %), within 10 seeds 2 (50.0 %), within 60 seeds 3 (75.0 %)",
    "not found: d (60 tried)",
  ]);
});
