import { describe, expect, it } from "vitest";
import type { Clock } from "../host/clock.ts";
import { createMemoryRights } from "../rights/rights-store.ts";
import { type BacklogOptions, type BacklogResult, playBacklog } from "./backlog.ts";
import { TRACES } from "./traces.ts";

function played(options: Omit<BacklogOptions, "seed" | "share">): BacklogResult {
  return playBacklog({ ...options, seed: 1, share: (clock: Clock) => createMemoryRights(clock) });
}

describe("gates that share a limit by agreement get through what the service lets in, in like shares", () => {
  it.each([
    ["one that tells its levels, three of them", { trace: TRACES.step, instances: 3, provider: { tells: "levels" } }, 0.99, 0.001],
    ["the same, eight", { trace: TRACES.step, instances: 8, provider: { tells: "levels" } }, 0.99, 0.001],
    ["one that tells nothing, three", { trace: TRACES.step, instances: 3 }, 0.965, 0.025],
    ["the same, eight", { trace: TRACES.step, instances: 8 }, 0.96, 0.03],
    ["one that falls to a tenth and rises again, three", { trace: TRACES.collapse, instances: 3 }, 0.95, 0.03],
    [
      "a bucket of five calls that tells its levels, three",
      { trace: TRACES.step, instances: 3, provider: { tells: "levels", burst: 5 } },
      0.975,
      0.005,
    ],
  ] as const)("%s", (_name, options, goodput, refusals) => {
    const result = played(options);
    expect(result.goodput).toBeGreaterThanOrEqual(goodput);
    expect(result.refusalsPerSuccess).toBeLessThanOrEqual(refusals);
    expect(result.fairness).toBeGreaterThan(0.99);
  });
});
