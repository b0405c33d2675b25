import { expect, it } from "vitest";
import { createPacer } from "./pacer.ts";

it("those behind one wait for what it took, and for nothing of it that it gave back", () => {
  const pacer = createPacer(0);
  pacer.readyMs(0, 1, 10, 5);
  expect(pacer.readyMs(1000, 1, 10, 5)).toBe(1000);
  pacer.left(25);
  expect(pacer.readyMs(1000, 1, 10, 5)).toBe(3100);
  pacer.returned(20);
  expect(pacer.readyMs(1000, 1, 10, 5)).toBe(1100);
});

it("nothing that is given back lets more leave at once than may", () => {
  const pacer = createPacer(0);
  pacer.readyMs(0, 1, 10, 5);
  pacer.readyMs(60_000, 1, 10, 5);
  pacer.left(1);
  pacer.returned(1000);
  pacer.left(5);
  expect(pacer.readyMs(60_000, 1, 10, 5)).toBe(60_100);
});
