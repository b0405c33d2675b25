import { describe, expect, it } from "vitest";
import { compare } from "./comparison.ts";
import { timeAtRecall, worthwhile } from "./curve.ts";

const CURVE = [
  { recall: 0.8, ms: 1 },
  { recall: 0.9, ms: 4 },
  { recall: 0.98, ms: 16 },
];

describe("time at equal recall", () => {
  it("lies between two settings, in the logarithm of time", () => {
    expect(timeAtRecall(CURVE, 0.85)?.ms).toBeCloseTo(2);
    expect(timeAtRecall(CURVE, 0.85)?.reachedBetween).toBe(true);
    expect(timeAtRecall(CURVE, 0.9)).toEqual({ ms: 4, reachedBetween: true });
    expect(timeAtRecall(CURVE, 0.94)?.ms).toBeCloseTo(8);
  });

  it("is at most that of the least setting where even that reaches more, and none where no setting does", () => {
    expect(timeAtRecall(CURVE, 0.5)).toEqual({ ms: 1, reachedBetween: false });
    expect(timeAtRecall(CURVE, 0.99)).toBeUndefined();
    expect(timeAtRecall([], 0.5)).toBeUndefined();
  });

  it("leaves out settings that another one beats", () => {
    const wasteful = [...CURVE, { recall: 0.85, ms: 5 }, { recall: 0.9, ms: 6 }];
    expect(worthwhile(wasteful.reverse())).toEqual(CURVE);
    expect(timeAtRecall(wasteful, 0.85)?.ms).toBeCloseTo(2);
  });
});

describe("systems beside each other", () => {
  const systemOf = (system: string, points: readonly (readonly [number, number])[]) => ({
    set: "s",
    system,
    ways: points.map(([recallAt10, median]) => ({
      way: String(median),
      recallAt10,
      recallAt1: 1,
      ms: { median, best: median, p99: median },
      processorMs: median,
      turns: [],
    })),
  });

  it("are measured by the fastest of ours at that recall, and by none where ours does not reach it", () => {
    const beside = compare(
      [
        systemOf("ours-4", [
          [0.9, 1],
          [0.96, 2],
        ]),
        systemOf("ours-8", [[0.97, 4]]),
        systemOf("peer", [
          [0.9, 5],
          [1, 50],
        ]),
      ],
      (system) => system.startsWith("ours"),
    );
    const peer = beside.find(({ system }) => system === "peer");
    expect(peer?.at.map(({ recall }) => recall)).toEqual([0.9, 0.95, 0.99]);
    expect(peer?.at[0]?.byOurs).toBe(5);
    expect(peer?.at[1]?.byOurs).toBeCloseTo(Math.sqrt(250) / 2 ** (5 / 6), 1);
    expect(peer?.at[2]?.byOurs).toBeUndefined();
  });
});
