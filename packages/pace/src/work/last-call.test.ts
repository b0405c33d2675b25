import { describe, expect, it } from "vitest";
import type { Planned } from "./agenda.ts";
import { createDurations } from "./durations.ts";
import { createLastCall, type LastCall } from "./last-call.ts";

/** Milliseconds, few enough to follow. A kind is named by how long one takes. */
const SPARE = 10;

interface Bench {
  now: number;
  looks: number;
  readonly lastCall: LastCall;
}

function bench(atOnce: number, pieces: readonly Planned[]): Bench {
  const durations = createDurations(SPARE);
  for (const { kind } of pieces) durations.expect(kind, Number(kind));
  const dated = (): readonly Planned[] => {
    made.looks++;
    return pieces;
  };
  const lastCall = createLastCall({ atOnce, lastCallMs: SPARE }, { durations, now: () => made.now, dated, under: () => [] });
  const made: Bench = { now: 0, looks: 0, lastCall };
  return made;
}

function due(deadlineMs: number, takes: number, count = 1): readonly Planned[] {
  const one = { key: "", kind: String(takes), rank: 0, requester: "", weight: 1, deadlineMs, fromMs: 0 };
  return Array.from({ length: count }, () => one);
}

const [soon, late] = [due(60, 10)[0] as Planned, due(600, 10)[0] as Planned];

describe("the last moment of work", () => {
  it.each([
    [29, false],
    [30, true],
  ])("comes when all that is due by then can just be done with time to spare: at %i %s", (date, is) => {
    expect(bench(8, due(60, 10, 9)).lastCall.isFor(soon, date)).toBe(is);
  });

  it("is for what has the deadline that is in danger, not for what comes after it", () => {
    const { lastCall } = bench(8, [...due(60, 10, 9), ...due(600, 10)]);
    expect(lastCall.isFor(soon, 30)).toBe(true);
    expect(lastCall.isFor(late, 30)).toBe(false);
  });

  it("is not hidden by what cannot begin yet and will be missed", () => {
    const first = due(170, 30)[0] as Planned;
    expect(bench(1, [...due(15, 10, 2), ...due(170, 30, 5)]).lastCall.isFor(first, 0)).toBe(true);
  });

  it("does not come sooner for what will be missed: that takes no time after its deadline", () => {
    const first = due(180, 10)[0] as Planned;
    expect(bench(8, [...due(60, 1, 2000), ...due(180, 10)]).lastCall.isFor(first, 0)).toBe(false);
  });

  it("does not come sooner for what is due later, in whatever order it is kept", () => {
    expect(bench(1, [...due(6000, 300, 8), ...due(60, 10)]).lastCall.isFor(soon, 0)).toBe(false);
  });

  it("comes in time where all may be under way at once", () => {
    const { lastCall } = bench(Number.POSITIVE_INFINITY, []);
    expect(lastCall.latestMs("a new kind", 60, 100)).toBe(60 - SPARE - SPARE);
  });

  it("is thought over once a second, and of very many more rarely", () => {
    const few = bench(8, due(6e6, 10, 9));
    const many = bench(8, due(6e6, 10, 20_000));
    for (const one of [few, many]) for (; one.now < 3000; one.now += 100) one.lastCall.isFor(due(6e6, 10)[0] as Planned, 0);
    expect([few.looks, many.looks]).toEqual([3, 2]);
  });
});
