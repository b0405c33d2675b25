import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createGate } from "../gate/gate.ts";
import { createPace } from "../pace.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { type Heeded, type HeededInput, heededStep, NOBODY_ASKED } from "./heeded.ts";
import {
  NO_SLOWDOWNS,
  type SlowdownAnswer,
  type SlowdownInput,
  type SlowdownRequest,
  type Slowdowns,
  slowdownStep,
  standing,
} from "./slowdown.ts";
import { createThrottle } from "./throttle.ts";

const REQUEST: SlowdownRequest = { nth: 1, scope: "*", perSecond: 2, forMs: 60_000, reason: "a full disk", severity: "trouble" };
const SETTINGS = { floor: (peer: string): number => (peer === "promised" ? 1 : 0) };
const FREE = Number.POSITIVE_INFINITY;

function played(inputs: readonly (readonly [number, SlowdownInput])[]): {
  readonly state: Slowdowns;
  readonly answers: readonly SlowdownAnswer[];
} {
  let state = NO_SLOWDOWNS;
  const answers: SlowdownAnswer[] = [];
  for (const [at, input] of inputs) {
    const next = slowdownStep(state, input, at, SETTINGS);
    state = next.state;
    answers.push(...next.outputs.map(({ answer }) => answer));
  }
  return { state, answers };
}

const asked = (from: string, request: Partial<SlowdownRequest> = {}): SlowdownInput => ({
  kind: "asked",
  from,
  request: { ...REQUEST, ...request },
});

