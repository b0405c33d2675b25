import { describe, expect, it } from "vitest";
import type { PaceError } from "../error.ts";
import { createAccount } from "../quota/account.ts";
import { createPool } from "../quota/pool.ts";
import type { Reading } from "../quota/reading.ts";
import { gateAt, TOLD } from "../testing/gate-at.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { type CallTerms, createGate, type Pass } from "./gate.ts";
import type { Operation } from "./operations.ts";

describe("a gate", () => {
  it("turns nobody away whom a guess that is a little wrong would have kept out", () => {
    const { enter } = gateAt();
    for (let nth = 0; nth < 25; nth++) enter();
    // Five leave at once and twenty rise from one a second: 5.9 s for them, if the guess is right.
    expect(enter({ deadlineMs: 4500 }).error).toBeUndefined();
    expect(enter({ deadlineMs: 3000 }).error?.code).toBe("too-late");
  });

  it("turns nobody away a second time for a guess, but at once for what is certain", () => {
    const { time, enter } = gateAt();
    const first = enter({ deadlineMs: 60_000 });
    for (let nth = 0; nth < 95; nth++) enter();
    first.pass?.settle({ kind: "refused" });
    expect(enter({ deadlineMs: 6000 }).error?.code).toBe("too-late");
    const again = enter({ deadlineMs: 6000, isAgain: true });
    expect(again.error).toBeUndefined();
    time.run(5000);
    expect(again.pass).toBeDefined();
    again.pass?.settle({ kind: "refused", waitMs: 60_000 });
    expect(enter({ deadlineMs: 10_000, isAgain: true }).error?.code).toBe("too-late");
  });

  it("holds all but the reserved for a pause that a refusal began, and those too where the service asked for it", () => {
    const { time, enter } = gateAt();
    enter().pass?.settle({ kind: "refused" });
    const held = enter();
    expect(enter({ isReserved: true, rank: 0 }).pass).toBeDefined();
    expect(held.pass).toBeUndefined();
    time.run(10_000);
    expect(held.pass).toBeDefined();
    held.pass?.settle({ kind: "refused", waitMs: 5000 });
    const [asked, reserved] = [enter(), enter({ isReserved: true, rank: 0 })];
    time.run(14_900);
    expect([asked.pass, reserved.pass]).toEqual([undefined, undefined]);
    time.run(20_000);
    expect(asked.pass).toBeDefined();
    expect(reserved.pass).toBeDefined();
  });

  it("steers by levels no more when they are not told any more", () => {
    const { time, gate, enter } = gateAt();
    const answer = (readings: readonly Reading[]): void => {
      const { pass } = enter();
      time.run(time.now() + 5000);
      pass?.settle({ kind: "answered", readings });
    };
    answer([TOLD]);
    answer([TOLD]);
    expect(gate.state().accounts.length).toBe(1);
    for (let nth = 0; nth < 11; nth++) answer([]);
    expect(gate.state().accounts.length).toBe(0);
  });

  it("holds nothing against a level that it did not steer by", () => {
    const { time, enter } = gateAt();
    const fates: ReturnType<typeof enter>[] = [];
    for (let nth = 0; nth < 300; nth++) {
      fates.push(enter());
      time.run(time.now() + 200);
      for (const { pass } of fates) pass?.settle({ kind: "answered", readings: [{ ...TOLD, remaining: 1 }] });
      time.run(time.now() + 200);
    }
    const last = enter();
    time.run(time.now() + 1000);
    last.pass?.settle({ kind: "answered", readings: [TOLD] });
    const from = time.now();
    const next = enter();
    time.run(from + 30_000);
    expect((next.pass?.sentMs ?? Number.POSITIVE_INFINITY) - from).toBeLessThan(30_000);
  });

  it("lets a guess that is more than a whole quota wait for all of it, and refuses what is sure to be", () => {
    const { time, enter } = gateAt();
    const tokens: Reading = { ...TOLD, unit: "tokens", limit: 100, remaining: 40 };
    enter().pass?.settle({ kind: "answered", readings: [tokens] });
    const cost = { requests: 1, tokens: 500 };
    expect(enter({ cost }).error?.code).toBe("quota-spent");
    expect(enter({ cost, isGuess: true, sure: { tokens: 500 } }).error?.code).toBe("quota-spent");
    const guess = enter({ cost, isGuess: true, sure: { requests: 1 } });
    expect(guess.pass).toBeUndefined();
    time.run(40_000);
    expect(guess.pass).toBeDefined();
  });

  it("takes a guess for no more than a whole quota, and gives back to quota and pace what it did not use", () => {
    const { time, gate, enter } = gateAt();
    const tokens: Reading = { ...TOLD, unit: "tokens", limit: 60_000, remaining: 60_000 };
    enter().pass?.settle({ kind: "answered", readings: [tokens] });
    const cost = { requests: 1, tokens: 1e9 };
    const [huge, next] = [enter({ cost, isGuess: true }), enter({ cost, isGuess: true })];
    expect([huge.pass === undefined, next.pass === undefined]).toEqual([false, true]);
    expect(gate.waiting("tokens")).toBe(60_000);
    const small = enter({ cost: { requests: 1, tokens: 100 }, rank: 0, deadlineMs: 100_000 });
    expect(small.error).toBeUndefined();
    huge.pass?.settle({ kind: "answered", readings: [{ ...tokens, remaining: 59_900 }] });
    huge.pass?.used({ tokens: 100 });
    time.run(time.now() + 1000);
    expect([small.pass === undefined, next.pass === undefined]).toEqual([false, false]);
  });

  it("waits no longer after a refusal than the service asked, where it did", () => {
    const { time, enter } = gateAt();
    enter().pass?.settle({ kind: "refused", waitMs: 20 });
    const [soon] = [enter(), time.run(19)];
    expect(soon.pass).toBeUndefined();
    time.run(20);
    expect(soon.pass).toBeDefined();
    soon.pass?.settle({ kind: "refused", waitMs: 0 });
    const next = enter();
    time.run(120);
    expect(next.pass).toBeUndefined();
  });

  it("goes on from what was let in where levels turn out to be lies", () => {
    const { time, gate, enter } = gateAt();
    const full = { ...TOLD, remaining: 600 };
    enter().pass?.settle({ kind: "answered", readings: [full] });
    for (let nth = 0; gate.gauges("")[0]?.confidence !== 0.05; nth++) {
      expect(nth).toBeLessThan(60);
      const fate = enter();
      time.run(time.now() + 100);
      fate.pass?.settle({ kind: nth % 20 === 19 ? "refused" : "answered", readings: [full] });
      if (nth % 20 === 19) time.run(time.now() + 1000);
    }
    enter();
    expect(gate.state().perSecond).toBeGreaterThan(4);
  });

  it("lets nothing leave whose quota is spent, however much room there is otherwise", () => {
    const { time, enter } = gateAt();
    enter().pass?.settle({ kind: "answered", readings: [{ ...TOLD, remaining: 0, resetInMs: 30_000, shape: "window" }] });
    const next = enter({ deadlineMs: 100_000 });
    expect(enter({ deadlineMs: 29_000 }).error).toMatchObject({ code: "too-late", availableInMs: 30_100 });
    time.run(29_000);
    expect(next.pass).toBeUndefined();
    time.run(35_000);
    expect(next.pass).toBeDefined();
  });

  it("does not take those before a call for as large as it is", () => {
    const { enter } = gateAt();
    const tokens: Reading = { ...TOLD, unit: "tokens", limit: 100_000, remaining: 90_000 };
    enter().pass?.settle({ kind: "answered", readings: [TOLD, tokens] });
    for (let nth = 0; nth < 90; nth++) enter({ cost: { requests: 1, tokens: 100 } });
    // Nine thousand tokens wait, and a hundred thousand come back within a minute.
    expect(enter({ cost: { requests: 1, tokens: 20_000 }, deadlineMs: 120_000 }).error).toBeUndefined();
    expect(enter({ cost: { requests: 1, tokens: 20_000 }, deadlineMs: 1000 }).error?.code).toBe("too-late");
  });

  it("lets one call see every ten minutes whether a level is still what was told", () => {
    const { time, enter } = gateAt();
    const day: Reading = { ...TOLD, name: "day", remaining: 0, windowMs: 86_400_000, resetInMs: 80_000_000, shape: "window" };
    enter().pass?.settle({ kind: "answered", readings: [day] });
    const soon = (): Partial<CallTerms> => ({ deadlineMs: time.now() + 120_000 });
    time.run(599_000);
    expect(enter(soon()).error?.code).toBe("too-late");
    time.run(601_000);
    const [first, second] = [enter(soon()), enter(soon())];
    expect([first.pass === undefined, second.error?.code]).toEqual([false, "too-late"]);
    first.pass?.settle({ kind: "refused", readings: [{ ...day, resetInMs: 79_400_000 }] });
    time.run(900_000);
    expect(enter(soon()).error?.code).toBe("too-late");
    time.run(1_300_000);
    // It was raised.
    enter(soon()).pass?.settle({ kind: "answered", readings: [{ ...day, limit: 600_000, remaining: 540_000, resetInMs: 78_700_000 }] });
    const next = enter(soon());
    time.run(1_330_000);
    expect(next.pass).toBeDefined();
  });

  it("refuses one more than may wait", () => {
    const { enter } = gateAt();
    enter().pass?.settle({ kind: "refused", waitMs: 60_000 });
    const all = Array.from({ length: 101 }, () => enter());
    expect(all.map(({ error }) => error?.code).filter((code) => code !== undefined)).toEqual(["queue-full"]);
  });

  it("settles a call once, whatever is said of it later", () => {
    const { gate, enter } = gateAt();
    const { pass } = enter();
    for (let nth = 0; nth < 3; nth++) pass?.settle({ kind: "answered" });
    expect(gate.state().underWay).toBe(0);
  });
});

