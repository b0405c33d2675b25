import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refusalPauseMs } from "./refusal-pause.ts";

const PAUSES = { firstMs: 500, steadyMs: 60_000, longestMs: 3_600_000 };

describe("the pause after a refusal", () => {
  it("doubles up to a minute and grows slowly up to an hour", () => {
    const minutes = [1, 2, 3, 7, 8, 9, 12, 20, 30, 1000].map((refusals) => refusalPauseMs(refusals, PAUSES) / 60_000);
    expect(minutes.map((each) => Math.round(each * 1000) / 1000)).toEqual([0.008, 0.017, 0.033, 0.533, 1, 1.25, 2.441, 14.552, 60, 60]);
  });

  it("costs few offers in 30 days, and after ten minutes is never longer than a third of the time before it", () => {
    let waitedMs = 0;
    let offers = 0;
    for (; waitedMs < 30 * 86_400_000; offers++) {
      const pauseMs = refusalPauseMs(offers + 1, PAUSES);
      if (waitedMs > 600_000) expect(pauseMs).toBeLessThanOrEqual(waitedMs / 3);
      waitedMs += pauseMs;
    }
    expect(offers).toBeLessThan(760);
  });

  it("never shrinks and never passes its bound", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 10_000 }), (refusals, firstMs) => {
        const pauses = { ...PAUSES, firstMs };
        expect(refusalPauseMs(refusals + 1, pauses)).toBeGreaterThanOrEqual(refusalPauseMs(refusals, pauses));
        expect(refusalPauseMs(refusals, pauses)).toBeLessThanOrEqual(PAUSES.longestMs);
      }),
    );
  });
});
