import { describe, expect, it } from "vitest";
import { levelOf } from "../quota/level.ts";
import type { Reading } from "../quota/reading.ts";
import { createHeadedRate } from "./headed-rate.ts";

const HOUR: Reading = {
  unit: "requests",
  name: "hour",
  limit: 3600,
  windowMs: 3_600_000,
  remaining: 3600,
  resetInMs: 3_600_000,
  shape: "window",
};

/** Told each second that so much is left, for two minutes. */
function afterTwoMinutes(remaining: number, resetInMs: number): number {
  const law = createHeadedRate(() => 0.5, levelOf({ ...HOUR, remaining, resetInMs }));
  for (let now = 0; now <= 120_000; now += 1000) law.told(now, levelOf({ ...HOUR, remaining, resetInMs }));
  return law.rate(120_000);
}

describe("a quota of a window", () => {
  it("is spent slower than it passes where less is left of it than of its time, and faster where more is", () => {
    expect(afterTwoMinutes(360, 1_800_000)).toBeLessThan(0.3);
    expect(afterTwoMinutes(3500, 360_000)).toBeGreaterThan(1.5);
  });
});

describe("a share", () => {
  it("comes to be the same for all who are told the same, whatever they saw before", () => {
    const bucket = (remaining: number): Reading => ({ ...HOUR, name: "minute", limit: 900, windowMs: 60_000, remaining, shape: "bucket" });
    const [often, seldom] = [20, 9].map((highest) => createHeadedRate(() => 0.5, levelOf(bucket(highest))));
    for (let now = 0; now <= 600_000; now += 500) for (const law of [often, seldom]) law?.told(now, levelOf(bucket(8)));
    expect(often?.rate(600_000)).toBeCloseTo(seldom?.rate(600_000) ?? 0, 5);
  });
});
