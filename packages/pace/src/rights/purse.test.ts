import { describe, expect, it } from "vitest";
import { createPurse } from "./purse.ts";

const TERMS = { unit: "requests", name: "day", limit: 10, windowMs: 1000, shape: "window", resetInMs: 1000 } as const;
const BUCKET = { ...TERMS, shape: "bucket", resetInMs: 0 } as const;
const ALONE = { others: 0, othersUnderWay: 0, isAwaited: false } as const;

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
    purse.granted(0, { ...ALONE, window: 1, ceiling: 4, endsMs: 1000, free: 0 }, 1000);
    const first = purse.reserve(10, 2);
    purse.reserve(10, 1).settle(20, 1);
    expect(purse.held(999)).toBe(1);
    expect(purse.held(1000)).toBe(0);
    purse.granted(1000, { ...ALONE, window: 2, ceiling: 4, endsMs: 2000, free: 0 }, 2000);
    expect(purse.held(1001)).toBe(2);
    first.settle(1100, 0);
    expect(purse.held(1101)).toBe(4);
    expect(purse.outstanding).toBe(0);
  });

  it("waits for the end of a window of which nothing is left, and says of what is too large that it never will be", () => {
    const purse = createPurse(0, TERMS, () => undefined);
    purse.granted(0, { ...ALONE, window: 1, ceiling: 0, endsMs: 1000, free: 0 }, 1000);
    expect(purse.readyMs(10, 1)).toBe(1000);
    expect(purse.readyMs(10, 11)).toBe(Number.POSITIVE_INFINITY);
  });

  it("never waits for a window that does not end, once it is spent", () => {
    const endless = { ...TERMS, windowMs: Number.POSITIVE_INFINITY, resetInMs: Number.POSITIVE_INFINITY };
    const purse = createPurse(0, endless, () => undefined);
    expect(purse.readyMs(10, 1)).toBeLessThan(1000);
    purse.granted(10, { ...ALONE, window: 1, ceiling: 0, endsMs: undefined, free: 0 }, undefined);
    expect(purse.used(10)).toBe(10);
    expect(purse.readyMs(10, 1)).toBe(Number.POSITIVE_INFINITY);
  });

  it("needs nothing any more for a call that does not ask again", () => {
    const purse = createPurse(0, TERMS, () => undefined);
    purse.readyMs(0, 8);
    purse.readyMs(600, 2);
    expect(purse.report(900)).toMatchObject({ least: 8, wants: 8 });
    expect(purse.report(1600)).toMatchObject({ least: 0, wants: 0 });
    purse.readyMs(1700, 2);
    expect(purse.report(1700)).toMatchObject({ least: 2, wants: 2 });
  });

  it("asks for nothing that this window has not any more, which those that need less would wait for", () => {
    const purse = createPurse(0, TERMS, () => undefined);
    purse.granted(0, { ...ALONE, window: 1, ceiling: 2, endsMs: 60_000, free: 4 }, 60_000);
    expect(purse.readyMs(0, 7)).toBe(60_000);
    expect(purse.report(0)).toMatchObject({ least: 0 });
    expect(purse.readyMs(100, 5)).toBe(200);
    expect(purse.report(200)).toMatchObject({ least: 5 });
  });

  it("tells what all have left and used of a window, and of the next that nothing is", () => {
    const purse = createPurse(0, TERMS, () => undefined);
    expect([purse.used(0), purse.available(0)]).toEqual([0, 10]);
    purse.granted(0, { ...ALONE, window: 1, ceiling: 4, endsMs: 1000, free: 3 }, 1000);
    expect([purse.used(10), purse.available(10)]).toEqual([3, 7]);
    purse.reserve(10, 2);
    expect([purse.used(10), purse.available(10)]).toEqual([5, 5]);
    expect([purse.used(1000), purse.available(1000)]).toEqual([2, 8]);
  });

  it("tells of a bucket what all have left, and as used what lacks, or what was spent here in the last while", () => {
    const purse = createPurse(0, BUCKET, () => undefined);
    purse.granted(0, { ...ALONE, window: 1, ceiling: 2, endsMs: undefined, free: 3 }, undefined);
    expect([purse.used(0), purse.available(0), purse.resetInMs(0)]).toEqual([5, 5, 500]);
    expect([purse.used(200), purse.available(200)]).toEqual([3, 7]);
    purse.reserve(300, 2).settle(310, 1);
    expect(purse.available(5000)).toBe(10);
    expect(purse.used(1200)).toBe(1);
    expect(purse.used(5000)).toBe(0);
  });

  it("has nothing of what was settled for too much in a window that is over", () => {
    const purse = createPurse(0, TERMS, () => undefined);
    purse.granted(0, { ...ALONE, window: 1, ceiling: 4, endsMs: 1000, free: 0 }, 1000);
    purse.reserve(10, 4).settle(20, 4);
    purse.granted(1000, { ...ALONE, window: 2, ceiling: 4, endsMs: 2000, free: 0 }, 2000);
    purse.reserve(1010, 4).settle(1020, 4);
    purse.correct(1100, -4, 20);
    expect(purse.held(1100)).toBe(0);
    purse.correct(1100, -3, 1020);
    expect(purse.held(1100)).toBe(3);
    expect(purse.settled).toBe(1);
  });

  it("tells the ledger at once what it was settled for too much, where nothing is under way", () => {
    let asked = 0;
    const purse = createPurse(0, TERMS, () => asked++);
    purse.granted(0, { ...ALONE, window: 1, ceiling: 4, endsMs: 1000, free: 0 }, 1000);
    purse.reserve(10, 4).settle(20, 4);
    purse.correct(30, -3);
    expect(asked).toBe(1);
  });

  it("waits for what others hold, and for what their calls may leave of money; for their requests that are under way it does not", () => {
    const grant = { window: 1, ceiling: 1, endsMs: 60_000, free: 1, others: 3, othersUnderWay: 4, isAwaited: false };
    for (const [unit, most] of [["requests", 5] as const, ["usd", 9] as const]) {
      const purse = createPurse(0, { ...TERMS, unit }, () => undefined);
      purse.granted(0, grant, 60_000);
      expect(purse.readyMs(0, most)).toBe(100);
      expect(purse.report(0)).toMatchObject({ least: most });
      expect(purse.readyMs(0, most + 0.5)).toBe(60_000);
      expect([purse.used(0), purse.available(0)]).toEqual([5, 5]);
    }
  });

  it("has a place among those who ask while its own calls are under way, which may take less", () => {
    const purse = createPurse(0, { ...TERMS, unit: "usd" }, () => undefined);
    purse.granted(0, { ...ALONE, window: 1, ceiling: 10, endsMs: 60_000, free: 0 }, 60_000);
    purse.reserve(0, 8);
    expect(purse.readyMs(10, 6)).toBe(60_000);
    expect(purse.report(10)).toMatchObject({ least: 6 });
  });

  it("asks no more for what is gone, as it hears when it asks", () => {
    const purse = createPurse(0, TERMS, () => {
      purse.report(50);
      purse.granted(50, { ...ALONE, window: 1, ceiling: 0, endsMs: 60_000, free: 0 }, 60_000);
    });
    purse.granted(0, { ...ALONE, window: 1, ceiling: 0, endsMs: 60_000, free: 0, others: 5 }, 60_000);
    expect(purse.readyMs(50, 5)).toBe(60_000);
    // What it told is taken back.
    expect(purse.isOwed).toBe(true);
    expect(purse.report(60)).toMatchObject({ least: 0 });
    expect(purse.isOwed).toBe(false);
  });

  it.each([
    [true, 1, 1],
    [false, 5, 0],
  ])("keeps what its calls did not take, unless another waits for it: %s", (isAwaited, held, times) => {
    let asked = 0;
    const purse = createPurse(0, TERMS, () => asked++);
    purse.granted(0, { ...ALONE, window: 1, ceiling: 5, endsMs: 1000, free: 2, isAwaited }, 1000);
    purse.reserve(10, 4).settle(20, 0);
    expect(purse.held(20)).toBe(held);
    expect(purse.available(20)).toBe(7);
    expect(asked).toBe(times);
  });
});