describe("one operation that wants everything", () => {
  const flood = { name: "reindex", mostShare: 0.5 };

  it("has half of the calls under way, and the others go past it", () => {
    const { gate, enter } = gateAt();
    const most = gate.state().mostUnderWay;
    enter().pass?.settle({ kind: "answered", readings: [TOLD] });
    for (let call = 0; call < 50; call++) enter({ operation: flood, rank: 0 });
    expect(gate.state().underWay).toBeLessThanOrEqual(most / 2);
  });

  it("has its share of a quota in a window, and no more", () => {
    const time = createVirtualTime();
    const day: Reading = { ...TOLD, name: "day", limit: 100, windowMs: 86_400_000, remaining: 100, resetInMs: 86_400_000, shape: "window" };
    const gate = createGate({ mostWaiting: 1000, ranks: 2, policy: [createAccount(0, day, "policy")] }, { clock: time, random: () => 0.5 });
    let [mine, others] = [0, 0];
    const terms = {
      cost: { requests: 1 },
      isGuess: false,
      rank: 0,
      isReserved: false,
      requester: "",
      deadlineMs: Number.POSITIVE_INFINITY,
    };
    const enter = (operation: Operation | undefined, left: () => void): void =>
      void gate.enter(
        { ...terms, operation },
        {
          leave: (pass) => {
            left();
            time.wake(time.now() + 10, () => pass.settle({ kind: "answered" }));
          },
          refuse: () => undefined,
        },
      );
    for (let call = 0; call < 200; call++) enter(flood, () => mine++);
    time.run(3_600_000);
    expect(mine).toBe(50);
    for (let call = 0; call < 40; call++) enter(undefined, () => others++);
    time.run(7_200_000);
    expect([mine, others]).toEqual([50, 40]);
    time.run(90_000_000);
    expect(mine).toBe(100);
  });

  it.each(["enters", "settles"])("leaves at once where there is room, though somebody %s while another leaves", (does) => {
    const { time, gate } = gateAt();
    const terms = { cost: {}, isGuess: false, rank: 0, isReserved: false, requester: "", deadlineMs: Number.POSITIVE_INFINITY };
    const refuse = (error: Error): never => {
      throw error;
    };
    const alone = { ...terms, operation: { name: "one", mostShare: 0.1 } };
    let before: Pass | undefined;
    let hasLeft = false;
    const enter = (): void =>
      void gate.enter(alone, {
        leave: () => {
          hasLeft = true;
        },
        refuse,
      });
    if (does === "settles") {
      gate.enter(alone, {
        leave: (pass) => {
          before = pass;
        },
        refuse,
      });
      enter();
      time.run(60_000);
      expect(hasLeft).toBe(false);
    }
    gate.enter(terms, { leave: () => (does === "enters" ? enter() : before?.settle({ kind: "withdrawn" })), refuse });
    expect(hasLeft).toBe(true);
  });

  it("gives back what calls had that were taken out of the line", () => {
    const { time, gate, enter } = gateAt();
    enter().pass?.settle({ kind: "refused", waitMs: 10_000 });
    const late = Array.from({ length: 20 }, () => enter({ operation: flood, deadlineMs: 11_000 }));
    time.run(400_000);
    expect(late.every(({ pass, error }) => pass !== undefined || error !== undefined)).toBe(true);
    for (const { pass } of late) pass?.settle({ kind: "answered" });
    const again = enter({ operation: flood });
    time.run(500_000);
    expect(again.pass).toBeDefined();
    expect(gate.state().waiting).toBe(0);
  });
});

