import { expect, it } from "vitest";
import { createScout } from "./scout.ts";

it("nobody is held before anything was refused, nor when a few calls would have been let in since", () => {
  const scout = createScout();
  expect([scout.isCareful(0), scout.readyMs(0)]).toEqual([false, 0]);
  scout.refused(1000, 2);
  expect([scout.isCareful(3100), scout.isCareful(3300)]).toEqual([true, false]);
});

it("the first leaves when something has come back, and the next one as much later", () => {
  const scout = createScout();
  scout.refused(1000, 2);
  expect(scout.readyMs(1000)).toBe(1550);
  scout.left(1600, 2);
  expect(scout.readyMs(1600)).toBe(2150);
  scout.refused(1640, 2);
  expect(scout.readyMs(1640)).toBe(2190);
});

it("of rates that are next to nothing it waits as long as a person does", () => {
  const scout = createScout();
  scout.refused(0, 1 / 60);
  expect(scout.readyMs(0)).toBe(2000);
});
