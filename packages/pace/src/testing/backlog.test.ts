import { describe, expect, it } from "vitest";
import { type BacklogOptions, type BacklogResult, playBacklog } from "./backlog.ts";
import { TRACES } from "./traces.ts";

const SEEDS = [1, 2, 3];

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[numbers.length >> 1] as number;
}

function played(options: Omit<BacklogOptions, "seed">): BacklogResult {
  const all = SEEDS.map((seed) => playBacklog({ ...options, seed }));
  return {
    goodput: median(all.map(({ goodput }) => goodput)),
    refusalsPerSuccess: median(all.map(({ refusalsPerSuccess }) => refusalsPerSuccess)),
    fairness: median(all.map(({ fairness }) => fairness)),
  };
}

describe("a backlog that never ends gets through what the service lets in", () => {
  it.each([
    ["one that tells its levels, and moves them", { trace: TRACES.step, instances: 1, provider: { tells: "levels" } }, 0.985, 0.01],
    ["the same, shared by three", { trace: TRACES.step, instances: 3, provider: { tells: "levels" } }, 0.975, 0.02],
    ["the same, shared by eight", { trace: TRACES.step, instances: 8, provider: { tells: "levels" } }, 0.975, 0.02],
    ["the same, falling to a tenth and rising again", { trace: TRACES.collapse, instances: 8, provider: { tells: "levels" } }, 0.985, 0.02],
    ["one that tells nothing", { trace: TRACES.step, instances: 1 }, 0.97, 0.1],
    ["the same, shared by three", { trace: TRACES.step, instances: 3 }, 0.95, 0.1],
    ["one that falls to a tenth and rises again", { trace: TRACES.collapse, instances: 3 }, 0.93, 0.15],
    ["one that does not charge what it refuses", { trace: TRACES.step, instances: 3, provider: { charge: 0 } }, 0.95, 0.15],
    ["one with a bucket of ten minutes' worth", { trace: TRACES.step, instances: 1, provider: { burst: 600 } }, 0.95, 0.1],
    ["one that says when to come again", { trace: TRACES.step, instances: 3, provider: { tells: "retry-after" } }, 0.9, 0.15],
    ["one that lies about its levels", { trace: TRACES.step, instances: 3, provider: { tells: "lies" } }, 0.9, 0.15],
  ] as const)("%s", (_name, options, goodput, refusals) => {
    const result = played(options);
    expect(result.goodput).toBeGreaterThanOrEqual(goodput);
    expect(result.refusalsPerSuccess).toBeLessThanOrEqual(refusals);
    expect(result.fairness).toBeGreaterThan(0.9);
  });
});

describe("when the trouble is over it is over", () => {
  it.each([1, 3, 8])("%d are back at 95 in 100 a minute after a fall to a tenth, whatever the seed", (instances) => {
    const from = TRACES.collapse.calmFromMs + 60_000;
    for (let seed = 1; seed <= 10; seed++)
      expect(
        playBacklog({ trace: TRACES.collapse, instances, seed, countFromMs: from, countToMs: from + 60_000 }).goodput,
        `seed ${seed}`,
      ).toBeGreaterThanOrEqual(0.95);
  });
});