describe("room for reserved classes", () => {
  it("is kept in a window for as many as will come until it ends, once one came", () => {
    const time = createVirtualTime();
    const hour: Reading = { ...TOLD, name: "hour", limit: 100, windowMs: 3_600_000, remaining: 100, resetInMs: 3_600_000, shape: "window" };
    const gate = createGate(
      { mostWaiting: 1000, ranks: 2, policy: [createAccount(0, hour, "policy")] },
      { clock: time, random: () => 0.5 },
    );
    const beats: number[] = [];
    const terms = { cost: { requests: 1 }, isGuess: false, requester: "", deadlineMs: Number.POSITIVE_INFINITY };
    const enter = (isReserved: boolean, left: () => void): void =>
      void gate.enter(
        { ...terms, isReserved, rank: isReserved ? 0 : 1 },
        {
          leave: (pass) => {
            left();
            pass.settle({ kind: "answered" });
          },
          refuse: () => undefined,
        },
      );
    for (let minute = 0; minute < 60; minute += 2) time.wake(minute * 60_000, () => enter(true, () => beats.push(time.now())));
    time.wake(150_000, () => {
      for (let call = 0; call < 500; call++) enter(false, () => undefined);
    });
    time.run(3_599_000);
    expect(beats).toEqual(Array.from({ length: 30 }, (_, nth) => nth * 120_000));
  });
});

