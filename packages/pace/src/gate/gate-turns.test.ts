import { describe, expect, it } from "vitest";
import { createAccount } from "../quota/account.ts";
import type { Reading } from "../quota/reading.ts";
import { gateAt, TOLD } from "../testing/gate-at.ts";

describe("an urgent call", () => {
  it("does not leave together with others right after a pause, when the service may have room for one", () => {
    const { time, enter } = gateAt();
    for (let nth = 0; nth < 5; nth++) enter().pass?.settle({ kind: "answered" });
    const batch = enter({ rank: 2 });
    time.run(10_000);
    batch.pass?.settle({ kind: "refused", waitMs: 300 });
    const urgent = Array.from({ length: 3 }, () => enter({ isUrgent: true }));
    time.run(20_000);
    const [first = 0, second = 0, third = 0] = urgent.map(({ pass }) => pass?.sentMs);
    expect(first).toBeGreaterThan(10_300);
    expect(Math.min(second - first, third - second)).toBeGreaterThan(300);
  });

  it("leaves ahead of the pace, and those behind it wait for what it took", () => {
    const { time, enter } = gateAt();
    enter().pass?.settle({ kind: "answered", readings: [{ ...TOLD, remaining: 30 }] });
    const others = Array.from({ length: 20 }, () => enter({ rank: 2 }));
    const left = (): number => others.filter(({ pass }) => pass !== undefined).length;
    const before = left();
    const urgent = enter({ isUrgent: true });
    expect(urgent.pass).toBeDefined();
    expect(enter().pass).toBeUndefined();
    time.run(300);
    expect(left()).toBe(before);
  });

  it("goes into a pause that a guess began, when something has come back, and its refusal lowers no rate", () => {
    const { time, gate, enter } = gateAt();
    for (let nth = 0; nth < 2; nth++) {
      enter().pass?.settle({ kind: "refused" });
      time.run(time.now() + (nth === 0 ? 3000 : 0));
    }
    const [rate, { pausedMs }, from] = [gate.state().perSecond, gate.state(), time.now()];
    const [first, second] = [enter({ isUrgent: true }), enter({ isUrgent: true })];
    expect([first.pass, second.pass]).toEqual([undefined, undefined]);
    time.run(from + 2000);
    expect([first.pass === undefined, second.pass === undefined]).toEqual([false, true]);
    first.pass?.settle({ kind: "refused" });
    expect(gate.state().perSecond).toBe(rate);
    expect(gate.state().pausedMs).toBe(pausedMs - 2000);
  });
});

describe("a window of which most is left", () => {
  it("lets a small batch leave at once, and a large one no further than to where it would not last", () => {
    const { time, enter } = gateAt();
    const hour: Reading = { ...TOLD, name: "hour", limit: 60, windowMs: 3_600_000, remaining: 60, resetInMs: 3_600_000, shape: "window" };
    enter().pass?.settle({ kind: "answered", readings: [hour] });
    let left = 0;
    const more = (): void => {
      const fate = enter();
      time.wake(time.now() + 10, function settled() {
        if (fate.pass === undefined) return void time.wake(time.now() + 1000, settled);
        left++;
        const readings = [{ ...hour, remaining: 59 - left, resetInMs: 3_600_000 - time.now() }];
        fate.pass.settle({ kind: "answered", readings });
        more();
      });
    };
    for (let call = 0; call < 3; call++) more();
    time.run(5000);
    expect(left).toBeGreaterThanOrEqual(14);
    expect(left).toBeLessThan(20);
    time.run(600_000);
    expect(left).toBeLessThan(40);
  });
});

