import { describe, expect, it } from "vitest";
import { PaceError } from "../error.ts";
import { seededRandom } from "../testing/draws.ts";
import { createMemoryDisk } from "../testing/memory-disk.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import { openShelf } from "./shelf.ts";
import { type GivenStep, type TaskPlan, task } from "./task.ts";
import { createWork, type Work } from "./work.ts";

const HOUR_MS = 3_600_000;

interface Bench {
  readonly time: VirtualTime;
  crash(): void;
  /** Of all that is kept. */
  names(): Promise<readonly string[]>;
  /** Anew, with the task "report" by these plans. */
  open(...plans: readonly [TaskPlan, ...TaskPlan[]]): Promise<Work>;
}

function bench(): Bench {
  const time = createVirtualTime();
  const random = seededRandom(3);
  const disk = createMemoryDisk(random);
  return {
    time,
    crash: disk.crash,
    names: async () => [...(await openShelf(disk.open())).entries()].map(([name]) => name).sort(),
    open: async (...plans) => {
      const work = await createWork({ shelf: await openShelf(disk.open()), clock: time, random });
      work.handle("report", task(...plans));
      return work;
    },
  };
}

const spent = new PaceError("quota-spent", "the day is used up", "Later.", { availableInMs: HOUR_MS });

describe("a task of steps", () => {
  it("hands each step the input and the results before it, and ends with the last", async () => {
    const { time, open } = bench();
    const work = await open({
      version: 1,
      steps: [
        { name: "read", run: async ({ input }) => (input as number[]).length },
        { name: "rest", run: async () => undefined },
        { name: "tell", run: async ({ input, results }) => ({ input, results }) },
      ],
    });
    await work.defer("report", [7, 8], { key: "a" });
    await time.runSettled(10);
    expect(work.status("a")).toMatchObject({ state: "done", result: { input: [7, 8], results: { read: 2, rest: null } } });
  });

  it("that a budget stopped goes on at that step when there is room again, after a crash too", async () => {
    const { time, open, crash } = bench();
    const begun: string[] = [];
    const plan: TaskPlan = {
      version: 1,
      steps: [
        { name: "one", run: async () => begun.push("one") },
        {
          name: "two",
          run: async () => {
            begun.push("two");
            if (begun.length < 3) throw spent;
            return "through";
          },
        },
      ],
    };
    await (await open(plan)).defer("report", null, { key: "a" });
    await time.runSettled(1000);
    crash();
    const work = await open(plan);
    await time.runSettled(HOUR_MS - 1000);
    expect(begun).toEqual(["one", "two"]);
    await time.runSettled(HOUR_MS + 1000);
    expect(begun).toEqual(["one", "two", "two"]);
    expect(work.status("a")).toMatchObject({ state: "done", result: "through" });
  });

  it("asks again for an effect with the same key after a crash in the middle of it, and another one for other input", async () => {
    const { time, open, crash } = bench();
    const keys: string[] = [];
    const plan: TaskPlan = {
      version: 1,
      steps: [
        {
          name: "send",
          effect: "keyed",
          run: ({ key }) => {
            keys.push(key);
            return keys.length === 1 ? new Promise(() => undefined) : Promise.resolve("sent");
          },
        },
      ],
    };
    await (await open(plan)).defer("report", 1, { key: "a" });
    await time.runSettled(10);
    crash();
    const work = await open(plan);
    await work.defer("report", 2, { key: "b" });
    await time.runSettled(20);
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(2);
    expect([work.status("a")?.state, work.status("b")?.state]).toEqual(["done", "done"]);
  });

  it("asks with the key that was kept, whatever it would be by now", async () => {
    const kept = new Map<string, string>([["send", '{"state":"asked","key":"as it was"}']]);
    const steps = {
      get: (step: string) => (kept.has(step) ? JSON.parse(kept.get(step) as string) : undefined),
      set: async (step: string, text: string) => void kept.set(step, text),
      forget: async () => undefined,
    };
    const handler = task({ version: 1, steps: [{ name: "send", effect: "keyed", run: async ({ key }) => key }] });
    expect(await handler({ key: "a", payload: 1, tries: 2, signal: new AbortController().signal, steps })).toBe("as it was");
  });

  it("asks with keys that a field of HTTP may be, each with its own, and those of plain ones are as they are written", async () => {
    const steps = { get: () => undefined, set: async () => undefined, forget: async () => undefined };
    const keyOf = async (key: string, name = "send"): Promise<unknown> =>
      await task({ version: 1, steps: [{ name, effect: "keyed", run: async (given) => given.key }] })({
        key,
        payload: 1,
        tries: 1,
        signal: new AbortController().signal,
        steps,
      });
    expect(await keyOf("report of 2026-01-31, 100 %")).toMatch(/^report of 2026-01-31, 100 %\/send\/[0-9a-f]{16}$/);
    expect(await keyOf("отчёт")).toMatch(/^%043e%0442%0447%0451%0442\/send\/[0-9a-f]{16}%$/);
    const names = ["a", " a", "é", "%00e9", "%00e9é", "é%00e9", "\n", "\u007f", "\ud800", "\udc00", "😀", "%0020a"];
    const keys = await Promise.all([...names.map((name) => keyOf(name)), keyOf("a", "посылать")]);
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(new Headers({ "Idempotency-Key": String(key) }).get("Idempotency-Key")).toBe(key);
  });

  it("has the types of what comes in and of what steps gave, where they are told", async () => {
    const handler = task<{ readonly url: string }, { readonly read: string }>({
      version: 1,
      steps: [
        { name: "read", run: async ({ input }) => input.url.toUpperCase() },
        { name: "count", run: async ({ results }) => results.read.length },
      ],
    });
    const steps = { get: () => undefined, set: async () => undefined, forget: async () => undefined };
    expect(await handler({ key: "a", payload: { url: "abc" }, tries: 1, signal: new AbortController().signal, steps })).toBe(3);
  });

  it("leaves nothing of its steps behind when it is done", async () => {
    const { time, open, names } = bench();
    const work = await open({ version: 1, steps: [{ name: "one", effect: "keyed", run: async () => 1 }] });
    await work.defer("report", null, { key: "a" });
    await time.runSettled(10);
    await work.close();
    expect(await names()).toEqual(["payload a", "piece a", "result a"]);
  });

  it("counts failures anew with each step that is done", async () => {
    const { time, open } = bench();
    let failures = 0;
    const work = await open({
      version: 1,
      steps: ["one", "two"].map((name) => ({
        name,
        run: async () => {
          if (++failures % 5 !== 0) throw new Error("not yet");
        },
      })),
    });
    await work.defer("report", null, { key: "a" });
    await time.runSettled(HOUR_MS);
    expect([failures, work.status("a")?.state]).toEqual([10, "done"]);
  });
});

