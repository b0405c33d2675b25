import { describe, expect, it } from "vitest";
import { DEMANDS, type DemandName, type ForecastFate, playForecast, sumOfFates } from "./forecasts.ts";

const SEEDS = 20;
const QUOTAS = [
  { limit: 600, windowMs: 60_000 },
  { limit: 5000, windowMs: 3_600_000 },
] as const;

function fates(): ForecastFate {
  const all: ForecastFate[] = [];
  for (const demand of Object.keys(DEMANDS) as DemandName[])
    for (const shape of ["bucket", "window"] as const)
      for (const quota of QUOTAS) for (let seed = 1; seed <= SEEDS; seed++) all.push(playForecast({ demand, shape, ...quota, seed }));
  return sumOfFates(all);
}

describe("forecasts over loads that are steady, rise, burst, go by the day, are noisy and jump", () => {
  const { exhaustions, early, sudden, warnings, falseAlarms, ended, told } = fates();

  it("warn in time of 95 in 100 ends whose load was there in time, and of 90 in 100 of all", () => {
    expect(exhaustions).toBeGreaterThan(400);
    expect(early / (exhaustions - sudden)).toBeGreaterThanOrEqual(0.95);
    expect(early / exhaustions).toBeGreaterThanOrEqual(0.9);
  });

  it("are false in 5 of 100 warnings at most where the load stays, and in 10 of 100 of all", () => {
    expect(warnings).toBeGreaterThan(400);
    expect((falseAlarms - ended) / (warnings - ended)).toBeLessThanOrEqual(0.05);
    expect(falseAlarms / warnings).toBeLessThanOrEqual(0.1);
  });

  it("tell chances that come true as often as they say, within 6 in 100", () => {
    const count = told.reduce((sum, tenth) => sum + tenth.count, 0);
    const off = told.reduce((sum, tenth) => sum + Math.abs(tenth.chance - tenth.came), 0);
    expect(off / count).toBeLessThanOrEqual(0.06);
  });
});