describe("a reserved class that is not the first", () => {
  it("leaves at once behind those who wait for the pace, or for answers", () => {
    const { time, gate, enter } = gateAt({ inFlight: { start: 4, least: 1, most: 4 } });
    const first = enter({ rank: 0 });
    enter({ rank: 0 });
    const paced = Array.from({ length: 20 }, () => enter({ rank: 0 }));
    expect(paced.at(-1)?.pass).toBeUndefined();
    expect(enter({ rank: 1, isReserved: true }).pass).toBeDefined();
    time.run(30_000);
    for (let nth = 0; nth < 60; nth++) enter({ rank: 0 });
    time.run(60_000);
    const { underWay, mostUnderWay } = gate.state();
    expect(underWay).toBeGreaterThanOrEqual(mostUnderWay);
    expect(enter({ rank: 1, isReserved: true }).pass).toBeDefined();
    // A pause that was asked for holds it too, and when that is over it is looked after though nothing else may leave.
    first.pass?.settle({ kind: "overloaded", waitMs: 5000 });
    const held = enter({ rank: 1, isReserved: true });
    expect(held.pass).toBeUndefined();
    time.run(66_000);
    expect(held.pass).toBeDefined();
  });
});

describe("calls of reserved classes that never end", () => {
  it.each([
    ["whose levels are told", [{ ...TOLD, limit: 900, remaining: 800 }]],
    ["that tells nothing", []],
  ])("leave others what there is besides, at a service %s", (_what, readings) => {
    const { time, gate, enter } = gateAt();
    // One that was refused, so that the rate does not rise.
    enter().pass?.settle({ kind: "refused", readings });
    const beat = (): void => {
      const { pass } = enter({ rank: 0, isReserved: true });
      time.wake(time.now() + 50, () => pass?.settle({ kind: "answered", readings }));
    };
    for (let atMs = 0; atMs < 400_000; atMs += 100) time.wake(atMs, beat);
    time.run(300_000);
    const next = enter({ deadlineMs: 400_000 });
    time.run(400_000);
    expect(next.pass).toBeDefined();
    expect(gate.state().waiting).toBe(0);
  });
});

