/** A gate, whatever is done to it in whatever order, held against what must be so of any: two gates of one process, with one quota and one pool. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Clock } from "../host/clock.ts";
import { createAccount } from "../quota/account.ts";
import { createPool } from "../quota/pool.ts";
import type { Reading } from "../quota/reading.ts";
import { createThrottle } from "../slowdown/throttle.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import { type CallTerms, createGate, type Gate, type Pass } from "./gate.ts";
import type { Outcome } from "./outcome.ts";

interface Entering {
  readonly kind: "enter";
  readonly at: 0 | 1;
  readonly rank: number;
  readonly requests: number;
  readonly memory: number;
  readonly isReserved: boolean;
  readonly isCapped: boolean;
  readonly isUrgent: boolean;
  readonly requester: string;
  readonly patienceMs: number;
}

type Step =
  | Entering
  | { readonly kind: "settle"; readonly nth: number; readonly outcome: Outcome }
  | { readonly kind: "take back"; readonly nth: number }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "close"; readonly at: 0 | 1 };

const AMOUNT = fc.constantFrom(0, 1, 7, 100, 1e15);
const READING: fc.Arbitrary<Reading> = fc
  .record({
    unit: fc.constantFrom("requests", "tokens"),
    name: fc.constantFrom("minute", "day"),
    limit: fc.constantFrom(1e-9, 1, 60, 1e15),
    windowMs: fc.constantFrom(1, 1000, 60_000, 86_400_000, 3e12),
    remaining: AMOUNT,
    resetInMs: fc.constantFrom(0, 1, 50_000),
    shape: fc.constantFrom("bucket", "window"),
  } as const)
  .map((reading) => ({ ...reading, remaining: Math.min(reading.limit, reading.remaining) }));
const OUTCOME: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("answered" as const), readings: fc.array(READING, { maxLength: 1 }) }) },
  fc.record(
    { kind: fc.constantFrom("refused" as const, "overloaded" as const), waitMs: fc.constantFrom(0, 10, 5000) },
    { requiredKeys: ["kind"] },
  ),
  fc.constant({ kind: "withdrawn" as const }),
);
const NTH = fc.nat({ max: 20 });
const AT = fc.constantFrom(0 as const, 1 as const);
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("enter" as const),
      at: AT,
      rank: fc.nat({ max: 2 }),
      requests: fc.constantFrom(0, 1, 1, 3, 50),
      memory: fc.constantFrom(0, 0, 60),
      isReserved: fc.boolean(),
      isCapped: fc.boolean(),
      isUrgent: fc.boolean(),
      requester: fc.constantFrom("one", "other"),
      patienceMs: fc.constantFrom(0, 1, 5000, 600_000, Number.POSITIVE_INFINITY),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("settle" as const), nth: NTH, outcome: OUTCOME }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("take back" as const), nth: NTH }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(0, 1, 100, 3000, 700_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const), at: AT }) },
);

interface Call {
  readonly at: 0 | 1;
  readonly terms: CallTerms;
  fate: "waits" | "under way" | "ended" | "refused" | "taken back";
  pass: Pass | undefined;
  takeBack: (() => void) | undefined;
}

/** Counts what was asked to be woken and was not yet. */
function countingClock(time: VirtualTime): Clock & { readonly pending: number } {
  const pending = new Set<object>();
  return {
    ...time,
    get pending() {
      return pending.size;
    },
    wake: (atMs, call) => {
      expect(atMs).not.toBeNaN();
      const alarm = {};
      pending.add(alarm);
      const forget = time.wake(atMs, () => {
        pending.delete(alarm);
        call();
      });
      return () => {
        pending.delete(alarm);
        forget();
      };
    },
  };
}

const IN_FLIGHT = 4;

/** Of each class something else every three seconds. */
const ASKED = [
  { perSecond: Number.POSITIVE_INFINITY, mostUnderWay: Number.POSITIVE_INFINITY },
  { perSecond: 0, mostUnderWay: Number.POSITIVE_INFINITY },
  { perSecond: 0.5, mostUnderWay: 2 },
  { perSecond: 10, mostUnderWay: 0 },
  { perSecond: Number.POSITIVE_INFINITY, mostUnderWay: 1 },
] as const;
const asked = (nowMs: number, rank: number) => ASKED[Math.floor(nowMs / 3000 + rank * 7) % ASKED.length] ?? ASKED[0];

