import { describe, expect, it } from "vitest";
import { levelOf } from "../quota/level.ts";
import type { HeadedRate } from "./headed-rate.ts";
import { createToldRate } from "./told-rate.ts";
import type { WindowLevel } from "./window-rate.ts";

const HOUR_MS = 3_600_000;

/** Of an hour of 3,600 with so much left of both, told at once. */
function lawWith(remaining: number, leftMs: number): HeadedRate {
  const level = levelOf({ unit: "requests", name: "hour", limit: 3600, windowMs: HOUR_MS, remaining, resetInMs: leftMs, shape: "window" });
  const law = createToldRate(() => 0.5, level);
  law.told(0, level);
  return law;
}

/** Calls a second. */
function rateWith(remaining: number, leftMs: number): number {
  return lawWith(remaining, leftMs).rate(0);
}

describe("a quota of an hour", () => {
  it("is not paced at all above three quarters of what the time left would take, unless refusals spoke against it", () => {
    const law = lawWith(3600, HOUR_MS);
    expect(law.freeAbove?.(0)).toBe(2700);
    expect(law.freeAbove?.(HOUR_MS / 2)).toBe(1350);
    law.refused(10, 5);
    expect(law.freeAbove?.(10)).toBe(Number.POSITIVE_INFINITY);
  });

  it("is spent freely while there is plenty", () => {
    expect(rateWith(3600, HOUR_MS)).toBe(12);
    expect(rateWith(3000, HOUR_MS)).toBe(10);
  });

  it("lasts until its end where less than half of what the time would take is left", () => {
    expect(rateWith(1000, HOUR_MS)).toBeCloseTo(1000 / 3600);
    expect(rateWith(5, HOUR_MS / 2)).toBeCloseTo(5 / 1800);
  });

  it("becomes slower without a step between them", () => {
    let before = rateWith(3000, HOUR_MS);
    for (let remaining = 2990; remaining > 1500; remaining -= 10) {
      const now = rateWith(remaining, HOUR_MS);
      expect(now).toBeLessThan(before);
      expect(now).toBeGreaterThan(before * 0.85);
      before = now;
    }
  });

  it("whose end has come is spent as it passes until the next is told of", () => {
    const law = lawWith(0, 1000);
    expect(law.rate(500)).toBeLessThan(0.001);
    expect(law.rate(1001)).toBe(1);
  });

  it("whose refusals its level does not explain is spent slower, and comes back", () => {
    const law = lawWith(3600, HOUR_MS);
    expect(law.refused(10, 5)).toBe(500);
    expect(law.refused(11, 6)).toBe(0);
    expect(law.rate(11)).toBeCloseTo(9.6, 1);
    const full: WindowLevel = { perSecond: 1, remaining: 3600, most: 3600, windowMs: HOUR_MS, leftMs: HOUR_MS };
    law.told(20_000, full);
    expect(law.rate(20_000)).toBeCloseTo(12);
  });
});