describe("a request to slow down", () => {
  it("binds what goes to its sender, of the classes and the scope that it names, until its time is over", () => {
    const { state, answers } = played([[0, asked("peer", { classes: ["background"], scope: "search" })]]);
    expect(answers).toEqual([{ kind: "accepted", nth: 1, forMs: 60_000 }]);
    expect(standing(state, "peer", "search", "background", 59_999).perSecond).toBe(2);
    expect(standing(state, "peer", "search", "background", 60_000).perSecond).toBe(FREE);
    expect(standing(state, "peer", "search", "interactive", 0).perSecond).toBe(FREE);
    expect(standing(state, "peer", "mail", "background", 0).perSecond).toBe(FREE);
    expect(standing(state, "another", "search", "background", 0).perSecond).toBe(FREE);
  });

  it("has the same answer when it comes again, and is not longer for it", () => {
    const { state, answers } = played([
      [0, asked("peer")],
      [50_000, asked("peer")],
    ]);
    expect(answers[1]).toEqual(answers[0]);
    expect(standing(state, "peer", "x", "normal", 60_000).perSecond).toBe(FREE);
  });

  it("is refused when it is older than one before it, when there are too many, and when it makes no sense", () => {
    const many = Array.from({ length: 12 }, (_, nth) => [0, asked("peer", { nth: nth + 5 })] as const);
    const { answers } = played([...many, [0, asked("peer", { nth: 1 })], [0, asked("other", { perSecond: Number.NaN })]]);
    expect(answers.filter(({ kind }) => kind === "accepted")).toHaveLength(8);
    expect(answers.slice(-2)).toEqual([
      { kind: "refused", nth: 1, reason: "replayed" },
      { kind: "refused", nth: 1, reason: "no-sense" },
    ]);
  });

  it.each([
    null,
    undefined,
    "slow",
    {},
    { ...REQUEST, nth: "1" },
    { ...REQUEST, perSecond: "2" },
    { ...REQUEST, forMs: "60000" },
    { ...REQUEST, classes: "normal" },
    { ...REQUEST, classes: [3] },
    { ...REQUEST, scope: { toString: () => "*" } },
    { ...REQUEST, severity: "urgent" },
  ])("is not bound by what is no request: %j", (request) => {
    const { state, answers } = played([[0, { kind: "asked", from: "peer", request: request as SlowdownRequest }]]);
    expect(answers).toMatchObject([{ kind: "refused", reason: "no-sense" }]);
    expect(typeof answers[0]?.nth).toBe("number");
    expect(state.size).toBe(0);
  });

  it("does not take what was promised until the owner agrees", () => {
    const before = played([[0, asked("promised", { perSecond: 0 })]]);
    expect(before.answers).toEqual([{ kind: "countered", nth: 1, leastPerSecond: 1, reason: "so much was promised" }]);
    expect(standing(before.state, "promised", "x", "normal", 1).perSecond).toBe(FREE);
    const agreed = slowdownStep(before.state, { kind: "agreed", from: "promised", nth: 1 }, 10, SETTINGS);
    expect(standing(agreed.state, "promised", "x", "normal", 11).perSecond).toBe(0);
  });

  it.each<unknown>([
    null,
    undefined,
    "slow",
    {},
    { ...REQUEST, nth: "1" },
    { ...REQUEST, nth: 1.5 },
    { ...REQUEST, nth: Number.POSITIVE_INFINITY },
    { ...REQUEST, classes: null },
    { ...REQUEST, classes: "background" },
    { ...REQUEST, classes: { length: 1 } },
    { ...REQUEST, classes: Array.from({ length: 33 }, () => "normal") },
    { ...REQUEST, perSecond: "2" },
    { ...REQUEST, perSecond: -1 },
    { ...REQUEST, perSecond: undefined },
    { ...REQUEST, mostUnderWay: 0.5 },
    { ...REQUEST, forMs: "60000" },
    { ...REQUEST, forMs: Number.NaN },
    { ...REQUEST, forMs: 0 },
    { ...REQUEST, scope: null },
    { ...REQUEST, reason: "x".repeat(201) },
  ])("that is %j is refused, and binds nothing", (request) => {
    const { state, answers } = played([[0, { kind: "asked", from: "peer", request: request as SlowdownRequest }]]);
    expect(answers).toMatchObject([{ kind: "refused", reason: "no-sense" }]);
    expect(answers.every(({ nth }) => typeof nth === "number")).toBe(true);
    expect(standing(state, "peer", "x", "normal", 1).perSecond).toBe(FREE);
  });

  it("for nothing at all is accepted where nothing was promised, and ends after an hour though it is asked for ever", () => {
    const { state, answers } = played([[0, asked("peer", { perSecond: 0, forMs: Number.POSITIVE_INFINITY })]]);
    expect(answers).toEqual([{ kind: "accepted", nth: 1, forMs: 3_600_000 }]);
    expect(standing(state, "peer", "x", "normal", 3_599_999).perSecond).toBe(0);
    expect(standing(state, "peer", "x", "normal", 3_600_000).perSecond).toBe(FREE);
  });

  it("that is refused neither binds nor counts among those that came", () => {
    const { state } = played([
      [0, asked("peer", { nth: 5 })],
      [1, asked("peer", { nth: 4, perSecond: 0 })],
    ]);
    expect(standing(state, "peer", "x", "normal", 2).perSecond).toBe(2);
    expect(state.get("peer")?.highest).toBe(5);
  });

  it("that was refused as one too many is accepted when it comes again later", () => {
    const flood = Array.from({ length: 9 }, (_, nth) => [0, asked("peer", { nth: nth + 1 })] as const);
    const { answers } = played([...flood, [6000, asked("peer", { nth: 9 })]]);
    expect(answers.slice(-2).map(({ kind }) => kind)).toEqual(["refused", "accepted"]);
  });

  it("never binds anybody but its sender, below what was promised, or for more than an hour, whatever comes", () => {
    const request = fc.record({
      nth: fc.integer({ min: -1, max: 30 }),
      scope: fc.constantFrom("*", "search"),
      perSecond: fc.constantFrom(0, 0.5, 1, 5, Number.NaN, -1, FREE),
      forMs: fc.constantFrom(-1, 1, 60_000, 1e12, FREE),
      reason: fc.constant(""),
      severity: fc.constantFrom("hint" as const, "emergency" as const),
    });
    const input = fc.record({ at: fc.integer({ min: 0, max: 100_000 }), from: fc.constantFrom("promised", "peer"), request });
    fc.assert(
      fc.property(fc.array(input, { maxLength: 60 }), (all) => {
        const inOrder = [...all].sort((one, other) => one.at - other.at);
        const { state } = played(inOrder.map(({ at, from, request }) => [at, { kind: "asked", from, request }] as const));
        expect(standing(state, "bystander", "search", "normal", 100_000).perSecond).toBe(FREE);
        expect(standing(state, "promised", "search", "normal", 100_000).perSecond).toBeGreaterThanOrEqual(1);
        for (const peer of ["promised", "peer"]) {
          expect(standing(state, peer, "search", "normal", 100_000 + 3_600_000).perSecond).toBe(FREE);
          expect(state.get(peer)?.told.length ?? 0).toBeLessThanOrEqual(8);
        }
      }),
    );
  });

  it("that was accepted holds until its time is over, whatever comes after it", () => {
    const request = fc.record({
      scope: fc.constantFrom("*", "search", "mail"),
      classes: fc.constantFrom(undefined, ["normal"], ["normal", "background"]),
      perSecond: fc.constantFrom(undefined, 0, 1, 2, 5),
      mostUnderWay: fc.constantFrom(undefined, 1, 3),
      forMs: fc.constantFrom(1000, 60_000, 600_000, FREE),
    });
    fc.assert(
      fc.property(fc.array(request, { minLength: 9, maxLength: 24 }), (all) => {
        let state = NO_SLOWDOWNS;
        const accepted: Slowdowns[] = [];
        all.forEach((one, at) => {
          const next = slowdownStep(state, asked("peer", { ...one, nth: at + 1 } as Partial<SlowdownRequest>), at * 6000, SETTINGS);
          state = next.state;
          if (next.outputs[0]?.answer.kind !== "accepted") return;
          const alone = asked("peer", { ...one, nth: at + 1 } as Partial<SlowdownRequest>);
          accepted.push(slowdownStep(NO_SLOWDOWNS, alone, at * 6000, SETTINGS).state);
          for (const alone of accepted)
            for (const scope of ["search", "mail", "else"])
              for (const className of ["normal", "background", "interactive"]) {
                const least = standing(alone, "peer", scope, className, at * 6000);
                const now = standing(state, "peer", scope, className, at * 6000);
                expect(now.perSecond).toBeLessThanOrEqual(least.perSecond);
                expect(now.mostUnderWay).toBeLessThanOrEqual(least.mostUnderWay);
              }
        });
      }),
      { numRuns: 20 },
    );
  });

  it("that is the ninth while eight stand is refused, and accepted where one is over or it asks for more than one of them", () => {
    const eight = Array.from({ length: 8 }, (_, nth) => [0, asked("peer", { nth: nth + 1, scope: `part ${nth}`, forMs: 30_000 })] as const);
    const ninth = (at: number, request: Partial<SlowdownRequest>): unknown =>
      played([...eight, [at, asked("peer", { nth: 9, ...request })]]).answers.at(-1);
    expect(ninth(20_000, { scope: "another" })).toEqual({ kind: "refused", nth: 9, reason: "too-many" });
    expect(ninth(20_000, { scope: "part 3", forMs: 5000 })).toMatchObject({ kind: "refused" });
    expect(ninth(20_000, { scope: "part 3", perSecond: 1 })).toMatchObject({ kind: "accepted" });
    expect(ninth(20_000, { scope: "*", perSecond: 3 })).toMatchObject({ kind: "refused" });
    expect(ninth(30_000, { scope: "another" })).toMatchObject({ kind: "accepted" });
  });

  it("of one sender too many is refused while those of all others stand, and none of them is forgotten", () => {
    const many = Array.from({ length: 1000 }, (_, nth) => [0, asked(`sender ${nth}`)] as const);
    const { state, answers } = played([...many, [1, asked("late")]]);
    expect(answers.at(-1)).toEqual({ kind: "refused", nth: 1, reason: "too-many" });
    expect(standing(state, "sender 0", "x", "normal", 2).perSecond).toBe(2);
    expect(played([...many, [60_000, asked("late")]]).answers.at(-1)).toMatchObject({ kind: "accepted" });
  });

  it("of thousands of senders leaves no more than a bounded number", () => {
    const { state } = played(Array.from({ length: 3000 }, (_, nth) => [nth, asked(`sender ${nth}`)] as const));
    expect(state.size).toBeLessThanOrEqual(1000);
  });

  it("that stands holds a gate, its rate and its calls under way, and ends", () => {
    const time = createVirtualTime();
    const { state } = slowdownStep(NO_SLOWDOWNS, asked("peer", { forMs: 10_000 }), 0, SETTINGS);
    const throttle = createThrottle((now) => standing(state, "peer", "x", "normal", now));
    const gate = createGate({ mostWaiting: 1000, ranks: 1, rate: { startPerSecond: 1000 } }, { clock: time, random: () => 0.5, throttle });
    const left: number[] = [];
    const terms = { cost: { requests: 1 }, isGuess: false, rank: 0, isReserved: false, requester: "", deadlineMs: FREE };
    for (let nth = 0; nth < 100; nth++)
      gate.enter(terms, {
        leave: (pass) => {
          left.push(time.now());
          pass.settle({ kind: "answered" });
        },
        refuse: (error) => {
          throw error;
        },
      });
    time.run(9999);
    expect(left.length).toBeGreaterThanOrEqual(18);
    expect(left.length).toBeLessThanOrEqual(21);
    time.run(12_000);
    expect(left).toHaveLength(100);
  });
});