describe("an effect whose result cannot be kept", () => {
  it.each(["keyed", "keyless"] as const)("(%s) is not made again, and the task goes on with what somebody decides", async (effect) => {
    const { time, open, crash } = bench();
    let made = 0;
    const plan: TaskPlan = {
      version: 1,
      steps: [
        {
          name: "send",
          effect,
          run: async () => {
            made++;
            return { sum: Number.NaN };
          },
        },
        { name: "tell", run: async ({ results }) => `told of ${results["send"]}` },
      ],
    };
    await (await open(plan)).defer("report", 1, { key: "a" });
    await time.runSettled(HOUR_MS);
    crash();
    const work = await open(plan);
    await time.runSettled(2 * HOUR_MS);
    expect(work.list("undecided")).toMatchObject([
      { key: "a", reason: expect.stringContaining('"send" came about, and the result of send.sum is no JSON: NaN') },
    ]);
    await work.decide("a", { kind: "made", result: 17 });
    await time.runSettled(3 * HOUR_MS);
    expect([made, work.status("a")?.result]).toEqual([1, "told of 17"]);
  });
});

describe("an effect that has no key", () => {
  const sending = (outcomes: (() => Promise<unknown>)[], made: GivenStep[] = []): { plan: TaskPlan; made: GivenStep[] } => ({
    made,
    plan: {
      version: 1,
      steps: [
        {
          name: "send",
          effect: "keyless",
          run: (given) => {
            made.push(given);
            return outcomes.shift()?.() ?? Promise.resolve("sent");
          },
        },
        { name: "tell", run: async ({ results }) => `told of ${results["send"]}` },
      ],
    },
  });
  const never = (): Promise<unknown> => new Promise(() => undefined);
  const broken = async (): Promise<unknown> => {
    throw new Error("the connection broke");
  };

  it("and was under way at a crash is a person's to decide: it was made", async () => {
    const { time, open, crash } = bench();
    const { plan, made } = sending([never]);
    await (await open(plan)).defer("report", 1, { key: "a" });
    await time.runSettled(10);
    crash();
    const work = await open(plan);
    await time.runSettled(HOUR_MS);
    expect(work.list("undecided")).toMatchObject([{ key: "a", reason: expect.stringContaining('"send"') }]);
    await work.decide("a", { kind: "made", result: 17 });
    await time.runSettled(HOUR_MS + 10);
    expect([made.length, work.status("a")?.result]).toEqual([1, "told of 17"]);
  });

  it("and failed without a word is a person's to decide: it was not made, and is made once more", async () => {
    const { time, open } = bench();
    const { plan, made } = sending([broken, broken]);
    const work = await open(plan);
    await work.defer("report", 1, { key: "a" });
    for (const nth of [1, 2]) {
      await time.runSettled(nth * HOUR_MS);
      expect([made.length, work.status("a")?.state]).toEqual([nth, "undecided"]);
      await work.decide("a", { kind: "not-made" });
    }
    await time.runSettled(3 * HOUR_MS);
    expect([made.length, work.status("a")?.result]).toEqual([3, "told of sent"]);
  });

  it.each<[string, (work: Work) => Promise<unknown>]>([
    ["is forgotten", (work) => work.acknowledge("a")],
    ["is not made by another's word", (work) => work.decide("a", { kind: "not-made" })],
    ["is given up", (work) => work.decide("a", { kind: "give-up" })],
    ["is tried again", (work) => work.retry("a")],
  ])("and was made, as somebody says, is not made again where at once another says that it %s", async (_, say) => {
    const { time, open } = bench();
    const { plan, made } = sending([broken]);
    const work = await open(plan);
    await work.defer("report", 1, { key: "a" });
    await time.runSettled(10);
    const ends = await Promise.allSettled([work.decide("a", { kind: "made", result: 17 }), say(work)]);
    expect(ends).toMatchObject([{ status: "fulfilled" }, { status: "rejected", reason: { code: "bad-argument" } }]);
    await time.runSettled(HOUR_MS);
    expect([made.length, work.status("a")?.result]).toEqual([1, "told of 17"]);
  });

  it.each([{ kind: "mad" }, { kind: "not made" }, {}, { kind: "not-made", result: 1 }])(
    "and is not made again by a decision that is none: %j",
    async (decision) => {
      const { time, open } = bench();
      const { plan, made } = sending([broken]);
      const work = await open(plan);
      await work.defer("report", 1, { key: "a" });
      await time.runSettled(10);
      await expect(work.decide("a", decision as never)).rejects.toMatchObject({ code: "bad-argument" });
      await time.runSettled(HOUR_MS);
      expect([made.length, work.status("a")?.state]).toEqual([1, "undecided"]);
    },
  );

  it.each([-0, { at: new Date(0) }, { left: undefined }, 10n])("and gave what JSON writes otherwise was made: %s", async (given) => {
    const { time, open } = bench();
    const { plan, made } = sending([async () => given]);
    const work = await open(plan);
    await work.defer("report", 1, { key: "a" });
    await time.runSettled(HOUR_MS);
    expect([made.length, work.status("a")?.state]).toEqual([1, "done"]);
  });

  it("and is given up is dead, and known", async () => {
    const { time, open } = bench();
    const work = await open(sending([broken]).plan);
    await work.defer("report", 1, { key: "a" });
    await time.runSettled(10);
    expect(await work.decide("a", { kind: "give-up" })).toMatchObject({ state: "dead" });
    await expect(work.decide("a", { kind: "not-made" })).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("and that was refused before it left is made when there is room, and nobody is asked", async () => {
    const { time, open } = bench();
    const { plan, made } = sending([
      async () => {
        throw spent;
      },
    ]);
    const work = await open(plan);
    await work.defer("report", 1, { key: "a" });
    await time.runSettled(2 * HOUR_MS);
    expect([made.length, work.status("a")?.state]).toEqual([2, "done"]);
  });

  it("and that a rule held back is made when there is room, and nobody is asked", async () => {
    const { time, open } = bench();
    const { plan, made } = sending(
      Array.from({ length: 6 }, () => async () => {
        throw new PaceError("shed", "a rule holds it back", "Later.", { availableInMs: 60_000 });
      }),
    );
    const work = await open(plan);
    await work.defer("report", 1, { key: "a" });
    await time.runSettled(HOUR_MS);
    expect([made.length, work.status("a")?.state]).toEqual([7, "done"]);
  });

  it("and that asked for more than there ever is is dead, and begins at that step when it is tried again", async () => {
    const { time, open } = bench();
    const { plan, made } = sending([
      async () => {
        throw new PaceError("quota-spent", "more than the whole day has", "Ask for less.", { availableInMs: Number.POSITIVE_INFINITY });
      },
    ]);
    const work = await open(plan);
    await work.defer("report", 1, { key: "a" });
    await time.runSettled(HOUR_MS);
    expect([made.length, work.status("a")?.state]).toEqual([1, "dead"]);
    await work.retry("a");
    await time.runSettled(2 * HOUR_MS);
    expect([made.length, work.status("a")?.state]).toEqual([2, "done"]);
  });

  it("and was told to stop in the middle is a person's to decide", async () => {
    const { time, open } = bench();
    const { plan, made } = sending([]);
    const work = await open(plan);
    // A call that is under way rejects with the signal's reason, which is an error of this package.
    const [send] = plan.steps;
    Object.assign(send as object, {
      run: (given: GivenStep) => {
        made.push(given);
        return new Promise((_, reject) => given.signal.addEventListener("abort", () => reject(given.signal.reason)));
      },
    });
    await work.defer("report", 1, { key: "a" });
    await time.runSettled(10);
    await work.cancel("a");
    expect([made.length, work.status("a")?.state]).toEqual([1, "undecided"]);
  });
});

describe("a task whose code changed meanwhile", () => {
  const steps = (...names: string[]): TaskPlan["steps"] => names.map((name) => ({ name, run: async () => name }));
  const stopped = async (names: readonly string[]): Promise<Bench> => {
    const made = bench();
    const plan = steps(...names);
    const halting = plan.map((step, nth) => (nth === 0 ? step : { ...step, run: () => Promise.reject(spent) }));
    await (await made.open({ version: 1, steps: halting })).defer("report", null, { key: "a" });
    await made.time.runSettled(1000);
    made.crash();
    return made;
  };

  it.each([
    ["another version", { version: 2, steps: steps("read", "tell") }, "version 1"],
    ["another step", { version: 1, steps: steps("read", "check", "tell") }, "read, check, tell"],
    ["another order", { version: 1, steps: steps("tell", "read") }, "tell, read"],
  ])("fails and says so: %s", async (_, plan, said) => {
    const { open, time } = await stopped(["read", "tell"]);
    const work = await open(plan);
    await time.runSettled(2 * HOUR_MS);
    expect(work.status("a")).toMatchObject({ state: "dead", reason: expect.stringContaining(said) });
  });

  it("goes on by the old plan where that is given too, and what is new begins by the new one", async () => {
    const { open, time } = await stopped(["read", "tell"]);
    const work = await open({ version: 2, steps: steps("read", "check") }, { version: 1, steps: steps("read", "tell") });
    await work.defer("report", null, { key: "b" });
    await time.runSettled(2 * HOUR_MS);
    expect([work.status("a")?.result, work.status("b")?.result]).toEqual(["tell", "check"]);
  });

  it("goes on after it was dead, where it was, once the plan is there", async () => {
    const { open, time, crash } = await stopped(["read", "tell"]);
    await open({ version: 2, steps: steps("check") });
    await time.runSettled(2 * HOUR_MS);
    crash();
    const work = await open({ version: 1, steps: [{ name: "read", run: () => Promise.reject(new Error("again")) }, ...steps("tell")] });
    await work.retry("a");
    await time.runSettled(3 * HOUR_MS);
    expect(work.status("a")).toMatchObject({ state: "done", result: "tell" });
  });

  it.each<[readonly unknown[]]>([
    [[{ version: 1.5, steps: steps("a") }]],
    [[{ version: 1, steps: [] }]],
    [[{ version: 1, steps: steps("a", "a") }]],
    [[{ version: 1, steps: steps(" undecided") }]],
    [[{ version: 1, steps: steps("") }]],
    [[]],
    [[null]],
    [[{ version: 1, steps: "a" }]],
    [[{ version: 1, steps: [null] }]],
    [[{ version: 1, steps: [{ name: "a" }] }]],
    [[{ version: 1, steps: [{ name: "a", run: "a" }] }]],
    [[{ version: 1, steps: [{ name: "a", effects: "keyed", run: async () => 1 }] }]],
    [[{ version: 1, step: steps("a") }]],
    [[{ version: 1, steps: [{ name: "a", effect: "yes", run: async () => 1 }] }]],
    [
      [
        { version: 1, steps: steps("a") },
        { version: 1, steps: steps("b") },
      ],
    ],
  ])("is not taken as %j", (plans) => {
    expect(() => task(...(plans as unknown as [TaskPlan]))).toThrow(PaceError);
  });
});
