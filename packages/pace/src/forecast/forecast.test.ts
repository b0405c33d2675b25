import { describe, expect, it } from "vitest";
import type { Gauge } from "../quota/gauge.ts";
import { gaugeOf } from "../testing/gauges.ts";
import { createForecaster, type Forecast, leadMsOf } from "./forecast.ts";

const WINDOW_MS = 60_000;

/** What is told at the end of so many seconds, each of which takes so many of 600 a minute. */
function told(
  perSecond: readonly number[],
  more: (second: number, used: number) => Partial<Gauge> = () => ({}),
): readonly (Forecast | undefined)[] {
  const forecaster = createForecaster();
  let used = 0;
  return perSecond.map((units, second) => {
    if (second % 60 === 0) used = 0;
    used += units;
    const usual = { limit: 600, used: Math.min(600, used), resetInMs: WINDOW_MS - (second % 60) * 1000 };
    const said = { ...usual, ...more(second, used) };
    return forecaster.look(second * 1000, gaugeOf({ ...said, available: said.available ?? said.limit - said.used }));
  });
}

function seconds(count: number, units: number): readonly number[] {
  return Array.from({ length: count }, () => units);
}

describe("a forecast", () => {
  it("says when a steady load will have used all, and by how much it will be used", () => {
    const last = told(seconds(20, 20)).at(-1);
    expect(last?.exhaustsInMs).toBeCloseTo(10_000, -1);
    expect(last?.projectedUse).toBeGreaterThan(1);
    expect(last).toMatchObject({ isWarning: true, chance: expect.closeTo(1, 1) });
  });

  it("says nothing before it saw enough, and does not warn of what lasts until the window ends", () => {
    const all = told(seconds(60, 7));
    expect(all[0]).toBeUndefined();
    expect(all.some((one) => one?.isWarning)).toBe(false);
    expect(all.at(-1)?.projectedUse).toBeLessThan(0.8);
  });

  it("takes no new window for units that came back", () => {
    const all = told(seconds(65, 7));
    expect(all.at(-1)?.perSecond).toBeCloseTo(7, 0);
  });

  it("takes one huge call for no load", () => {
    const all = told([...seconds(20, 2), 300, ...seconds(30, 2)]);
    expect(all.some((one) => one?.isWarning)).toBe(false);
  });

  it("measures a load that changed since it changed", () => {
    const all = told([...seconds(20, 20), ...seconds(6, 0)]);
    expect(all[19]?.perSecond).toBeCloseTo(20, 0);
    expect(all.at(-1)).toMatchObject({ perSecond: 0, exhaustsInMs: undefined });
  });

  it("measures a load that stays for longer than one that is new", () => {
    const uneven = Array.from({ length: 40 }, (_, nth) => (nth % 10 < 5 ? 6 : 8));
    for (const one of told(uneven).slice(30)) expect(one?.perSecond).toBeCloseTo(7, 0);
  });

  it("warns as late as is in time: what is three leads away may end before", () => {
    const all = told(seconds(60, 12));
    const warned = all.findIndex((one) => one?.isWarning);
    expect(all[warned]?.exhaustsInMs).toBeGreaterThan(10_000);
    expect(all[warned]?.exhaustsInMs).toBeLessThan(20_000);
  });

  it("is calm about a load that came before and ended in time, until it lasts longer", () => {
    const [before, load, after] = [seconds(20, 2), seconds(15, 24), seconds(25, 2)];
    const all = told([...before, ...load, ...after, ...before, ...load, ...after, ...before, ...load, ...seconds(25, 24)]);
    const warned = (from: number): boolean => all.slice(from, from + 60).some((one) => one?.isWarning);
    expect([warned(0), warned(60), warned(120)]).toEqual([true, false, true]);
  });

  it("keeps a warning over a pause of less than half a lead", () => {
    const all = told([...seconds(22, 20), ...seconds(4, 0), ...seconds(5, 20)]);
    expect(all[21]?.isWarning).toBe(true);
    expect(Math.min(...all.slice(22).map((one) => one?.chance ?? 1))).toBeLessThan(0.1);
    expect(all.slice(22).every((one) => one?.isWarning)).toBe(true);
  });

  it("ends a warning when the load is over", () => {
    const all = told([...seconds(22, 20), ...seconds(30, 0)]);
    expect(all[21]?.isWarning).toBe(true);
    expect(all.at(-1)?.isWarning).toBe(false);
  });

  it("counts what waits as what will be taken", () => {
    const waiting = told(seconds(20, 5), (second) => ({ waiting: second * 20 })).at(-1);
    expect(waiting).toMatchObject({ isWarning: true });
    expect(waiting?.exhaustsInMs).toBeLessThan(10_000);
  });

  it("takes what comes back off what is taken, of a bucket", () => {
    const held = told(seconds(30, 0), () => ({ shape: "bucket", used: 300, available: 300 })).at(-1);
    expect(held).toMatchObject({ exhaustsInMs: undefined, isWarning: false });
  });

  it("takes a limit that was cut for no load", () => {
    const all = told(seconds(30, 0), (second) => ({ shape: "bucket", used: 100, limit: second < 20 ? 600 : 400 }));
    expect(Math.max(...all.map((one) => one?.perSecond ?? 0))).toBe(0);
  });

  it("is as sure as its limit is, at most", () => {
    const last = told(seconds(20, 20), () => ({ confidence: 0.5 })).at(-1);
    expect(last?.chance).toBeCloseTo(1, 1);
    expect(last?.sure).toBeLessThanOrEqual(0.5);
  });

  it.each([
    ["NaN", { used: Number.NaN }],
    ["no end", { limit: Number.POSITIVE_INFINITY, available: Number.POSITIVE_INFINITY }],
    ["a window of nothing", { windowMs: 0 }],
    ["a window that is no number", { windowMs: Number.NaN }],
    ["a reset that is no number", { resetInMs: Number.NaN }],
    ["a reset that was", { resetInMs: -5 }],
    ["no limit", { limit: 0, used: 0, available: 0 }],
    ["a debt", { available: -50 }],
  ])("tells numbers or nothing of a gauge with %s", (_name, strange) => {
    for (const shape of ["window", "bucket", "held"] as const) {
      const last = told(seconds(30, 5), () => ({ shape, ...strange })).at(-1);
      for (const value of [last?.chance, last?.sure, last?.projectedUse, last?.perSecond]) expect(value ?? 0).not.toBeNaN();
    }
  });

  it("goes on when the clock goes back", () => {
    const forecaster = createForecaster();
    let last: Forecast | undefined;
    for (const second of [0, 5, 10, 3, 1, 12, 14]) last = forecaster.look(second * 1000, gaugeOf({ used: 10 }));
    expect(last?.chance).toBe(0);
  });

  it("comes a minute before, and of quotas of less than six minutes a sixth of them", () => {
    expect(leadMsOf({ windowMs: 60_000, shape: "window" })).toBe(10_000);
    expect(leadMsOf({ windowMs: 86_400_000, shape: "bucket" })).toBe(60_000);
    expect(leadMsOf({ windowMs: undefined, shape: "held" })).toBe(60_000);
  });
});
