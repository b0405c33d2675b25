import { describe, expect, it } from "vitest";
import { createThrottle, type ThrottleLimit } from "../slowdown/throttle.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { type CallTerms, createGate } from "./gate.ts";

const FREE: ThrottleLimit = { perSecond: Number.POSITIVE_INFINITY, mostUnderWay: Number.POSITIVE_INFINITY };

/** A gate whose other side asked for something of some classes, in virtual time. */
function gateWith(limitOf: (nowMs: number, rank: number) => ThrottleLimit, { mostUnderWay = 1000, startPerSecond = 1e6 } = {}) {
  const time = createVirtualTime();
  const gate = createGate(
    { mostWaiting: 1000, ranks: 3, rate: { startPerSecond }, inFlight: { start: mostUnderWay, least: 1, most: mostUnderWay } },
    { clock: time, random: () => 0.5, throttle: createThrottle(limitOf) },
  );
  let underWay = 0;
  /** One that takes so long; says when it left, or how it was refused. */
  const ask = (
    rank: number,
    tookMs = 0,
    terms: Partial<CallTerms> = {},
    ended?: () => void,
  ): { leftMs?: number; error?: string; most?: number } => {
    const fate: { leftMs?: number; error?: string; most?: number } = {};
    const usual = { cost: { requests: 1 }, isGuess: false, isReserved: false, requester: "", deadlineMs: Number.POSITIVE_INFINITY };
    gate.enter(
      { ...usual, rank, ...terms },
      {
        leave: (pass) => {
          fate.leftMs = time.now();
          fate.most = ++underWay;
          time.wake(time.now() + tookMs, () => {
            underWay--;
            pass.settle({ kind: "answered" });
            ended?.();
          });
        },
        refuse: ({ code }) => {
          fate.error = code;
        },
      },
    );
    return fate;
  };
  /** Always has more to do. */
  const flood = (rank: number, tookMs: number): (() => number) => {
    let left = 0;
    const again = (): void => {
      ask(rank, tookMs, {}, () => {
        left++;
        again();
      });
    };
    for (let nth = 0; nth < 20; nth++) again();
    return () => left;
  };
  return { time, ask, flood };
}

describe("what was asked of one class", () => {
  it("holds no later one, and it for no longer than was asked", () => {
    const { time, ask } = gateWith((_now, rank) => (rank === 1 ? { ...FREE, perSecond: 1 / 600 } : FREE));
    const held = ask(1);
    const [later, earlier] = [ask(2), ask(0)];
    expect([held.leftMs, later.leftMs, earlier.leftMs]).toEqual([undefined, 0, 0]);
    time.run(601_000);
    expect(held.leftMs).toBe(600_000);
  });

  it("turns nobody of a later one away for those that it holds", () => {
    const { ask } = gateWith((_now, rank) => (rank === 1 ? { ...FREE, perSecond: 1 / 600 } : FREE), { startPerSecond: 10 });
    for (let nth = 0; nth < 500; nth++) ask(1);
    expect(ask(2, 0, { deadlineMs: 1 })).toMatchObject({ leftMs: 0 });
  });

  it("is one's own rate, whatever others were asked for", () => {
    const { time, flood } = gateWith((_now, rank) => ({ ...FREE, perSecond: rank === 1 ? 1 / 600 : 10 }));
    const [held, others] = [flood(1, 0), flood(2, 0)];
    time.run(601_000);
    expect(held()).toBe(1);
    expect(others()).toBeGreaterThan(5500);
  });

  it("as so many under way is done by those of that class: no others keep it from its turn", () => {
    const { time, ask, flood } = gateWith((_now, rank) => (rank === 1 ? { ...FREE, mostUnderWay: 1 } : FREE));
    const [first, second] = [ask(1, 5000), ask(1, 5000)];
    const others = flood(2, 1000);
    time.run(4900);
    expect([first.leftMs, second.leftMs]).toEqual([0, undefined]);
    expect(others()).toBe(80);
    time.run(6000);
    expect(second.leftMs).toBe(5000);
  });

  it("who is reserved and held leaves when it is over, though all that may be are under way and none ends", () => {
    const { time, ask } = gateWith((now, rank) => (rank === 0 && now < 2000 ? { ...FREE, mostUnderWay: 0 } : FREE), { mostUnderWay: 2 });
    for (let nth = 0; nth < 3; nth++) ask(1, 1_000_000);
    const reserved = ask(0, 0, { isReserved: true });
    time.run(1900);
    expect(reserved.leftMs).toBeUndefined();
    time.run(2600);
    expect(reserved.leftMs).toBeDefined();
  });
});

describe("what was asked of all classes", () => {
  it("is one rate for all of them, and the less that was asked of one is part of it", () => {
    for (const least of [1, 0.1]) {
      const { time, flood } = gateWith((_now, rank) => ({ ...FREE, perSecond: rank === 1 ? least : 1 }));
      const [one, other] = [flood(1, 0), flood(2, 0)];
      time.run(200_000);
      expect(one()).toBeLessThanOrEqual(200 * least + 1);
      expect(one() + other()).toBeLessThanOrEqual(202);
      expect(one() + other()).toBeGreaterThan(180);
    }
  });

  it("is so many under way for all of them, and the less that was asked of one is part of it", () => {
    const { time, ask } = gateWith((_now, rank) => ({ ...FREE, mostUnderWay: rank === 2 ? 1 : 3 }));
    const calls = Array.from({ length: 60 }, (_, nth) => ask(nth % 3, 1000 + nth));
    time.run(120_000);
    expect(Math.max(...calls.map(({ most }) => most ?? 0))).toBe(3);
    expect(calls.every(({ leftMs }) => leftMs !== undefined)).toBe(true);
  });
});
