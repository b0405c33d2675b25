import { describe, expect, it } from "vitest";
import { exchangeUnits, type Pool, type PoolCaller } from "./pool.ts";
import type { UnitsGrant, UnitsReport } from "./report.ts";

const REPORT: UnitsReport = {
  limit: 20,
  windowMs: 60_000,
  shape: "window",
  resetInMs: 60_000,
  window: 1,
  used: 0,
  underWay: 0,
  wants: 0,
  least: 0,
};

/** A pool to which holders report, each answer in force before the next report. */
function playedPool(before?: Pool) {
  let pool = before;
  let nth = 0;
  return (holder: string, nowMs: number, said: Partial<UnitsReport>): UnitsGrant => {
    const caller: PoolCaller = { holder, nth: ++nth, applied: nth - 1, weight: 1, isAtomic: true, isLive: () => true };
    const known = pool?.holders.get(holder);
    const answer = exchangeUnits(pool, { ...caller, applied: known?.held.nth ?? 0 }, { ...REPORT, wants: said.least ?? 0, ...said }, nowMs);
    ({ pool } = answer);
    return answer.grant;
  };
}

describe("a pool of less than all want", () => {
  it("owes the next call to who asked first, whoever reports first when it is there", () => {
    const said = playedPool();
    expect(said("a", 0, { least: 15 }).ceiling).toBe(15);
    expect(said("a", 1, { used: 15, underWay: 15 }).ceiling).toBe(15);
    expect(said("b", 2, { least: 15 })).toMatchObject({ ceiling: 0, others: 0, othersUnderWay: 15 });
    expect(said("c", 3, { least: 15 }).ceiling).toBe(0);
    // It took nothing in the end.
    expect(said("a", 4, { least: 15 })).toMatchObject({ ceiling: 0, isAwaited: true });
    expect(said("c", 5, { least: 15 }).ceiling).toBe(0);
    expect(said("b", 6, { least: 15 }).ceiling).toBe(15);
    expect(said("b", 7, { used: 0, least: 15 }).ceiling).toBe(0);
    expect(said("a", 8, { least: 15 }).ceiling).toBe(0);
    expect(said("c", 9, { least: 15 }).ceiling).toBe(15);
  });

  it("gives nobody for his next seconds what another lacks for a call", () => {
    const said = playedPool();
    expect(said("a", 0, { wants: 100 }).ceiling).toBe(20);
    expect(said("b", 1, { least: 15 })).toMatchObject({ ceiling: 0, free: 0, others: 20 });
    expect(said("a", 2, { wants: 100 }).ceiling).toBe(5);
    expect(said("b", 3, { least: 15 }).ceiling).toBe(15);
  });

  it("owes nobody what this window has not any more", () => {
    const said = playedPool();
    said("a", 0, { wants: 100 });
    said("a", 1, { used: 10, wants: 100 });
    said("b", 2, { least: 15 });
    expect(said("a", 3, { used: 10, wants: 100 })).toMatchObject({ ceiling: 15, isAwaited: false });
  });

  it("gives all that is lacking but for what a sum of many steps lost", () => {
    const said = playedPool();
    said("a", 0, { used: 5 + 1e-12 });
    expect(said("b", 1, { least: 15 }).ceiling).toBeCloseTo(15, 9);
  });

  it("is read as a version before wrote it, that knew of no calls under way and of nobody who waits", () => {
    const before: Pool = {
      window: 1,
      endsMs: 60_000,
      limit: 20,
      level: 18,
      countedMs: 0,
      holders: new Map([["a", { held: { nth: 1, amount: 12, untilMs: 60_000 }, used: 2, wants: 10, limit: 20, weight: 1 }]]),
    };
    const said = playedPool(before);
    expect(said("b", 1, { least: 15 })).toEqual({
      window: 1,
      ceiling: 0,
      endsMs: 60_000,
      free: 8,
      others: 10,
      othersUnderWay: 0,
      isAwaited: false,
    });
    expect(said("a", 2, { used: 2, wants: 10 })).toMatchObject({ ceiling: 5, isAwaited: true });
  });
});