function play(steps: readonly Step[], isThrottled = false): void {
  const time = createVirtualTime();
  const clock = countingClock(time);
  const pool = createPool(
    [
      { unit: "in-flight", limit: IN_FLIGHT },
      { unit: "memory-bytes", limit: 100 },
    ],
    () => ({}),
  );
  const first: Reading = { unit: "requests", name: "hour", limit: 500, windowMs: 3_600_000, remaining: 500, resetInMs: 0, shape: "bucket" };
  const quota = createAccount(0, first, "policy");
  const gates: readonly Gate[] = [0, 1].map(() =>
    createGate(
      { mostWaiting: 30, ranks: 3, policy: [quota] },
      { clock, random: () => 0.5, pool, throttle: isThrottled ? createThrottle(asked) : undefined },
    ),
  );
  const calls: Call[] = [];
  const pausedUntilMs = [0, 0];
  let settled = 0;

  const left = (call: Call): void => {
    const { at, terms } = call;
    const now = time.now();
    expect(now).toBeLessThanOrEqual(terms.deadlineMs);
    // K3: none leaves in a pause that the service asked for.
    expect(now).toBeGreaterThanOrEqual(pausedUntilMs[at] as number);
    if (terms.isReserved) return;
    // K5: what waits of operations waits for its own turn first.
    const before = calls.find(
      (one) => one.fate === "waits" && one.at === at && one.terms.operation === undefined && one.terms.rank < terms.rank,
    );
    // What was asked of one class holds no other.
    if (!isThrottled) expect(before).toBeUndefined();
    if (isThrottled) expect([asked(now, terms.rank).perSecond, asked(now, terms.rank).mostUnderWay]).not.toContain(0);
    expect(calls.filter(({ fate }) => fate === "under way").length).toBeLessThan(IN_FLIGHT);
  };

  const enter = ({ at, rank, requests, memory, isReserved, isCapped, isUrgent, requester, patienceMs }: Entering): void => {
    const operation = isCapped ? { name: "reindex", mostShare: 0.3 } : undefined;
    const cost = { requests, "memory-bytes": memory };
    const terms = { cost, isGuess: false, rank, isReserved, isUrgent, requester, deadlineMs: time.now() + patienceMs, operation };
    const call: Call = { at, terms, fate: "waits", pass: undefined, takeBack: undefined };
    const decided = (fate: Call["fate"]): void => {
      // Once, and not when it was taken back.
      expect(call.fate).toBe("waits");
      call.fate = fate;
    };
    calls.push(call);
    call.takeBack = gates[at]?.enter(terms, {
      leave: (pass) => {
        left(call);
        decided("under way");
        call.pass = pass;
      },
      refuse: ({ availableInMs }) => {
        decided("refused");
        expect(availableInMs).not.toBeNaN();
      },
    });
  };

  const settle = (call: Call | undefined, outcome: Outcome): void => {
    if (call === undefined) return;
    call.fate = "ended";
    if (outcome.kind === "answered") settled += call.terms.cost.requests ?? 0;
    if ("waitMs" in outcome && outcome.waitMs !== undefined)
      pausedUntilMs[call.at] = Math.max(pausedUntilMs[call.at] as number, time.now() + outcome.waitMs);
    for (let twice = 0; twice < 2; twice++) call.pass?.settle(outcome);
  };

  const nthOf = (fate: Call["fate"], nth: number): Call | undefined => {
    const all = calls.filter((call) => call.fate === fate);
    return all[nth % all.length];
  };

  const holds = (): void => {
    const underWay = calls.filter(({ fate }) => fate === "under way");
    const waiting = calls.filter(({ fate }) => fate === "waits");
    // K2, to the unit.
    expect(quota.outstanding).toBe(underWay.reduce((sum, { terms }) => sum + (terms.cost.requests ?? 0), 0));
    expect(quota.settled).toBe(settled);
    for (const [nth, gate] of gates.entries()) {
      const state = gate.state();
      expect(state.underWay).toBe(underWay.filter(({ at }) => at === nth).length);
      expect(state.waiting).toBe(waiting.filter(({ at }) => at === nth).length);
      expect(Number.isFinite(state.perSecond)).toBe(true);
    }
    for (const { terms } of waiting) expect(terms.deadlineMs).toBeGreaterThanOrEqual(time.now());
  };

  for (const step of steps) {
    if (step.kind === "enter") enter(step);
    else if (step.kind === "settle") settle(nthOf("under way", step.nth), step.outcome);
    else if (step.kind === "pass") time.run(time.now() + step.ms);
    else if (step.kind === "close") gates[step.at]?.close();
    else {
      const call = nthOf("waits", step.nth);
      if (call !== undefined) call.fate = "taken back";
      call?.takeBack?.();
    }
    holds();
  }
  for (const gate of gates) gate.close();
  for (const call of calls.filter(({ fate }) => fate === "under way")) settle(call, { kind: "answered" });
  holds();
  expect(calls.filter(({ fate }) => fate === "waits")).toEqual([]);
  expect(pool.gauges(() => 0).map(({ used }) => used)).toEqual([0, 0]);
  expect(clock.pending).toBe(0);
}

describe("gates of one process", () => {
  it("keep what they promise, whatever comes in whatever order", () => {
    fc.assert(
      fc.property(fc.array(STEP, { minLength: 20, maxLength: 120, size: "max" }), (steps) => play(steps)),
      { numRuns: 150, seed: 8 },
    );
  });

  it("... also while the other side asks for less of some classes", () => {
    fc.assert(
      fc.property(fc.array(STEP, { minLength: 20, maxLength: 120, size: "max" }), (steps) => play(steps, true)),
      { numRuns: 100, seed: 8 },
    );
  });
});
