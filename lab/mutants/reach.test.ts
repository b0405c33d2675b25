import { expect, test } from "vitest";
import { createReachMap } from "./reach.ts";

const FILE = "protocol/x.ts";
const place = (id: string, start: number) => ({ id, file: FILE, start });
const ran = (...functions: readonly (readonly [start: number, end: number, count: number][])[]) => [
  {
    file: FILE,
    functions: functions.map((ranges) => ({
      functionName: "",
      isBlockCoverage: true,
      ranges: ranges.map(([startOffset, endOffset, count]) => ({ startOffset, endOffset, count })),
    })),
  },
];

test("what runs is the innermost function, and of that the innermost part", () => {
  const map = createReachMap([place("module", 5), place("function", 20), place("part", 35), place("inner", 55)]);
  const loaded = ran([[0, 100, 1]], [[10, 90, 0]]);
  expect(map.ranSince(loaded)).toEqual(["module"]);
  const first = ran(
    [
      [10, 90, 3],
      [30, 40, 0],
    ],
    [[50, 60, 0]],
  );
  expect(map.ranSince(first)).toEqual(["function"]);
  // Functions that never ran are told of once.
  expect(map.ranSince(ran([[10, 90, 2]]))).toEqual(["function", "part"]);
  expect(map.ranSince(ran([[50, 60, 1]]))).toEqual(["inner"]);
});
