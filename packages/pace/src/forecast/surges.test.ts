import { describe, expect, it } from "vitest";
import type { Past } from "./burn.ts";
import { createSurges, type Surges } from "./surges.ts";

const LEAD_MS = 10_000;

function past(more: Partial<Past> = {}): Past {
  return { gross: 24, ms: 15_000, isWhole: true, after: 2, ...more };
}

/** Loads that threatened, and are over. */
function afterLoads(...loads: readonly Past[]): Surges {
  const surges = createSurges(LEAD_MS);
  for (const load of loads) {
    surges.threatens(false);
    surges.ended(load);
  }
  return surges;
}

describe("surges that are remembered", () => {
  it("know nothing of a load that did not come before", () => {
    expect(createSurges(LEAD_MS).isHarmless(24, 5000, 20_000)).toBe(false);
  });

  it("take a load for harmless that would end in time as it did before", () => {
    expect(afterLoads(past()).isHarmless(24, 5000, 20_000)).toBe(true);
  });

  it("take it for harm when it does it before its like ended", () => {
    expect(afterLoads(past()).isHarmless(24, 5000, 12_000)).toBe(false);
  });

  it("take it for harm from when it lasts a quarter of a lead longer than its like", () => {
    const surges = afterLoads(past());
    expect(surges.isHarmless(24, 17_500, 10_000)).toBe(true);
    expect(surges.isHarmless(24, 17_501, 10_000)).toBe(false);
  });

  it("compare loads whose rates differ by less than a quarter", () => {
    const surges = afterLoads(past());
    expect([surges.isHarmless(18.1, 0, 30_000), surges.isHarmless(29.9, 0, 30_000)]).toEqual([true, true]);
    expect([surges.isHarmless(18, 0, 30_000), surges.isHarmless(30, 0, 30_000)]).toEqual([false, false]);
  });

  it("go by the last that was like it", () => {
    expect(afterLoads(past(), past({ ms: 40_000 })).isHarmless(24, 0, 30_000)).toBe(false);
  });

  it("do not trust a load again that did its harm", () => {
    const surges = createSurges(LEAD_MS);
    surges.threatens(true);
    surges.threatens(false);
    surges.ended(past());
    expect(surges.isHarmless(24, 0, 60_000)).toBe(false);
  });

  it("trust the next one that does none", () => {
    const surges = createSurges(LEAD_MS);
    surges.threatens(true);
    surges.ended(past());
    surges.threatens(false);
    surges.ended(past());
    expect(surges.isHarmless(24, 0, 60_000)).toBe(true);
  });

  it.each([
    [
      "never threatened",
      () => {
        const surges = createSurges(LEAD_MS);
        surges.ended(past());
        return surges;
      },
    ],
    ["was not seen from its beginning", () => afterLoads(past({ isWhole: false }))],
    ["went on with a little less", () => afterLoads(past({ after: 14.4 }))],
  ])("say nothing of a load that %s", (_name, surges) => {
    expect(surges().isHarmless(24, 0, 30_000)).toBe(false);
  });

  it("forget the oldest of nine", () => {
    const surges = afterLoads(...Array.from({ length: 9 }, (_, nth) => past({ gross: 2 ** nth, after: 0 })));
    expect([surges.isHarmless(1, 0, 30_000), surges.isHarmless(2, 0, 30_000)]).toEqual([false, true]);
  });
});
