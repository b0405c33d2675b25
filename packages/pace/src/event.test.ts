import { describe, expect, it } from "vitest";
import type { PaceEvent } from "./event.ts";
import { createPace, type Fetch, type Pace } from "./pace.ts";
import type { PacePolicy } from "./policy.ts";
import { seededRandom } from "./testing/draws.ts";
import { createProvider, type ProviderSettings } from "./testing/provider.ts";
import { createVirtualTime, type VirtualTime } from "./testing/virtual-time.ts";

const ORIGIN = "https://api.example.com";
const URL_OF_IT = `${ORIGIN}/v1/things`;

interface Watched {
  readonly time: VirtualTime;
  readonly pace: Pace;
  readonly events: readonly PaceEvent[];
  kinds(): string;
}

function watched(policy: PacePolicy, fetch: (time: VirtualTime) => Fetch): Watched {
  const time = createVirtualTime();
  const events: PaceEvent[] = [];
  const watch = (event: PaceEvent): void => void events.push(event);
  const pace = createPace(policy, { clock: time, random: seededRandom(7), fetch: fetch(time), watch });
  return { time, pace, events, kinds: () => events.map(({ kind }) => kind).join(" ") };
}

function provided(settings: Partial<ProviderSettings> = {}): (time: VirtualTime) => Fetch {
  return (time) => createProvider(time, seededRandom(3), settings).fetch;
}

function answering(...answers: readonly (() => Response)[]): () => Fetch {
  let nth = 0;
  return () => async () => (answers[nth++] ?? (() => new Response("{}")))();
}

describe("what a pace tells of", () => {
  it("is each call's leaving and its answer, by the names of its quota and its class", async () => {
    const { time, pace, events } = watched({}, provided());
    void pace.with({ class: "interactive" }).fetch(URL_OF_IT);
    await time.runSettled(2000);
    const of = { partition: ORIGIN, class: "interactive" };
    expect(events).toEqual([
      { ...of, kind: "left", nth: 1, waitedMs: 0 },
      { ...of, kind: "answered", tookMs: expect.any(Number) },
    ]);
    expect((events[1] as { tookMs: number }).tookMs).toBeGreaterThanOrEqual(250);
  });

  it("is how long an attempt waited for its turn, not the one before it", async () => {
    const refusal = (): Response => new Response("", { status: 429, headers: { "retry-after": "3" } });
    const { time, pace, events } = watched({}, answering(refusal));
    void pace.fetch(URL_OF_IT);
    await time.runSettled(10_000);
    expect(events).toMatchObject([
      { kind: "left", nth: 1, waitedMs: 0 },
      { kind: "refused", waitMs: 3000 },
      { kind: "left", nth: 2, waitedMs: 3000 },
      { kind: "answered" },
    ]);
  });

  it("is that a call did not leave, and why", async () => {
    const { time, pace, events } = watched({ quotas: { [ORIGIN]: [{ limit: 1, windowMs: 60_000 }] } }, provided());
    void pace.fetch(URL_OF_IT);
    await time.runSettled(1000);
    await pace
      .with({ deadlineMs: 5000 })
      .fetch(URL_OF_IT)
      .catch(() => undefined);
    expect(events.at(-1)).toEqual({ partition: ORIGIN, class: "normal", kind: "turned-away", code: "too-late" });
  });

  it("is that a call ended without an answer", async () => {
    const broken: Fetch = async () => {
      throw new TypeError("fetch failed");
    };
    const { time, pace, kinds } = watched({}, () => broken);
    void pace.fetch(URL_OF_IT).catch(() => undefined);
    await time.runSettled(1000);
    expect(kinds()).toBe("left withdrawn");
  });

  it("is the breaker's opening, its half opening when a call goes to see, and its closing", async () => {
    const refusal = (): Response => new Response("", { status: 429, headers: { "retry-after": "1" } });
    const { time, pace, events } = watched({}, answering(refusal, refusal, refusal));
    void pace.fetch(URL_OF_IT);
    await time.runSettled(60_000);
    const states = events.flatMap((event) => (event.kind === "breaker" ? [`${event.partition} ${event.state}`] : []));
    expect(states).toEqual([`${ORIGIN} open`, `${ORIGIN} half-open`, `${ORIGIN} closed`]);
  });

  it("counts as many that left as were answered, refused, overloaded and withdrawn, when all is over", async () => {
    const { time, pace, events } = watched({}, provided({ perSecond: () => 5, burst: 3 }));
    for (let nth = 0; nth < 200; nth++) void pace.fetch(URL_OF_IT).catch(() => undefined);
    await time.runSettled(300_000);
    const count = (...kinds: readonly string[]): number => events.filter(({ kind }) => kinds.includes(kind)).length;
    expect(count("left")).toBeGreaterThanOrEqual(200);
    expect(count("answered", "refused", "overloaded", "withdrawn")).toBe(count("left"));
  });

  it("harms no call where whoever looks on throws", async () => {
    const time = createVirtualTime();
    const watch = (): never => {
      throw new RangeError("a fault of the watcher's");
    };
    const pace = createPace({}, { clock: time, random: seededRandom(7), fetch: provided()(time), watch });
    const answer = pace.fetch(URL_OF_IT);
    await time.runSettled(2000);
    expect((await answer).status).toBe(200);
    expect(pace.state().get(ORIGIN)?.underWay).toBe(0);
  });
});

