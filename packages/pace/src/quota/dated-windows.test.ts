import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDates } from "../host/dates.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createDatedWindows } from "./dated-windows.ts";

const START = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;

function days() {
  const time = createVirtualTime();
  const windows = createDatedWindows(DAY_MS, createDates(time));
  return {
    time,
    look: windows.look,
    /** Looks for so long; how many budgets were given meanwhile. */
    given: (forMs: number, everyMs = MINUTE_MS): number => {
      let begun = 0;
      for (const endMs = time.now() + forMs; time.now() < endMs; time.run(Math.min(endMs, time.now() + everyMs)))
        begun += Number(windows.look().begins);
      return begun + Number(windows.look().begins);
    },
  };
}

describe("a window of a day", () => {
  it("ends at midnight", () => {
    const { time, look } = days();
    time.run(DAY_MS - 1);
    expect(look()).toEqual({ begins: false, leftMs: 1 });
    time.run(DAY_MS);
    expect(look()).toEqual({ begins: true, leftMs: DAY_MS });
    expect(look().begins).toBe(false);
  });

  it("is another a minute after a machine woke up that slept over midnight", () => {
    const { time, look } = days();
    time.setDate(START + 30 * HOUR_MS);
    expect(look()).toEqual({ begins: false, leftMs: 1000 });
    time.run(MINUTE_MS - 1);
    expect(look().begins).toBe(false);
    time.run(MINUTE_MS);
    expect(look()).toEqual({ begins: true, leftMs: 18 * HOUR_MS - MINUTE_MS });
  });

  it("is the same where the date went back, with what was spent", () => {
    const { time, look, given } = days();
    time.run(DAY_MS);
    expect(look().begins).toBe(true);
    time.setDate(START + 12 * HOUR_MS);
    expect(look()).toEqual({ begins: false, leftMs: DAY_MS });
    expect(given(DAY_MS)).toBe(0);
    // The day after is one that was not given yet.
    expect(given(DAY_MS)).toBe(1);
  });

  it("gives no budget twice because the date jumps there and back", () => {
    const { time, given } = days();
    let begun = 0;
    for (let nth = 0; nth < 10; nth++) {
      time.setDate(START + DAY_MS + HOUR_MS);
      begun += given(2 * MINUTE_MS);
      time.setDate(START + HOUR_MS);
      begun += given(2 * MINUTE_MS);
    }
    expect(begun).toBe(1);
  });

  it("gives none for a date that does not stand for a minute", () => {
    const { time, given } = days();
    for (let nth = 1; nth < 10; nth++) {
      time.setDate(START + nth * DAY_MS);
      expect(given(MINUTE_MS / 2)).toBe(0);
    }
  });

  it("comes again after a jump of ten years and back", () => {
    const { time, given } = days();
    time.setDate(START + 3650 * DAY_MS);
    expect(given(2 * MINUTE_MS)).toBe(1);
    time.setDate(START + HOUR_MS);
    expect(given(HOUR_MS)).toBe(0);
    expect(given(DAY_MS)).toBe(1);
    expect(given(DAY_MS)).toBe(1);
  });

  it("is given once at most, whatever the date does", () => {
    const jumps = fc.array(fc.tuple(fc.integer({ min: -3, max: 4 }), fc.integer({ min: 0, max: 30 * 60 })), { maxLength: 40 });
    fc.assert(
      fc.property(jumps, (drawn) => {
        const { time, look } = days();
        const moment = createDates(time);
        const begun: number[] = [Math.floor(time.date() / DAY_MS)];
        for (const [jump, minutes] of drawn) {
          if (jump !== 0) time.setDate(time.date() + jump * DAY_MS);
          for (let minute = 0; minute <= minutes; minute += 10) {
            time.run(time.now() + 10 * MINUTE_MS);
            const { leastMs } = moment();
            if (look().begins) begun.push(Math.floor(leastMs / DAY_MS));
          }
        }
        expect(new Set(begun).size).toBe(begun.length);
      }),
    );
  });
});
