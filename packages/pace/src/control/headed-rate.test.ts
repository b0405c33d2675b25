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

describe("a share", () => {
  it("comes to be the same for all who are told the same, whatever they saw before", () => {
    const bucket = (remaining: number): Reading => ({ ...HOUR, name: "minute", limit: 900, windowMs: 60_000, remaining, shape: "bucket" });
    const [often, seldom] = [20, 9].map((highest) => createHeadedRate(() => 0.5, levelOf(bucket(highest))));
    for (let now = 0; now <= 600_000; now += 500) for (const law of [often, seldom]) law?.told(now, levelOf(bucket(8)));
    expect(often?.rate(600_000)).toBeCloseTo(seldom?.rate(600_000) ?? 0, 5);
  });
});
