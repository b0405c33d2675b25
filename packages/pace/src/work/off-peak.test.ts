import { describe, expect, it } from "vitest";
import { createOffPeak } from "./off-peak.ts";

const at = (text: string): number => Date.parse(`2026-01-15T${text}Z`);
const HOUR_MS = 3_600_000;

describe("off-peak", () => {
  it("is from one hour to the other, over midnight too", () => {
    const night = createOffPeak({ from: "22:00", to: "06:00" });
    expect(["22:00:00", "23:59:59", "00:00:00", "05:59:59"].map((time) => night(at(time)))).toEqual([0, 0, 0, 0]);
    expect(["06:00:00", "12:30:30", "21:59:59"].map((time) => night(at(time)))).toEqual([16 * HOUR_MS, 9.5 * HOUR_MS - 30_000, 1000]);
    const noon = createOffPeak({ from: "12:00", to: "13:00" });
    expect(["11:00:00", "12:59:59", "13:00:00"].map((time) => noon(at(time)))).toEqual([HOUR_MS, 0, 23 * HOUR_MS]);
  });

  it("is by the hours of a place, in summer and in winter", () => {
    const night = createOffPeak({ from: "22:00", to: "06:00", zone: "Europe/Berlin" });
    expect([night(at("21:00:00")), night(at("20:00:00"))]).toEqual([0, HOUR_MS]);
    expect(night(Date.parse("2026-07-15T20:00:00Z"))).toBe(0);
  });
});
