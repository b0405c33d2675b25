import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createGcra } from "./gcra.ts";

const RATE = { perSecond: 10, burst: 5, keys: 100 };

describe("a rate", () => {
  it("gives a burst at once, then one for each interval", () => {
    const gcra = createGcra(RATE);
    const taken = [0, 0, 0, 0, 0, 0, 99, 100, 100, 200].map((nowMs) => gcra.judge("a", 1, nowMs).taken);
    expect(taken).toEqual([true, true, true, true, true, false, false, true, false, true]);
  });

  it("says what is left, when there is room, and when all is there again", () => {
    const gcra = createGcra(RATE);
    expect(gcra.judge("a", 3, 0)).toEqual({ taken: true, remaining: 2, resetMs: 0, fullMs: 300 });
    expect(gcra.judge("a", 4, 50)).toEqual({ taken: false, remaining: 2, resetMs: 150, fullMs: 250 });
    expect(gcra.look("a", 4, 200)).toMatchObject({ taken: true });
    expect(gcra.judge("a", 4, 199)).toMatchObject({ taken: false, resetMs: 1 });
    expect(gcra.judge("a", 4, 200)).toMatchObject({ taken: true, remaining: 0 });
  });

  it("takes what is larger than a burst from a full bucket, and is paid off before anything else", () => {
    const gcra = createGcra(RATE);
    expect(gcra.judge("a", 20, 0).taken).toBe(true);
    expect(gcra.judge("a", 1, 599)).toMatchObject({ taken: false, remaining: 0, resetMs: 1001 });
    expect(gcra.judge("a", 1, 1599)).toMatchObject({ taken: false, resetMs: 1 });
    expect(gcra.judge("a", 1, 1600).taken).toBe(true);
    expect(gcra.judge("a", 20, 1700).taken).toBe(false);
  });

  it("keys without a place share one bucket, and it takes nobody's place", () => {
    const gcra = createGcra({ ...RATE, keys: 2 });
    for (const key of ["a", "b", "c"]) gcra.judge(key, 1, 0);
    expect(gcra.keys).toBe(2);
    gcra.judge("a", 5, 10_000);
    gcra.judge("d", 1, 10_000);
    expect(gcra.keys).toBe(2);
  });

  it("gives the whole burst at once, whatever interval it is made of and however late it is", () => {
    const short: unknown[] = [];
    for (const nowMs of [0, 86_400_000.5, 31_536_000_000.25])
      for (let burst = 1; burst < 400; burst++) {
        const gcra = createGcra({ perSecond: burst / 3.7, burst, keys: 1 });
        let taken = 0;
        while (gcra.judge("a", 1, nowMs).taken) taken++;
        if (taken !== burst) short.push({ nowMs, burst, taken });
      }
    expect(short).toEqual([]);
  });

  it("is another for each key", () => {
    const gcra = createGcra(RATE);
    for (let index = 0; index < 6; index++) gcra.judge("a", 1, 0);
    expect(gcra.judge("b", 5, 0).taken).toBe(true);
  });

  it("never passes a burst, one oversized cost and the rate, whatever comes when and however the clock jumps", () => {
    const step = fc.record({ cost: fc.integer({ min: 1, max: 8 }), afterMs: fc.integer({ min: -5_000, max: 2_000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const gcra = createGcra(RATE);
        gcra.judge("b", 1, 0);
        let nowMs = 0;
        let latestMs = 0;
        let taken = 0;
        for (const { cost, afterMs } of steps) {
          nowMs += afterMs;
          latestMs = Math.max(latestMs, nowMs);
          if (gcra.judge("a", cost, nowMs).taken) taken += cost;
        }
        expect(taken).toBeLessThanOrEqual(RATE.burst + 8 + (latestMs / 1000) * RATE.perSecond);
      }),
    );
  });

  it("a verdict's reset is true: one millisecond before it nothing is taken, at it all of it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 400 }),
        (first, second, waitMs) => {
          const rate = { perSecond: 7, burst: 5, keys: 10 };
          const gcra = createGcra(rate);
          gcra.judge("a", first, 0);
          const { taken, resetMs } = gcra.look("a", second, waitMs);
          expect(taken).toBe(resetMs === 0);
          expect(gcra.look("a", second, waitMs + resetMs).taken).toBe(true);
          if (resetMs > 1) expect(gcra.look("a", second, waitMs + resetMs - 1).taken).toBe(false);
        },
      ),
    );
  });

  it("takes and finds room for the same, whoever asks only for that", () => {
    const step = fc.record({ key: fc.constantFrom("a", "b", "c", "d"), cost: fc.nat(8), afterMs: fc.integer({ min: -500, max: 2_000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [judged, taken] = [createGcra({ ...RATE, keys: 3 }), createGcra({ ...RATE, keys: 3 })];
        let nowMs = 0;
        for (const { key, cost, afterMs } of steps) {
          nowMs += afterMs;
          expect(taken.fits(key, cost, nowMs)).toBe(judged.look(key, cost, nowMs).taken);
          expect(taken.take(key, cost, nowMs)).toBe(judged.judge(key, cost, nowMs).taken);
        }
      }),
    );
  });

  it("a clock that goes back gives nothing", () => {
    const gcra = createGcra(RATE);
    gcra.judge("a", 5, 1000);
    expect(gcra.judge("a", 1, -100_000).taken).toBe(false);
    expect(gcra.judge("a", 1, 1100).taken).toBe(true);
  });
});

describe("a table of rates", () => {
  it("stays within its bound, and nobody in it gets a fresh burst from somebody with many keys", () => {
    const gcra = createGcra({ ...RATE, keys: 50 });
    for (let index = 0; index < 6; index++) gcra.judge("offender", 1, 0);
    for (let index = 0; index < 10_000; index++) gcra.judge(`key ${index}`, 5, 0);
    expect(gcra.keys).toBeLessThanOrEqual(50);
    expect(gcra.judge("offender", 1, 0).taken).toBe(false);
  });

  it("gives keys without a place one burst together", () => {
    const gcra = createGcra({ ...RATE, keys: 50 });
    let taken = 0;
    for (let index = 0; index < 1000; index++) if (gcra.judge(`key ${index}`, 1, 0).taken) taken++;
    expect(taken).toBe(50 + RATE.burst);
  });

  it("forgets full buckets for new keys, and no others", () => {
    const gcra = createGcra({ ...RATE, keys: 20 });
    for (let index = 0; index < 19; index++) gcra.judge(`old ${index}`, 5, 0);
    gcra.judge("late", 5, 450);
    for (let index = 0; index < 20; index++) gcra.judge(`new ${index}`, 1, 500);
    expect(gcra.judge("late", 5, 500).taken).toBe(false);
    expect(gcra.judge("new 3", 5, 500)).toMatchObject({ taken: false, remaining: 4 });
    expect(gcra.keys).toBeLessThanOrEqual(20);
  });
});