describe("a pause that the service asks for", () => {
  it("ends at once the waiting of those who would be late then, and tells them when", () => {
    const { time, enter } = gateAt();
    const first = enter();
    for (let call = 0; call < 4; call++) enter();
    const [soon, patient] = [enter({ deadlineMs: 60_000 }), enter({ deadlineMs: 4 * 86_400_000 })];
    first.pass?.settle({ kind: "refused", waitMs: 3 * 86_400_000 });
    expect(soon.error?.code).toBe("too-late");
    expect(soon.error?.availableInMs).toBe(3 * 86_400_000);
    expect(patient.error).toBeUndefined();
    time.run(3 * 86_400_000 + 60_000);
    expect(patient.pass).toBeDefined();
  });
});

describe("what the process has of its own", () => {
  it("holds a call until as much is given back, and those of reserved classes never", () => {
    const time = createVirtualTime();
    let measured = 0;
    const pool = createPool([{ unit: "memory-bytes", limit: 100 }], () => ({ "memory-bytes": measured }));
    const gate = createGate({ mostWaiting: 100, ranks: 2 }, { clock: time, random: () => 0.5, pool });
    const enter = (units: number, isReserved = false): { pass: Pass | undefined; error: PaceError | undefined } => {
      const fate: { pass: Pass | undefined; error: PaceError | undefined } = { pass: undefined, error: undefined };
      const cost = { requests: 1, "memory-bytes": units };
      gate.enter(
        { cost, isGuess: false, rank: isReserved ? 0 : 1, isReserved, requester: "", deadlineMs: Number.POSITIVE_INFINITY },
        {
          leave: (pass) => {
            fate.pass = pass;
          },
          refuse: (error) => {
            fate.error = error;
          },
        },
      );
      return fate;
    };
    const [first, second] = [enter(70), enter(40)];
    expect([first.pass === undefined, second.pass === undefined]).toEqual([false, true]);
    expect(enter(10, true).pass).toBeDefined();
    expect(enter(101).error?.code).toBe("quota-spent");
    first.pass?.settle({ kind: "answered" });
    expect(second.pass).toBeDefined();
    measured = 100;
    const third = enter(1);
    time.run(5000);
    expect(third.pass).toBeUndefined();
    measured = 20;
    time.run(6000);
    expect(third.pass).toBeDefined();
  });
});
