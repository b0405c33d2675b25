import { describe, expect, it } from "vitest";
import { isPaceError } from "../error.ts";
import type { Step } from "../ladder/step.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import { createDegrader, type DegradeEvent, type Degrader, type DegraderSettings, type Outcome } from "./degrader.ts";
import type { Lesser, Strategy } from "./strategy.ts";

function town(strategies: readonly Strategy[], step: Step | undefined, settings: Partial<DegraderSettings> = {}) {
  const time = createVirtualTime();
  const events: DegradeEvent[] = [];
  const shortageOf = () => (step === undefined ? undefined : { step, gauge: "api requests minute" });
  const degrader = createDegrader({ strategies, ...settings }, { clock: time, shortageOf, watch: (event) => events.push(event) });
  return { time, events, degrader };
}

function strategy(name: string, lessen: (request: unknown) => Lesser | undefined, from: Step = "saving"): Strategy {
  return { name, from, lessen: ({ request }) => lessen(request) };
}

const HALF = strategy("half", (request) => ({ kind: "request", request: (request as number) / 2, lost: "a half" }));

async function settledOf<Result>(time: VirtualTime, promise: Promise<Outcome<Result>>): Promise<Outcome<Result>> {
  await time.runSettled(time.now() + 60_000);
  return await promise;
}

function echo(degrader: Degrader, more: object = {}): Promise<Outcome<number>> {
  return degrader.perform({ operation: "double", request: 8, ...more }, async (request: number) => request * 2);
}

describe("work", () => {
  it("is done in full where nothing is short", async () => {
    const { degrader } = town([HALF], undefined);
    expect(await echo(degrader)).toEqual({ kind: "done", result: 16, stamps: [] });
  });

  it("is done in full below the step of a strategy", async () => {
    expect(await echo(town([HALF], "warned").degrader)).toMatchObject({ result: 16, stamps: [] });
  });

  it("bears a stamp of each strategy that took something from it, in order, and each is told", async () => {
    const third = strategy("third", (request) => ({ kind: "request", request: (request as number) - 1, lost: "one" }), "emergency");
    const { time, degrader, events } = town([HALF, third], "emergency");
    const outcome = await settledOf(time, echo(degrader));
    expect(outcome).toEqual({
      kind: "done",
      result: 6,
      stamps: [
        { strategy: "half", step: "emergency", gauge: "api requests minute", lost: "a half" },
        { strategy: "third", step: "emergency", gauge: "api requests minute", lost: "one" },
      ],
    });
    expect(events.map((event) => event.kind === "lessened" && event.stamp.strategy)).toEqual(["half", "third"]);
  });

  it("is not done at all where an answer is there, and the rest of the chain is not asked", async () => {
    const known = strategy("known", () => ({ kind: "answer", result: 99, lost: "old" }));
    const { time, degrader } = town([known, HALF], "saving");
    const outcome = await settledOf(
      time,
      degrader.perform({ operation: "a", request: 1 }, () => expect.unreachable("it was done")),
    );
    expect(outcome).toMatchObject({ result: 99, stamps: [{ strategy: "known" }] });
  });

  it("gives a ticket where it was deferred, and an error that says why where it was dropped", async () => {
    const later = strategy("later", () => ({ kind: "deferred", ticket: "t1", lost: "time" }));
    expect(await echo(town([later], "saving").degrader)).toMatchObject({ kind: "deferred", ticket: "t1", stamps: [{ strategy: "later" }] });
    const dropped = strategy("dropped", () => ({ kind: "dropped", lost: "all of it" }));
    const error: unknown = await echo(town([dropped], "saving").degrader).catch((reason: unknown) => reason);
    expect(isPaceError(error) && [error.code, error.message, error.hint].join(" ")).toMatch(/^shed .*all of it.*requests minute/);
  });

  it("of a critical class is not touched, unless it says by whom", async () => {
    const { degrader } = town([HALF], "emergency");
    expect(await echo(degrader, { class: "heartbeat" })).toMatchObject({ result: 16, stamps: [] });
    expect(await echo(degrader, { class: "heartbeat", lessenedBy: ["half"] })).toMatchObject({ result: 8 });
  });

  it("is touched by those alone that it allows", async () => {
    const { degrader } = town([HALF], "emergency");
    expect(await echo(degrader, { lessenedBy: [] })).toMatchObject({ result: 16 });
    await expect(echo(degrader, { lessenedBy: ["quarter"] })).rejects.toThrow(/"quarter" is no strategy/);
  });

  it("is done without a strategy that fails, at once or later, or hangs; and that is told", async () => {
    const bad: Strategy = { name: "bad", from: "saving", lessen: () => Promise.reject(new RangeError("no")) };
    const worse: Strategy = {
      name: "worse",
      from: "saving",
      lessen: () => {
        throw new RangeError("no");
      },
    };
    let isStopped = false;
    const slow: Strategy = {
      name: "slow",
      from: "saving",
      lessen: (_work, signal) => {
        signal.addEventListener("abort", () => {
          isStopped = true;
        });
        return new Promise(() => undefined);
      },
    };
    const { time, degrader, events } = town([bad, worse, slow, HALF], "saving");
    expect(await settledOf(time, echo(degrader))).toMatchObject({ result: 8, stamps: [{ strategy: "half" }] });
    expect(events.flatMap((event) => (event.kind === "passed-over" ? [`${event.strategy} ${event.why}`] : []))).toEqual([
      "bad failed",
      "worse failed",
      "slow late",
    ]);
    expect(isStopped).toBe(true);
  });

  it.each([
    ["null", null],
    ["a number", 5],
    ["an object without a kind", {}],
    ["a kind that there is not", { kind: "less", lost: "all" }],
    ["an answer of which nobody says what it lacks", { kind: "answer", result: 1 }],
    ["a ticket that is none", { kind: "deferred", lost: "all" }],
  ])("is done in full where a strategy gives %s", async (_name, given) => {
    const odd = strategy("odd", () => given as unknown as Lesser);
    const { time, degrader, events } = town([odd], "saving");
    expect(await settledOf(time, echo(degrader))).toEqual({ kind: "done", result: 16, stamps: [] });
    expect(events.map(({ kind }) => kind)).toEqual(given === null ? [] : ["passed-over"]);
  });

  it("shows a strategy only results of which nothing was lost", async () => {
    const seen: unknown[] = [];
    const learns: Strategy = { name: "learns", from: "emergency", lessen: () => undefined, answered: (_work, result) => seen.push(result) };
    await echo(town([learns, HALF], "saving").degrader);
    expect(seen).toEqual([]);
    await echo(town([learns, HALF], "warned").degrader);
    expect(seen).toEqual([16]);
  });

  it("throws what it throws by itself", async () => {
    const { degrader } = town([HALF], "saving");
    await expect(degrader.perform({ operation: "a", request: 1 }, () => Promise.reject(new RangeError("mine")))).rejects.toThrow("mine");
  });

  it("needs options that there are", () => {
    expect(() => town([HALF, HALF], "saving")).toThrow(/two strategies are called "half"/);
    expect(() => town([], "saving", { patienceMs: Number.NaN })).toThrow(/patienceMs is NaN/);
    expect(() => town([], "saving", { strategy: [] } as object)).toThrow(/no option "strategy"/);
  });
});