describe("gauges", () => {
  it("are the quotas that a service told of, with what waits for them", async () => {
    const { time, pace } = watched({}, provided({ tells: "levels", perSecond: () => 1, burst: 10 }));
    for (let nth = 0; nth < 40; nth++)
      pace
        .with({ deadlineMs: 600_000 })
        .fetch(URL_OF_IT)
        .catch(() => undefined);
    await time.runSettled(3000);
    const [gauge] = pace.gauges();
    expect(gauge).toMatchObject({ partition: ORIGIN, unit: "requests", limit: 60, windowMs: 60_000, shape: "bucket", source: "header" });
    expect(gauge?.confidence).toBeGreaterThan(0.9);
    expect(gauge?.waiting).toBe(pace.state().get(ORIGIN)?.waiting);
    expect(gauge?.waiting).toBeGreaterThan(10);
    // All that lacks, which is more than its calls took: the service began with ten.
    expect(gauge?.used).toBeCloseTo(60 - (gauge?.available ?? 0));
    pace.close();
    expect(pace.gauges()[0]?.waiting).toBe(0);
  });

  it("are those of the owner's policy, believed wholly", async () => {
    const { time, pace } = watched({ quotas: { [ORIGIN]: [{ limit: 30, windowMs: 60_000, shape: "window" }] } }, provided());
    void pace.fetch(URL_OF_IT);
    await time.runSettled(1000);
    expect(pace.gauges().filter(({ source }) => source === "policy")).toMatchObject([
      { partition: ORIGIN, limit: 30, used: 1, available: 29, source: "policy", confidence: 1, shape: "window", resetInMs: 59_000 },
    ]);
  });

  it("tell what was found by trying where nothing is told, and that it is no more than that", async () => {
    const { time, pace } = watched({}, provided({ perSecond: () => 1, burst: 2 }));
    for (let nth = 0; nth < 60; nth++) pace.fetch(URL_OF_IT).catch(() => undefined);
    expect(pace.gauges()).toMatchObject([{ source: "assumed", name: "found by trying", confidence: 0.1 }]);
    await time.runSettled(60_000);
    const [gauge] = pace.gauges();
    expect(gauge).toMatchObject({ source: "learned", unit: "requests", windowMs: 60_000 });
    expect(gauge?.limit).toBeGreaterThan(30);
    expect(gauge?.limit).toBeLessThan(120);
    expect(gauge?.confidence).toBeGreaterThanOrEqual(0.5);
    pace.close();
  });

  it("are hardly believed where refusals spoke against them", async () => {
    const { time, pace } = watched({}, provided({ tells: "lies", perSecond: () => 1, burst: 2 }));
    for (let nth = 0; nth < 60; nth++) pace.fetch(URL_OF_IT).catch(() => undefined);
    await time.runSettled(60_000);
    expect(pace.gauges()[0]?.confidence).toBeLessThan(0.1);
    pace.close();
  });

  it("wait for nothing when nobody does, however calls came to leave the line", async () => {
    const { time, pace } = watched({ quotas: { [ORIGIN]: [{ limit: 5, windowMs: 60_000 }] } }, provided());
    const controller = new AbortController();
    for (let nth = 0; nth < 30; nth++)
      pace
        .with({ deadlineMs: nth % 3 === 0 ? 15_000 : 70_000 })
        .fetch(URL_OF_IT, nth % 2 === 0 ? { signal: controller.signal } : {})
        .catch(() => undefined);
    await time.runSettled(1000);
    expect(pace.gauges()[0]?.waiting).toBeGreaterThan(0);
    expect(pace.gauges()[0]?.waiting).toBe(pace.state().get(ORIGIN)?.waiting);
    controller.abort();
    await time.runSettled(30_000);
    expect(pace.gauges()[0]?.waiting).toBe(pace.state().get(ORIGIN)?.waiting);
    await time.runSettled(200_000);
    expect(pace.gauges()[0]?.waiting).toBe(0);
  });
});
