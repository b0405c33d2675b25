import { describe, expect, it } from "vitest";
import { createForecaster, type Forecaster } from "../forecast/forecast.ts";
import { playForecasts } from "./forecasts.ts";

/** None of those that its numbers were chosen with, which are from 101 on. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

describe("forecasts over loads that are steady, rise, burst, go by the day, are noisy and jump", () => {
  const { exhaustions, early, sudden, warnings, falseAlarms, ended, told } = playForecasts(SEEDS);

  it("warn in time of 95 in 100 ends", () => {
    expect(exhaustions).toBeGreaterThan(200);
    expect(early / exhaustions).toBeGreaterThanOrEqual(0.95);
  });

  it("warn in time of 97 in 100 ends whose load was there in time", () => {
    expect(early / (exhaustions - sudden)).toBeGreaterThanOrEqual(0.97);
  });

  it("are false in 5 of 100 warnings at most", () => {
    expect(warnings).toBeGreaterThan(200);
    expect(falseAlarms / warnings).toBeLessThanOrEqual(0.05);
  });

  it("are false in 35 of 1000 warnings at most where the load stays", () => {
    expect((falseAlarms - ended) / (warnings - ended)).toBeLessThanOrEqual(0.035);
  });

  it("tell chances that come true as often as they say, within 3 in 100", () => {
    const count = told.reduce((sum, tenth) => sum + tenth.count, 0);
    const off = told.reduce((sum, tenth) => sum + Math.abs(tenth.chance - tenth.came), 0);
    expect(off / count).toBeLessThanOrEqual(0.03);
  });
});

describe("the figures of forecasts", () => {
  const always = (): Forecaster => {
    const { look } = createForecaster();
    return {
      look: (nowMs, gauge) => {
        const told = look(nowMs, gauge);
        return told && { ...told, isWarning: true };
      },
    };
  };

  it("are bad for who always warns", () => {
    const { exhaustions, early, warnings, falseAlarms } = playForecasts([1], always);
    expect(falseAlarms / warnings).toBeGreaterThan(0.5);
    expect(early / exhaustions).toBeLessThan(0.5);
  });
});
