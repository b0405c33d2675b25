import { describe, expect, it } from "vitest";
import { createPace, type Pace } from "../pace.ts";
import type { PacePolicy } from "../policy.ts";
import { seededRandom } from "../testing/draws.ts";
import { createProvider, type ProviderSettings } from "../testing/provider.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createOverview } from "./overview.ts";

const ORIGIN = "https://api.example.com";

function looked(settings: Partial<ProviderSettings> = {}, policy: PacePolicy = {}) {
  const time = createVirtualTime();
  const overview = createOverview([ORIGIN], time);
  const provider = createProvider(time, seededRandom(3), settings);
  const pace: Pace = createPace(policy, { clock: time, random: seededRandom(7), fetch: provider.fetch, watch: overview.watch });
  overview.follow(pace);
  const call = (count: number): void => {
    for (let nth = 0; nth < count; nth++) pace.fetch(ORIGIN).catch(() => undefined);
  };
  return { time, overview, pace, call, provider };
}

describe("an overview", () => {
  it("counts how calls ended", async () => {
    const { time, overview, pace, call, provider } = looked({ perSecond: () => 2, burst: 2 });
    call(40);
    await time.runSettled(15_000);
    const [partition] = overview.snapshot().partitions;
    expect(partition?.totals).toMatchObject({ refused: provider.refused, overloaded: 0, withdrawn: 0, turnedAway: 0 });
    expect(partition?.totals.answered).toBeGreaterThan(5);
    expect(provider.refused).toBeGreaterThan(0);
    pace.close();
    overview[Symbol.dispose]();
  });

  it("tells when a window will be gone, before it is", async () => {
    const { time, overview, pace } = looked(
      { perSecond: () => 100, burst: 100 },
      { quotas: { [ORIGIN]: [{ limit: 100, windowMs: 600_000, shape: "window" }] } },
    );
    for (let second = 1; second < 60; second++) time.wake(second * 1000, () => void pace.fetch(ORIGIN).catch(() => undefined));
    await time.runSettled(50_000);
    const runsOutInMs = overview.snapshot().shared[0]?.quotas[0]?.runsOutInMs;
    // Half of it went in fifty seconds.
    expect(runsOutInMs).toBeGreaterThan(40_000);
    expect(runsOutInMs).toBeLessThan(60_000);
    pace.close();
    overview[Symbol.dispose]();
  });

  it("tells of no end where what is left grows, or is whole again before", async () => {
    const { time, overview, pace, call } = looked({ tells: "levels", perSecond: () => 10, burst: 100 });
    call(5);
    await time.runSettled(30_000);
    expect(overview.snapshot().partitions[0]?.quotas[0]?.runsOutInMs).toBeUndefined();
    pace.close();
    overview[Symbol.dispose]();
  });

  it("looks no more when it is over", async () => {
    const { time, overview } = looked();
    overview[Symbol.dispose]();
    let looks = 0;
    const gauges = (): [] => {
      looks++;
      return [];
    };
    overview.follow({ state: () => new Map(), gauges });
    overview[Symbol.dispose]();
    await time.runSettled(10_000);
    expect(looks).toBe(1);
  });

  it("can be written as JSON and keeps one order", async () => {
    const { time, overview, pace } = looked();
    for (const model of ["b", "a", "c"])
      void pace.fetch(ORIGIN, { method: "POST", body: JSON.stringify({ model }) }).catch(() => undefined);
    await time.runSettled(3000);
    const names = (): readonly string[] => overview.snapshot().partitions.map(({ name }) => name);
    expect(names()).toEqual(["a", "b", "c"].map((model) => `${ORIGIN} ${model}`));
    void pace.fetch(ORIGIN, { method: "POST", body: '{"model":"a"}' });
    expect(names()).toEqual(["a", "b", "c"].map((model) => `${ORIGIN} ${model}`));
    expect(() => JSON.stringify(overview.snapshot())).not.toThrow();
    pace.close();
    overview[Symbol.dispose]();
  });
});
