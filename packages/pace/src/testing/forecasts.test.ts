import { describe, expect, it } from "vitest";
import { playForecasts } from "./forecasts.ts";

const SEEDS = 10;
describe("forecasts over loads that are steady, rise, burst, go by the day, are noisy and jump", () => {
  const { exhaustions, early, sudden, warnings, falseAlarms, ended, told } = playForecasts(SEEDS);

  it("warn in time of 95 in 100 ends whose load was there in time, and of 90 in 100 of all", () => {
    expect(exhaustions).toBeGreaterThan(200);
    expect(early / (exhaustions - sudden)).toBeGreaterThanOrEqual(0.95);
    expect(early / exhaustions).toBeGreaterThanOrEqual(0.9);
  });

  it("are false in 5 of 100 warnings at most where the load stays, and in 10 of 100 of all", () => {
    expect(warnings).toBeGreaterThan(200);
    expect((falseAlarms - ended) / (warnings - ended)).toBeLessThanOrEqual(0.05);
    expect(falseAlarms / warnings).toBeLessThanOrEqual(0.1);
  });

  it("tell chances that come true as often as they say, within 3 in 100", () => {
    const count = told.reduce((sum, tenth) => sum + tenth.count, 0);
    const off = told.reduce((sum, tenth) => sum + Math.abs(tenth.chance - tenth.came), 0);
    expect(off / count).toBeLessThanOrEqual(0.03);
  });
});