describe("a request that stands for one peer", () => {
  it("holds what is sent to it, and nothing else of the program", async () => {
    const time = createVirtualTime();
    const { state } = slowdownStep(NO_SLOWDOWNS, asked("peer", { forMs: 10_000 }), 0, SETTINGS);
    const throttle = createThrottle((now) => standing(state, "peer", "x", "normal", now));
    let isThere = false;
    const pace = createPace(
      { quotas: { peer: [{ limit: 1e6, windowMs: 1000 }], other: [{ limit: 1e6, windowMs: 1000 }] } },
      { clock: time, random: () => 0.5, throttle: (partition) => (partition === "peer" && isThere ? throttle : undefined) },
    );
    const left = { peer: 0, other: 0 };
    // What was called before knows of a request that comes after.
    await Promise.all(["peer", "other"].map((name) => pace.run(name, async () => undefined)));
    isThere = true;
    for (const name of ["peer", "other"] as const) for (let nth = 0; nth < 60; nth++) void pace.run(name, async () => left[name]++);
    await time.runSettled(9999);
    expect(left.peer).toBeLessThanOrEqual(21);
    expect(left.other).toBe(60);
    await time.runSettled(60_000);
    expect(left.peer).toBe(60);
    pace.close();
  });
});

describe("who was asked to slow down", () => {
  const from = "peer";
  const run = (
    inputs: readonly (readonly [number, HeededInput])[],
  ): { readonly isIn: number; readonly ignores: readonly string[]; readonly state: Heeded } => {
    let state = NOBODY_ASKED;
    let isIn = 0;
    const ignores: string[] = [];
    for (const [at, input] of inputs) {
      const next = heededStep(state, input, at);
      state = next.state;
      if (input.kind === "came" && next.output.isIn) isIn++;
      if (next.output.ignores !== undefined) ignores.push(next.output.ignores);
    }
    return { isIn, ignores, state };
  };
  const ask = [0, { kind: "ask", peer: from, nth: 1, perSecond: 1, forMs: 60_000 }] as const;
  const yes = [100, { kind: "answered", from, answer: { kind: "accepted", nth: 1, forMs: 60_000 } }] as const;
  const coming = (perSecond: number, fromMs: number, toMs: number): (readonly [number, HeededInput])[] =>
    Array.from(
      { length: ((toMs - fromMs) * perSecond) / 1000 },
      (_, nth) => [fromMs + (nth * 1000) / perSecond, { kind: "came", from }] as const,
    );

  it("is let in with all that he agreed to", () => {
    const { isIn, ignores } = run([ask, yes, ...coming(1, 6000, 60_000)]);
    expect({ isIn, ignores }).toEqual({ isIn: 54, ignores: [] });
  });

  it("and sends more is let in with so much and no more, and is told of once", () => {
    const { isIn, ignores } = run([ask, yes, ...coming(10, 6000, 59_000)]);
    expect(ignores).toEqual([from]);
    expect(isIn).toBeLessThanOrEqual(53 + 6);
  });

  it.each([
    ["refuses", [[100, { kind: "answered", from, answer: { kind: "refused", nth: 1, reason: "too-many" } }]] as const],
    ["does not answer", [] as const],
  ])("and %s is bounded as well", (_name, answers) => {
    const { isIn, ignores } = run([ask, ...answers, ...coming(10, 6000, 59_000)]);
    expect(ignores).toEqual([from]);
    expect(isIn).toBeLessThanOrEqual(53 + 6);
  });

  it.each([2, 1e9, Number.POSITIVE_INFINITY, Number.NaN, -1])(
    "and counters with %d that nobody promised him is held to what he was asked",
    (leastPerSecond) => {
      const counter = [100, { kind: "answered", from, answer: { kind: "countered", nth: 1, leastPerSecond, reason: "" } }] as const;
      const { isIn, ignores } = run([ask, counter, ...coming(10, 6000, 59_000)]);
      expect(ignores).toEqual([from]);
      expect(isIn).toBeLessThanOrEqual(53 + 6);
      expect(run([ask, counter, ...coming(1, 6000, 59_000)]).ignores).toEqual([]);
    },
  );

  it("and says again and again that he agrees has no more time for it", () => {
    const again = coming(0.5, 200, 59_000).map(([at]) => [at, yes[1]] as const);
    const inputs = [ask, yes, ...[...again, ...coming(10, 6000, 59_000)].sort(([one], [other]) => one - other)];
    expect(run(inputs).isIn).toBeLessThanOrEqual(53 + 6);
  });

  it("for two hours and accepts for one, as long as anybody does, is free after that", () => {
    const hourMs = 3_600_000;
    const long = [0, { ...ask[1], forMs: 2 * hourMs }] as const;
    const { state, outputs } = slowdownStep(NO_SLOWDOWNS, asked("me", { perSecond: 1, forMs: 2 * hourMs }), 50, SETTINGS);
    const answer = [5000, { kind: "answered", from, answer: outputs[0]?.answer as SlowdownAnswer }] as const;
    expect(standing(state, "me", "x", "normal", hourMs + 50).perSecond).toBe(FREE);
    expect(run([long, answer, ...coming(10, hourMs + 50, hourMs + 10_050)])).toMatchObject({ isIn: 100, ignores: [] });
    expect(run([long, answer, ...coming(10, hourMs - 60_000, hourMs - 50_000)]).ignores).toEqual([from]);
  });

  it.each<unknown>([1, 0, -1, Number.NaN, undefined, "0", 59_999])("and accepts for %j is held for as long as he was asked", (forMs) => {
    const brief = [100, { kind: "answered", from, answer: { kind: "accepted", nth: 1, forMs: forMs as number } }] as const;
    expect(run([ask, brief, ...coming(10, 6000, 59_000)]).ignores).toEqual([from]);
  });

  it("and answers what was not asked changes nothing", () => {
    const stale = [200, { kind: "answered", from, answer: { kind: "accepted", nth: 7, forMs: 60_000 } }] as const;
    expect(run([ask, stale]).state.get(from)?.state).toBe("asked");
    expect(run([stale]).state.size).toBe(0);
  });

  it("may send all that he countered with and was promised, and everything when the time is over", () => {
    const counter = [100, { kind: "answered", from, answer: { kind: "countered", nth: 1, leastPerSecond: 5, reason: "" } }] as const;
    const promised = [0, { ...ask[1], promisedPerSecond: 5 }] as const;
    expect(run([promised, counter, ...coming(5, 6000, 59_000)]).ignores).toEqual([]);
    expect(run([ask, ...coming(10, 6000, 59_000), ...coming(10, 61_000, 70_000)]).state.size).toBe(0);
  });
});
