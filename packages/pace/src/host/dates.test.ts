import { describe, expect, it } from "vitest";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createDates } from "./dates.ts";

const START = Date.UTC(2026, 0, 1);

describe("the date", () => {
  it("is the machine's, with its small corrections", () => {
    const time = createVirtualTime();
    const moment = createDates(time);
    time.run(5000);
    time.setDate(START + 6000);
    expect(moment()).toEqual({ leastMs: START + 6000, mostMs: START + 6000 });
    time.run(6000);
    time.setDate(START + 5500);
    expect(moment()).toEqual({ leastMs: START + 5500, mostMs: START + 5500 });
  });

  it.each([86_400_000, -86_400_000])("is in doubt for a minute after a jump of %d ms, and then what the machine says", (jumpMs) => {
    const time = createVirtualTime();
    const moment = createDates(time);
    time.setDate(START + jumpMs);
    expect(moment()).toEqual({ leastMs: START + Math.min(0, jumpMs), mostMs: START + Math.max(0, jumpMs) });
    time.run(59_999);
    expect(moment().leastMs).toBe(START + 59_999 + Math.min(0, jumpMs));
    time.run(60_000);
    expect(moment()).toEqual({ leastMs: START + 60_000 + jumpMs, mostMs: START + 60_000 + jumpMs });
  });

  it("is in doubt anew with each jump, and as before when it jumped back", () => {
    const time = createVirtualTime();
    const moment = createDates(time);
    for (let nth = 1; nth < 10; nth++) {
      time.setDate(START + nth * 1e9);
      moment();
      time.run(nth * 50_000);
      expect(moment().leastMs).toBe(START + nth * 50_000);
    }
    time.setDate(START + 450_000);
    expect(moment()).toEqual({ leastMs: START + 450_000, mostMs: START + 450_000 });
  });
});