describe("a large call", () => {
  const tokens: Reading = { ...TOLD, unit: "tokens", limit: 100_000, remaining: 100_000, resetInMs: 0 };

  it("follows another when the bucket is full again, though no answer came meanwhile", () => {
    const { time, enter } = gateAt();
    enter().pass?.settle({ kind: "answered", readings: [tokens] });
    const cost = { requests: 1, tokens: 80_000 };
    const [one, other] = [enter({ cost }), enter({ cost })];
    expect(one.pass).toBeDefined();
    one.pass?.settle({ kind: "answered", readings: [{ ...tokens, remaining: 20_000, resetInMs: 48_000 }] });
    time.run(47_000);
    expect(other.pass).toBeUndefined();
    time.run(49_000);
    expect(other.pass).toBeDefined();
  });

  it("keeps no urgent one waiting for the rest of what it took", () => {
    const { time, enter } = gateAt();
    enter().pass?.settle({ kind: "answered", readings: [tokens] });
    const large = enter({ cost: { requests: 1, tokens: 80_000 }, rank: 2 });
    expect(large.pass).toBeDefined();
    const cost = { requests: 1, tokens: 100 };
    const [urgent, usual] = [enter({ cost, rank: 0, isUrgent: true }), enter({ cost })];
    expect([urgent.pass === undefined, usual.pass === undefined]).toEqual([false, true]);
    const more = Array.from({ length: 50 }, () => enter({ cost: { requests: 1, tokens: 1000 }, rank: 0, isUrgent: true }));
    time.run(1000);
    expect(more.filter(({ pass }) => pass !== undefined).length).toBeLessThan(10);
  });

  it("counts for as much as it takes among those who take turns", () => {
    const { time, enter } = gateAt({ policy: [createAccount(0, tokens, "policy")] });
    const cost = (units: number) => ({ requests: 1, tokens: units });
    const fates = Array.from({ length: 40 }, (_, nth) =>
      nth < 20 ? enter({ cost: cost(20_000), requester: "large" }) : enter({ cost: cost(100), requester: "small" }),
    );
    for (let at = 200; at <= 30_000; at += 200) {
      time.run(at);
      for (const { pass } of fates) pass?.settle({ kind: "answered" });
    }
    const left = (from: number): number => fates.slice(from, from + 20).filter(({ pass }) => pass !== undefined).length;
    expect(left(20)).toBe(20);
    expect(left(0)).toBeLessThan(10);
  });
});

describe("a flood", () => {
  it("of a later class keeps nobody out of an earlier one, nor what is reserved, and of its own class it does", () => {
    const { enter } = gateAt({ mostWaiting: 10 });
    for (let nth = 0; nth < 30; nth++) enter({ rank: 2 });
    expect(enter({ rank: 2 }).error?.code).toBe("queue-full");
    expect(enter({ rank: 1 }).error).toBeUndefined();
    for (let nth = 0; nth < 30; nth++) enter({ rank: 1 });
    expect(enter({ rank: 1 }).error?.code).toBe("queue-full");
    expect(enter({ rank: 1, isReserved: true }).error).toBeUndefined();
  });

  it("of an operation that has a most does not either", () => {
    const { enter } = gateAt({ mostWaiting: 10 });
    const operation = { name: "batch", mostShare: 0.01 };
    for (let nth = 0; nth < 30; nth++) enter({ rank: 2, operation });
    expect(enter({ rank: 2 }).error?.code).toBe("queue-full");
    expect(enter({ rank: 1 }).error).toBeUndefined();
  });

  it("of one requester turns nobody else of its class away for what is not before him", () => {
    const { enter } = gateAt();
    for (let nth = 0; nth < 80; nth++) enter({ requester: "flood" });
    expect(enter({ requester: "flood", deadlineMs: 4000 }).error?.code).toBe("too-late");
    expect(enter({ requester: "other", deadlineMs: 4000 }).error).toBeUndefined();
  });
});

describe("calls that broke off", () => {
  const minute: Reading = { ...TOLD, limit: 10, remaining: 10, resetInMs: 60_000, shape: "window" };

  it("count for the owner's quota where they may have been worked on, and not where they were never sent", () => {
    for (const wasSent of [true, false]) {
      const account = createAccount(0, minute, "policy");
      const { enter } = gateAt({ policy: [account] });
      enter().pass?.settle({ kind: "withdrawn", wasSent });
      expect(account.used(0)).toBe(wasSent ? 1 : 0);
    }
  });

  it("leave no debt to those behind them", () => {
    const { enter } = gateAt();
    // So little is left that it is paced.
    const tokens: Reading = { ...TOLD, unit: "tokens", limit: 100_000, remaining: 70_000, resetInMs: 18_000 };
    enter().pass?.settle({ kind: "answered", readings: [tokens] });
    const cost = { requests: 1, tokens: 60_000 };
    enter({ cost }).pass?.settle({ kind: "withdrawn", wasSent: true });
    expect(enter({ cost: { requests: 1, tokens: 100 } }).pass).toBeDefined();
  });
});

describe("calls that are not answered", () => {
  it("close nothing: where all that may be are under way and none ends, more may be after a while", () => {
    const { time, enter } = gateAt();
    for (let nth = 0; nth < 4; nth++) enter();
    const next = enter();
    time.run(4900);
    expect(next.pass).toBeUndefined();
    time.run(6000);
    expect(next.pass).toBeDefined();
  });

  it("... but not soon of a service that said that it has too much", () => {
    const { time, enter } = gateAt();
    const calls = Array.from({ length: 4 }, () => enter());
    calls[0]?.pass?.settle({ kind: "overloaded", waitMs: 100 });
    const next = enter();
    time.run(50_000);
    expect(next.pass).toBeUndefined();
    time.run(80_000);
    expect(next.pass).toBeDefined();
  });
});

