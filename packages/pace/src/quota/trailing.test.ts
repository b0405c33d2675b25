import { expect, it } from "vitest";
import { createTrailing } from "./trailing.ts";

it("the units of the last minute are told, whatever came before, and kept in few slots", () => {
  const trailing = createTrailing();
  for (let now = 0; now < 600_000; now += 100) trailing.add(now, 1, 60_000);
  expect(trailing.sum(600_000, 60_000)).toBeGreaterThanOrEqual(590);
  expect(trailing.sum(600_000, 60_000)).toBeLessThanOrEqual(600);
  expect(trailing.sum(700_000, 60_000)).toBe(0);
});

it("what was reserved too much is taken back, and less than nothing is nothing", () => {
  const trailing = createTrailing();
  trailing.add(0, 10, 60_000);
  trailing.add(50_000, -7, 60_000);
  expect(trailing.sum(50_000, 60_000)).toBe(3);
  expect(trailing.sum(80_000, 60_000)).toBe(0);
});
