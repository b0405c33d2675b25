import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Climber, createClimber } from "./climber.ts";
import { heightOf, type Step, stepAt, THRESHOLDS } from "./step.ts";

const HYSTERESIS = { margin: 0.05, calmMs: 10_000 };

function climber(): Climber {
  return createClimber(THRESHOLDS, HYSTERESIS);
}

describe("the step of a gauge", () => {
  it.each([
    [0.5, "warned"],
    [0.75, "saving"],
    [0.9, "emergency"],
  ] as const)("changes at %d and not a thousandth before", (threshold, step) => {
    const one = climber();
    expect(one.look(0, threshold - 0.001)).not.toContain(step);
    expect(one.look(1, threshold)).toEqual([step]);
  });

  it("comes to a threshold that is reached in tenths, whose sum is a little less", () => {
    let sum = 0;
    for (let nth = 0; nth < 9; nth++) sum += 0.1;
    expect(sum).toBeLessThan(0.9);
    expect(climber().look(0, sum)).toEqual(["warned", "saving", "emergency"]);
  });

  it("passes through every step in order on a jump from 45 to 95 in a hundred", () => {
    const one = climber();
    expect(one.look(0, 0.45)).toEqual([]);
    expect(one.look(1, 0.95)).toEqual(["warned", "saving", "emergency"]);
    expect(one.look(2, 0.97)).toEqual([]);
  });

  it("stays while the use hovers at a threshold, however long", () => {
    const one = climber();
    let crossings = 0;
    for (let at = 0; at < 1_000_000; at += 500) crossings += one.look(at, at % 1000 === 0 ? 0.5 : 0.46).length;
    expect(crossings).toBe(1);
  });

  it("stays a little below a threshold, and leaves it further below", () => {
    const one = climber();
    one.look(0, 0.5);
    for (let at = 1000; at < 3_600_000; at += 1000) expect(one.look(at, 0.46)).toEqual([]);
    expect([one.look(3_600_000, 0.44), one.look(3_610_000, 0.44)]).toEqual([[], ["calm"]]);
  });

  it("goes down after a calm while, through every step, as far as the highest use of that while allows", () => {
    const one = climber();
    one.look(0, 0.95);
    expect(one.look(1000, 0.1)).toEqual([]);
    expect(one.look(5000, 0.6)).toEqual([]);
    expect(one.look(10_999, 0.1)).toEqual([]);
    expect(one.look(11_000, 0.1)).toEqual(["saving", "warned"]);
    expect(one.look(12_000, 0.1)).toEqual([]);
    expect(one.look(22_000, 0.1)).toEqual(["calm"]);
  });

  it("needs two calm looks, however far apart looks are", () => {
    const one = climber();
    one.look(0, 0.95);
    expect(one.look(3_600_000, 0)).toEqual([]);
    expect(one.look(7_200_000, 0)).toEqual(["saving", "warned", "calm"]);
  });

  it("stands still while the clock goes back", () => {
    const one = climber();
    one.look(50_000, 0.95);
    expect(one.look(0, 0)).toEqual([]);
    expect(one.look(59_000, 0)).toEqual([]);
    expect(one.look(60_000, 0)).toEqual(["saving", "warned", "calm"]);
  });

  it("turns no faster than its hysteresis, passes no step by, and is never below what the use demands", () => {
    const looks = fc.array(fc.record({ afterMs: fc.nat(8000), use: fc.double({ min: 0, max: 1.5, noNaN: true }) }), { maxLength: 200 });
    fc.assert(
      fc.property(looks, (all) => {
        const one = climber();
        let [now, lastTurnMs] = [0, Number.NEGATIVE_INFINITY];
        for (const { afterMs, use } of all) {
          now += afterMs;
          const was = one.step;
          const passed = one.look(now, use);
          let before: Step = was;
          for (const step of passed) {
            expect(Math.abs(heightOf(step) - heightOf(before))).toBe(1);
            before = step;
          }
          expect(one.step).toBe(before);
          expect(heightOf(one.step)).toBeGreaterThanOrEqual(heightOf(stepAt(use, THRESHOLDS)));
          if (heightOf(one.step) < heightOf(was)) expect(now - lastTurnMs).toBeGreaterThanOrEqual(HYSTERESIS.calmMs);
          if (one.step !== was) lastTurnMs = now;
        }
      }),
    );
  });
});
