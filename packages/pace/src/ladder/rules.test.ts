import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPaceError, type PaceError } from "../error.ts";
import type { Gauge } from "../quota/gauge.ts";
import { gaugeOf } from "../testing/gauges.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createLadder } from "./ladder.ts";
import { createRules, type Rule, type Tagged } from "./rules.ts";

const SEARCH: Tagged = { tags: ["memory-search"] };
const BUDGET: Rule = { when: { unit: "context-tokens", at: "saving" }, hold: { operation: "memory-search", perMinute: 6 } };

function town(rules: readonly Rule[]) {
  const time = createVirtualTime();
  const ladder = createLadder({}, time);
  const one = createRules(rules, { clock: time, ladder });
  const fill = (used: number, more: Partial<Gauge> = {}) =>
    ladder.look([gaugeOf({ partition: "here", unit: "context-tokens", shape: "held", windowMs: undefined, used, ...more })]);
  const admit = (operation: Tagged = SEARCH): PaceError | ReturnType<typeof one.admit> => {
    try {
      return one.admit(operation);
    } catch (error) {
      if (isPaceError(error)) return error;
      throw error;
    }
  };
  return { time, fill, admit };
}

describe("a rule", () => {
  it("holds while what it is about is short, and for whom it is about", () => {
    const { time, fill, admit } = town([{ when: BUDGET.when, hold: { operation: "memory-search", refuse: true } }]);
    expect(admit()).toBeUndefined();
    fill(74);
    expect(admit()).toBeUndefined();
    fill(75);
    expect(admit()).toMatchObject({ code: "shed", message: expect.stringMatching(/context-tokens.*saving.*"memory-search" is not done/) });
    expect(admit({ tags: ["chat"] })).toBeUndefined();
    fill(10);
    time.run(10_000);
    fill(10);
    expect(admit()).toBeUndefined();
  });

  it("gives a budget over any minute, says when there is room again, and counts what went before it held", () => {
    const { time, fill, admit } = town([BUDGET]);
    for (let nth = 0; nth < 4; nth++) expect(admit()).toBeUndefined();
    time.run(30_000);
    fill(80);
    expect([admit(), admit()]).toEqual([undefined, undefined]);
    expect(admit()).toMatchObject({ code: "shed", availableInMs: 31_000 });
    time.run(60_999);
    expect(admit()).toMatchObject({ code: "shed" });
    time.run(61_000);
    for (let nth = 0; nth < 4; nth++) expect(admit()).toBeUndefined();
    expect(admit()).toMatchObject({ code: "shed" });
  });

  it("gives a budget in other units", () => {
    const { fill, admit } = town([{ when: BUDGET.when, hold: { operation: "memory-search", unit: "tokens", perMinute: 1000 } }]);
    fill(80);
    expect(admit({ ...SEARCH, cost: { tokens: 900 } })).toBeUndefined();
    expect(admit({ ...SEARCH, cost: { tokens: 200 } })).toMatchObject({ code: "shed" });
    expect(admit({ ...SEARCH, cost: { requests: 1 } })).toBeUndefined();
    expect(admit({ ...SEARCH, cost: { tokens: 5000 } })).toMatchObject({ availableInMs: Number.POSITIVE_INFINITY });
  });

  it("counts a request, whatever else is said of what it takes", () => {
    const { fill, admit } = town([{ when: BUDGET.when, hold: { operation: "memory-search", perMinute: 1 } }]);
    fill(80);
    expect(admit({ ...SEARCH, cost: { usd: 0.02 } })).toBeUndefined();
    expect(admit({ ...SEARCH, cost: { usd: 0.02 } })).toMatchObject({ code: "shed" });
  });

  it("has work done with less than its own quotas would ask for", () => {
    const { fill, admit } = town([
      { when: { unit: "context-tokens", at: "warned" }, hold: { operation: "memory-search", lessen: "emergency" } },
      { when: { unit: "context-tokens", at: "warned" }, hold: { operation: "memory-search", lessen: "saving" } },
    ]);
    fill(60);
    expect(admit()).toEqual({ step: "emergency", gauge: "here context-tokens minute" });
  });

  it("is about one partition or name where it says so", () => {
    const hold = { operation: "memory-search", refuse: true } as const;
    const { fill, admit } = town([{ when: { unit: "context-tokens", at: "saving", partition: "there", name: "minute" }, hold }]);
    fill(80);
    expect(admit()).toBeUndefined();
    fill(80, { partition: "there" });
    expect(admit()).toMatchObject({ code: "shed" });
  });

  it("lets no more through in any minute than it says, however they come", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20_000), { maxLength: 120 }), (waits) => {
        const { time, fill, admit } = town([BUDGET]);
        fill(80);
        const admitted: number[] = [];
        for (const wait of waits) {
          time.run(time.now() + wait);
          if (admit() === undefined) admitted.push(time.now());
        }
        for (const from of admitted) expect(admitted.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(6);
      }),
    );
  });

  it.each([
    [{ when: { unit: "usd", at: "high" }, hold: { operation: "a", refuse: true } }, /"high" is no step/],
    [{ when: { unit: "usd", at: "calm" }, hold: { operation: "a", refuse: true } }, /"calm" is no step/],
    [{ when: { unit: "usd", at: "saving" }, hold: { operation: "a", perMinute: Number.NaN } }, /perMinute is NaN/],
    [{ when: { unit: "usd", at: "saving" }, hold: { operation: "a" } }, /says nothing/],
    [{ when: { unit: "usd", att: "saving" }, hold: { operation: "a", refuse: true } }, /no option "att"/],
  ])("is refused where it is %o", (rule, message) => {
    expect(() => town([rule as Rule])).toThrow(message);
  });
});

/**
 * An agent whose context grows with each turn. When little of it is left it looks for in its memory what it cannot keep in mind, four searches a turn, and each brings
 * more into the context: calls of the same service that its turns are made of.
 */
function playCascade(rules: readonly Rule[]): { readonly mostPerMinute: number; readonly searches: number } {
  const { time, fill, admit } = town(rules);
  const calls: number[] = [];
  let [context, searches] = [20, 0];
  for (let turn = 0; turn < 600; turn++) {
    time.run(turn * 2000);
    fill(context);
    calls.push(time.now());
    context = Math.min(99, context + 1);
    if (context < 75) continue;
    for (let search = 0; search < 4; search++) {
      if (admit() !== undefined) continue;
      calls.push(time.now());
      searches++;
      context = Math.min(99, context + 0.5);
    }
    // It is summarised now and then, which never lasts.
    if (turn % 60 === 59) context = 40;
  }
  return { mostPerMinute: Math.max(...calls.map((from) => calls.filter((at) => at >= from && at < from + 60_000).length)), searches };
}

describe("a context that is full and makes an agent search its memory", () => {
  const BUDGET_OF_SERVICE = 60;

  it("uses up the calls of a minute where no rule holds", () => {
    expect(playCascade([]).mostPerMinute).toBeGreaterThan(BUDGET_OF_SERVICE);
  });

  it("does not where one does, and it still finds something", () => {
    const { mostPerMinute, searches } = playCascade([BUDGET]);
    expect(mostPerMinute).toBeLessThanOrEqual(BUDGET_OF_SERVICE);
    expect(searches).toBeGreaterThan(50);
  });
});
