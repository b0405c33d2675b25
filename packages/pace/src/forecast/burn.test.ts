import { describe, expect, it } from "vitest";
import { seededRandom } from "../testing/draws.ts";
import { gaugeOf } from "../testing/gauges.ts";
import { type Burned, createBurn } from "./burn.ts";

const LEAD_MS = 10_000;
const STEP_MS = 500;

/** What is told after each half second, in which so many units were taken of what is held and never comes back. */
function burned(units: readonly number[]): readonly (Burned | undefined)[] {
  const burn = createBurn(LEAD_MS);
  const limit = 100_000;
  let used = 0;
  return units.map((taken, nth) => {
    used += taken;
    return burn.look(nth * STEP_MS, gaugeOf({ shape: "held", limit, used, available: limit - used }));
  });
}

function steps(count: number, units: number): readonly number[] {
  return Array.from({ length: count }, () => units);
}

describe("the burn of a gauge", () => {
  it("takes one huge step for no other load", () => {
    const all = burned([...steps(60, 1), 100, ...steps(20, 1)]);
    expect(all.flatMap((one) => one?.past ?? [])).toEqual([]);
  });

  it("does not tear a load apart that is uneven by chance", () => {
    const random = seededRandom(7);
    const uneven = Array.from({ length: 400 }, () => Math.floor(random() * 3) + Math.floor(random() * 3) + (random() < 0.2 ? 4 : 0));
    expect(burned(uneven).flatMap((one) => one?.past ?? [])).toEqual([]);
  });

  it("tells a rate of three leads at most", () => {
    const last = burned(steps(120, 5)).at(-1);
    expect(last?.spanMs).toBe(30_000);
    expect(last?.loadMs).toBeGreaterThan(50_000);
  });

  it("tells, to a step, of a load that is over how fast it was, how long, and what came after", () => {
    const [first, second] = burned([...steps(40, 1), ...steps(20, 20), ...steps(20, 1)]).flatMap((one) => one?.past ?? []);
    expect(first).toMatchObject({ isWhole: false });
    expect(second).toMatchObject({ isWhole: true, gross: expect.closeTo(39, -1), ms: 10_500, after: expect.closeTo(2, 0) });
  });

  it("knows when a load began after older steps are forgotten", () => {
    const last = burned([...steps(100, 1), ...steps(90, 20)]).at(-1);
    expect(last?.loadMs).toBe(45_500);
  });
});
