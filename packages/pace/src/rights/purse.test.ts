import { describe, expect, it } from "vitest";
import { createPurse } from "./purse.ts";

const TERMS = { unit: "requests", name: "day", limit: 10, windowMs: 1000, shape: "window", resetInMs: 1000 } as const;

describe("a purse", () => {
  it("holds nothing before it was granted anything, and asks", () => {
    let asked = 0;
    const purse = createPurse(0, TERMS, () => asked++);
    expect(purse.readyMs(0, 1)).toBeGreaterThan(0);
    expect(asked).toBe(1);
    expect(purse.report(0)).toMatchObject({ least: 1, wants: 1, used: 0, window: 0 });
  });

  it("holds nothing of a window that has ended, and counts what is under way for the next", () => {
    const purse = createPurse(0, TERMS, () => undefined);
    purse.granted({ window: 1, ceiling: 4, endsMs: 1000, free: 0 }, 1000);
    const first = purse.reserve(10, 2);
    purse.reserve(10, 1).settle(20, 1);
    expect(purse.available(999)).toBe(1);
    expect(purse.available(1000)).toBe(0);
    purse.granted({ window: 2, ceiling: 4, endsMs: 2000, free: 0 }, 2000);
    expect(purse.available(1001)).toBe(2);
    first.settle(1100, 0);
    expect(purse.available(1101)).toBe(4);
    expect(purse.outstanding).toBe(0);
  });

  it("waits for the end of a window of which nothing is left, and says of what is too large that it never will be", () => {
    const purse = createPurse(0, TERMS, () => undefined);
    purse.granted({ window: 1, ceiling: 0, endsMs: 1000, free: 0 }, 1000);
    expect(purse.readyMs(10, 1)).toBe(1000);
    expect(purse.readyMs(10, 11)).toBe(Number.POSITIVE_INFINITY);
  });
});
