import { describe, expect, it } from "vitest";
import { createProvider, type Provider, type ProviderSettings } from "./provider.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";

function served(settings: Partial<ProviderSettings>): {
  readonly service: Provider;
  readonly time: VirtualTime;
  ask(): [number, number][];
} {
  const time = createVirtualTime();
  const service = createProvider(time, () => 0.5, { burst: 1, ...settings });
  const seen: [number, number][] = [];
  return {
    service,
    time,
    ask: () => {
      service.ask(1, ({ status }) => seen.push([status, time.now()]));
      return seen;
    },
  };
}

describe("a simulated service", () => {
  it("refuses as late as it answers where its door is not said", () => {
    const { time, ask } = served({});
    ask();
    const seen = ask();
    time.run(10_000);
    expect(seen).toEqual([
      [200, 500],
      [429, 500],
    ]);
  });

  it("refuses at its door, and answers from behind it", () => {
    const { time, ask } = served({ doorMs: 20 });
    ask();
    const seen = ask();
    time.run(10_000);
    expect(seen).toEqual([
      [429, 40],
      [200, 500],
    ]);
  });

  it("has too much of everybody beyond so many under way, which takes nothing of the bucket", () => {
    const { service, time, ask } = served({ burst: 10, mostUnderWay: 2 });
    for (let nth = 0; nth < 3; nth++) ask();
    time.run(10_000);
    for (let nth = 0; nth < 2; nth++) ask();
    time.run(20_000);
    expect([service.accepted, service.overloaded, service.refused]).toEqual([2, 3, 0]);
  });

  it("is told how many it works on when it is asked how long it takes", () => {
    const counts: number[] = [];
    const { time, ask } = served({
      latencyMs: (_random, _nowMs, underWay) => {
        counts.push(underWay);
        return 100;
      },
    });
    ask();
    ask();
    time.run(1000);
    ask();
    expect(counts).toEqual([1, 2, 1]);
  });

  it("tells its levels when it does", () => {
    const { service, time } = served({ burst: 10, tells: (nowMs) => (nowMs < 1000 ? "levels" : "nothing") });
    const told: boolean[] = [];
    const ask = (): void => service.ask(1, ({ fields }) => told.push("x-ratelimit-limit-requests" in fields));
    ask();
    time.run(1000);
    ask();
    time.run(3000);
    expect(told).toEqual([true, false]);
  });
});
