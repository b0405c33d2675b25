import { describe, expect, it } from "vitest";
import type { PaceError } from "../error.ts";
import type { Cost, Reading } from "../quota/reading.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { type CallTerms, createGate, type Pass } from "./gate.ts";

const TOLD: Reading = {
  unit: "requests",
  name: "minute",
  limit: 600,
  windowMs: 60_000,
  remaining: 300,
  resetInMs: 30_000,
  shape: "bucket",
};

function gateAt() {
  const time = createVirtualTime();
  const gate = createGate({ mostWaiting: 100, ranks: 3 }, { clock: time, random: () => 0.5 });
  /** What became of a call so far. */
  const enter = (terms: Partial<CallTerms> = {}): { pass: Pass | undefined; error: PaceError | undefined } => {
    const fate: { pass: Pass | undefined; error: PaceError | undefined } = { pass: undefined, error: undefined };
    const cost: Cost = { requests: 1 };
    const usual = { cost, isGuess: false, rank: 1, isReserved: false, requester: "", deadlineMs: Number.POSITIVE_INFINITY };
    gate.enter(
      { ...usual, ...terms },
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
  return { time, gate, enter };
}

describe("a gate", () => {
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
    for (let nth = 0; nth < 300; nth++) {
      const { pass } = enter();
      time.run(time.now() + 200);
      pass?.settle({ kind: "answered", readings: [{ ...TOLD, remaining: 1 }] });
      time.run(time.now() + 200);
    }
    const { pass } = enter();
    time.run(time.now() + 1000);
    pass?.settle({ kind: "answered", readings: [TOLD] });
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
    const guess = enter({ cost, isGuess: true });
    expect(guess.pass).toBeUndefined();
    time.run(40_000);
    expect(guess.pass).toBeDefined();
  });

  it("lets nothing leave whose quota is spent, however much room there is otherwise", () => {
    const { time, enter } = gateAt();
    enter().pass?.settle({ kind: "answered", readings: [{ ...TOLD, remaining: 0, resetInMs: 30_000, shape: "window" }] });
    const next = enter({ deadlineMs: 100_000 });
    expect(enter({ deadlineMs: 29_000 }).error).toMatchObject({ code: "too-late", availableInMs: 30_000 });
    time.run(29_000);
    expect(next.pass).toBeUndefined();
    time.run(35_000);
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