describe("a budget that is taken up by guesses of calls under way", () => {
  it("turns nobody away who has room when they end", () => {
    const account = createAccount(
      0,
      { ...TOLD, unit: "usd", limit: 1, remaining: 1, windowMs: 86_400_000, resetInMs: 86_400_000, shape: "window" },
      "policy",
    );
    const { time, enter } = gateAt({ policy: [account] });
    const cost = { requests: 1, usd: 0.4 };
    const under = [enter({ cost, isGuess: true }), enter({ cost, isGuess: true })];
    const next = enter({ cost, isGuess: true, deadlineMs: 60_000 });
    expect([next.pass, next.error]).toEqual([undefined, undefined]);
    for (const { pass } of under) pass?.settle({ kind: "answered", used: { usd: 0.01 } });
    time.run(1000);
    expect(next.pass).toBeDefined();
    next.pass?.settle({ kind: "answered", used: { usd: 0.9 } });
    expect(enter({ cost, isGuess: true, deadlineMs: 60_000 }).error?.code).toBe("too-late");
  });
});

describe("who waits and cannot leave in time any more", () => {
  it("is told so soon, and of which quota, and not at its deadline", () => {
    const day: Reading = {
      ...TOLD,
      unit: "usd",
      name: "day",
      limit: 1,
      remaining: 1,
      windowMs: 86_400_000,
      resetInMs: 86_400_000,
      shape: "window",
    };
    const { time, enter } = gateAt({ policy: [createAccount(0, day, "policy")] });
    const cost = { requests: 1, usd: 0.5 };
    const calls = Array.from({ length: 4 }, () => enter({ cost, isGuess: true, deadlineMs: 600_000 }));
    expect(calls.map(({ pass, error }) => [pass === undefined, error])).toEqual([
      [false, undefined],
      [false, undefined],
      [true, undefined],
      [true, undefined],
    ]);
    for (const { pass } of calls) pass?.settle({ kind: "answered", used: { usd: 0.5 } });
    time.run(5000);
    expect(calls[3]?.error?.code).toBe("too-late");
    expect(calls[3]?.error?.message).toMatch(/could leave in 24.0 h .* "day" of 1 usd/);
  });

  it("is kept where a rate three times as fast would let it leave", () => {
    const { time, enter } = gateAt();
    const calls = Array.from({ length: 60 }, () => enter({ deadlineMs: 40_000 }));
    calls[0]?.pass?.settle({ kind: "refused" });
    time.run(30_000);
    const ends = new Set(calls.map(({ pass, error }) => (pass === undefined ? error?.code : "left")));
    expect(ends).toEqual(new Set(["left", undefined]));
  });

  it("is not asked for the share of its operation once more, which it has taken", () => {
    const { time, enter } = gateAt({
      policy: [createAccount(0, { ...TOLD, limit: 10, remaining: 10, resetInMs: 3_600_000, shape: "window" }, "policy")],
    });
    const others = Array.from({ length: 4 }, () => enter());
    const one = enter({ deadlineMs: 120_000, operation: { name: "reindex", mostShare: 0.1 } });
    time.run(1500);
    for (const { pass } of others) pass?.settle({ kind: "answered" });
    time.run(3000);
    expect([one.error?.message, one.pass !== undefined]).toEqual([undefined, true]);
  });

  it("makes room for the next of its operation when a quota has become too small for it", () => {
    const { time, enter } = gateAt();
    const tokens = { ...TOLD, unit: "tokens", limit: 1000, remaining: 1000, resetInMs: 0 } as const;
    enter().pass?.settle({ kind: "answered", readings: [tokens] });
    const before = Array.from({ length: 4 }, () => enter());
    const operation = { name: "batch", mostShare: 0.25 };
    const large = enter({ operation, cost: { requests: 1, tokens: 900 } });
    const next = enter({ operation, cost: { requests: 1, tokens: 1 } });
    before[0]?.pass?.settle({ kind: "answered", readings: [{ ...tokens, limit: 500, remaining: 500 }] });
    time.run(4500);
    expect([large.error?.code, next.pass !== undefined]).toEqual(["quota-spent", true]);
  });
});
