import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clockText, countText, durationText, numberText, parseDuration, sizeText, valueText } from "./quantity.ts";

describe("quantities as people write them", () => {
  it("reads durations with a unit", () => {
    expect(["500ms", "30s", "5m", "2h", "7d", "1.5s"].map(parseDuration)).toEqual([500, 30_000, 300_000, 7_200_000, 604_800_000, 1500]);
  });

  it("refuses anything else", () => {
    for (const text of ["", "5", "s", "-5s", "5 minutes", "1e3s", "5s5s", "9999999999999s"]) {
      expect(() => parseDuration(text), text).toThrow(expect.objectContaining({ code: "bad-argument" }));
    }
  });

  it("never throws anything but bad-argument", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(parseDuration(text)).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toMatchObject({ code: "bad-argument" });
        }
      }),
    );
  });

  it("writes a setting with its unit, and a switch as yes or no", () => {
    expect([valueText(15_000, "ms"), valueText(0, "yes or no"), valueText(1, "yes or no")]).toEqual(["15,000 ms", "no", "yes"]);
  });

  it("writes durations, sizes and counts with the unit a person would take", () => {
    expect([0, 340, 2100, 240_000, 7_200_000, 604_800_000].map(durationText)).toEqual(["0 ms", "340 ms", "2.1 s", "4 min", "2 h", "7 d"]);
    expect([0, 1, 1023, 1024, 4301, 8 * 1024 * 1024].map(sizeText)).toEqual(["0 bytes", "1 byte", "1023 bytes", "1 KB", "4.2 KB", "8 MB"]);
    expect([numberText(7), numberText(2_411_724), countText(1, "part"), countText(32, "part")]).toEqual([
      "7",
      "2,411,724",
      "1 part",
      "32 parts",
    ]);
  });

  it("writes the time of day with milliseconds", () => {
    expect(clockText(new Date(2026, 10, 21, 14, 3, 2, 18).getTime())).toBe("14:03:02.018");
  });
});
