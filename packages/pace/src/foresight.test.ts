import { describe, expect, it } from "vitest";
import { fewerTokens } from "./degrade/fewer-tokens.ts";
import { STAMP_FIELD, stampsOf } from "./degrade/stamp.ts";
import { isPaceError } from "./error.ts";
import { createForesight } from "./foresight.ts";
import type { LadderEvent } from "./ladder/ladder.ts";
import type { Rule } from "./ladder/rules.ts";
import { createPace, type Fetch, type Pace, type PacePorts } from "./pace.ts";
import type { CallTraits, PacePolicy } from "./policy.ts";
import { createAccount } from "./quota/account.ts";
import type { Gauge } from "./quota/gauge.ts";
import { createVirtualTime, type VirtualTime } from "./testing/virtual-time.ts";

const ORIGIN = "https://api.example.com";
const HOUR_MS = 3_600_000;
const HUNDRED: PacePolicy = { quotas: { [ORIGIN]: [{ limit: 100, windowMs: HOUR_MS, shape: "window" }] } };
/** Of what is asked, that is answered. */
const echo: Fetch = async (_input, init) => new Response(typeof init?.body === "string" ? init.body : "{}");

function town(policy: PacePolicy, ports: PacePorts = {}): { readonly time: VirtualTime; readonly pace: Pace } {
  const time = createVirtualTime();
  return { time, pace: createPace(policy, { clock: time, random: () => 0.5, fetch: echo, fault: () => undefined, ...ports }) };
}

async function spent(time: VirtualTime, pace: Pace, calls: number): Promise<void> {
  for (let call = 0; call < calls; call++) {
    const answer = pace.fetch(ORIGIN);
    await time.runSettled(time.now() + 2000);
    await answer;
  }
}

describe("a quota that is used up", () => {
  it("crosses its thresholds in order and once, keeps first and tells then, and is calm again after its window", async () => {
    const { time, pace } = town(HUNDRED);
    const heard: string[] = [];
    pace.on("log", (event: LadderEvent) => {
      if (event.kind === "step") heard.push(`${event.from} to ${event.to} at ${event.use.toFixed(2)}`);
    });
    pace.keep("tasks", async () => {
      await Promise.resolve();
      heard.push("kept");
    });
    await spent(time, pace, 95);
    expect(heard).toEqual(["calm to warned at 0.50", "warned to saving at 0.75", "kept", "saving to emergency at 0.90"]);
    expect(pace.standings()).toMatchObject([{ step: "emergency", gauge: { partition: ORIGIN, unit: "requests" } }]);
    await time.runSettled(HOUR_MS + 60_000);
    expect(pace.standings().every(({ step }) => step === "calm")).toBe(true);
    pace.close();
  });

  it("is seen by whoever asks, though nobody waits to be told", async () => {
    const { time, pace } = town(HUNDRED);
    await spent(time, pace, 80);
    expect(pace.standings()).toMatchObject([{ step: "saving" }]);
    pace.close();
  });

  it("keeps nothing where nobody would hear of its failing", () => {
    const pace = createPace(HUNDRED);
    expect(() => pace.keep("tasks", () => undefined)).toThrow(/nobody hears/);
    expect(() => pace.on("log", () => undefined)).toThrow(/nobody hears/);
    pace.close();
  });
});

describe("a burst that spends a whole quota within a moment", () => {
  /** Before which of its calls it was kept, and how often all was looked at. */
  async function burst(calls: number): Promise<{ readonly keptAt: readonly number[]; readonly looks: number }> {
    let sent = 0;
    const { time, pace } = town(HUNDRED, {
      fetch: async () => {
        sent++;
        return new Response("{}");
      },
    });
    const keptAt: number[] = [];
    pace.keep("tasks", () => void keptAt.push(sent));
    let looks = 0;
    pace.include(() => {
      looks++;
      return [];
    });
    await time.runSettled(10_000);
    looks = 0;
    // Levels that nobody tells are found by trying, which takes its time; reserved classes wait for no such thing.
    for (let call = 0; call < calls; call++) await pace.with({ class: "heartbeat" }).fetch(ORIGIN);
    expect(time.now()).toBe(10_000);
    pace.close();
    return { keptAt, looks };
  }

  it("does not leave with the call that comes to an emergency before keepers have begun", async () => {
    expect((await burst(100)).keptAt).toEqual([89]);
  });

  it("is looked at once for each step, and not for each call", async () => {
    expect((await burst(100)).looks).toBeLessThanOrEqual(4);
  });
});

describe("an account of which the ladder is told nothing", () => {
  it("is not looked at for each call, however full it is", () => {
    const time = createVirtualTime();
    let looks = 0;
    const gauges = (): readonly Gauge[] => {
      looks++;
      return [];
    };
    const foresight = createForesight(
      {},
      { clock: time, quietClock: time, gauges, isMeasured: false, critical: [], fault: () => undefined },
    );
    foresight.watch("log", () => undefined);
    time.run(1000);
    looks = 0;
    const reading = {
      unit: "requests",
      name: "hour",
      limit: 10,
      windowMs: HOUR_MS,
      remaining: 0,
      resetInMs: HOUR_MS,
      shape: "window",
    } as const;
    const drawn = [{ partition: ORIGIN, account: createAccount(0, reading, "header") }];
    foresight.noticed(() => drawn);
    time.run(1100);
    looks = 0;
    for (let call = 0; call < 100; call++) foresight.noticed(() => drawn);
    expect(looks).toBe(1);
    foresight.close();
  });
});

describe("less, while something is short", () => {
  const question = (most: number): RequestInit => ({
    method: "POST",
    body: JSON.stringify({ model: "large", messages: [{ role: "user", content: "why?" }], max_tokens: most }),
  });

  it("is asked for, and said on the answer", async () => {
    const { time, pace } = town({ ...HUNDRED, lesser: [fewerTokens()] });
    const asked = async (): Promise<{ readonly most: number; readonly stamps: readonly string[] }> => {
      const answer = pace.fetch(`${ORIGIN}/v1/chat/completions`, question(8000));
      await time.runSettled(time.now() + 2000);
      const done = await answer;
      const stamps = stampsOf(done.headers.get(STAMP_FIELD) ?? "").map(({ strategy, step }) => `${strategy} ${step}`);
      return { most: ((await done.json()) as { max_tokens: number }).max_tokens, stamps };
    };
    expect(await asked()).toEqual({ most: 8000, stamps: [] });
    await spent(time, pace, 80);
    const lessened = await asked();
    expect(lessened.most).toBeLessThan(8000);
    expect(lessened.stamps).toEqual(["fewer tokens saving"]);
    const beat = pace.with({ class: "heartbeat" }).fetch(`${ORIGIN}/v1/chat/completions`, question(8000));
    await time.runSettled(time.now() + 2000);
    expect(((await (await beat).json()) as { max_tokens: number }).max_tokens).toBe(8000);
    pace.close();
  });
});

describe("what others take of a quota whose level the service tells", () => {
  it("is short for who took nothing, and is met with less", async () => {
    const fields = { "x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "57s" };
    const sent: unknown[] = [];
    const fetch: Fetch = async (_input, init) => {
      sent.push(JSON.parse(String(init?.body)).max_tokens);
      return new Response("{}", { headers: fields });
    };
    const { time, pace } = town({ lesser: [fewerTokens()] }, { fetch });
    const question = { method: "POST", body: JSON.stringify({ model: "large", messages: [], max_tokens: 8000 }) };
    for (let call = 0; call < 2; call++) {
      const answer = pace.fetch(`${ORIGIN}/v1/chat/completions`, question);
      await time.runSettled(time.now() + 1000);
      await answer;
    }
    expect(pace.standings()).toMatchObject([{ step: "emergency", gauge: { unit: "requests", source: "header" } }]);
    expect(sent[0]).toBe(8000);
    expect(sent[1]).toBeLessThan(8000);
    pace.close();
  });
});

const WINDOW: Gauge = {
  partition: "a model",
  unit: "context-tokens",
  name: "window",
  limit: 100,
  windowMs: undefined,
  shape: "held",
  used: 80,
  waiting: 0,
  available: 20,
  resetInMs: undefined,
  source: "policy",
  confidence: 1,
  chargesRefused: undefined,
};

describe("a rule", () => {
  const when = { unit: "context-tokens", at: "saving" } as const;
  const question: RequestInit = { method: "POST", body: JSON.stringify({ model: "large", max_tokens: 1000, messages: [] }) };

  /** What becomes of six tagged calls while a model's window is short. */
  async function codesOf(hold: Rule["hold"], traits: CallTraits, act: (pace: Pace) => Promise<unknown>): Promise<readonly string[]> {
    const { time, pace } = town({ rules: [{ when, hold }] });
    pace.include(() => [WINDOW]);
    await time.runSettled(1000);
    const codes: string[] = [];
    for (let call = 0; call < 6; call++)
      void act(pace.with(traits)).then(
        () => codes.push("done"),
        (error: unknown) => codes.push(isPaceError(error) ? error.code : "?"),
      );
    const other = pace.fetch(ORIGIN);
    await time.runSettled(60_000);
    expect((await other).status).toBe(200);
    pace.close();
    return codes.sort();
  }

  const tags = ["memory-search"];
  const requests: Rule["hold"] = { operation: "memory-search", perMinute: 3 };
  const tokens: Rule["hold"] = { operation: "memory-search", perMinute: 3500, unit: "tokens" };
  const half = ["done", "done", "done", "shed", "shed", "shed"];

  it.each<[string, Rule["hold"], CallTraits, (pace: Pace) => Promise<unknown>]>([
    ["what is done because something else is short", requests, { tags }, (pace) => pace.fetch(ORIGIN)],
    ["calls that know what they cost", requests, { tags, cost: { usd: 0.02 } }, (pace) => pace.fetch(ORIGIN)],
    ["calls by what they may take", tokens, { tags }, (pace) => pace.fetch(ORIGIN, question)],
    ["work that is no fetch", requests, { tags }, (pace) => pace.run("search", async () => 1)],
    ["work by what it may take", tokens, { tags }, (pace) => pace.run("search", async () => 1, { guess: { requests: 1, tokens: 1000 } })],
    ["a piece of work by its name", requests, { operation: { name: "memory-search", mostShare: 1 } }, (pace) => pace.fetch(ORIGIN)],
  ])("holds back %s", async (_name, hold, traits, act) => {
    expect(await codesOf(hold, traits, act)).toEqual(half);
  });
});

describe("who wants to know", () => {
  it("is woken a few times a second, however many calls there are", async () => {
    const time = createVirtualTime();
    const wakes: number[] = [];
    const wake = (atMs: number, call: () => void): (() => void) => {
      wakes.push(atMs);
      return time.wake(atMs, call);
    };
    const pace = createPace(
      { here: [{ unit: "in-flight", limit: 1000 }] },
      { clock: { ...time, wake }, fetch: echo, fault: () => undefined },
    );
    pace.on("log", () => undefined);
    await time.runSettled(1000);
    wakes.length = 0;
    const calls = Array.from({ length: 50 }, () => pace.with({ class: "heartbeat" }).fetch(ORIGIN));
    await Promise.all(calls);
    expect(time.now()).toBe(1000);
    expect(wakes.length).toBeLessThan(5);
    pace.close();
  });
});

describe("gauges that somebody else includes", () => {
  it("harm no call by what they throw, and it is told once", async () => {
    const faults: string[] = [];
    const { time, pace } = town({}, { fault: ({ who, kind }) => faults.push(`${who} ${kind}`) });
    let isBroken = false;
    pace.include(() => {
      if (isBroken) throw new Error("broken");
      return [];
    });
    await spent(time, pace, 1);
    isBroken = true;
    await spent(time, pace, 3);
    expect([...pace.state().values()]).toMatchObject([{ underWay: 0 }]);
    expect(faults).toEqual(["included gauges failed"]);
    isBroken = false;
    await spent(time, pace, 1);
    isBroken = true;
    await spent(time, pace, 1);
    expect(faults.length).toBe(2);
    pace.close();
  });
});

describe("gauges that are none", () => {
  it.each([
    ["nothing", null],
    ["numbers that are none", { partition: "a", unit: "usd", name: "b", limit: Number.NaN, used: 1, confidence: 1 }],
  ])("harm no call: %s", async (_name, gauge) => {
    const faults: string[] = [];
    const { time, pace } = town(HUNDRED, { fault: ({ who, kind }) => faults.push(`${who} ${kind}`) });
    pace.include(() => [gauge as unknown as Gauge]);
    await spent(time, pace, 80);
    expect(pace.standings()).toMatchObject([{ step: "saving" }]);
    expect(faults).toEqual(["included gauges failed"]);
    pace.close();
  });
});

describe("a watcher", () => {
  it("may close what told it, and nothing is looked at any more", async () => {
    const time = createVirtualTime();
    let pending = 0;
    const wake = (atMs: number, call: () => void): (() => void) => {
      pending++;
      let isOver = false;
      const over = (): void => {
        if (!isOver) pending--;
        isOver = true;
      };
      const forget = time.wake(atMs, () => {
        over();
        call();
      });
      return () => {
        over();
        forget();
      };
    };
    const pace = createPace(HUNDRED, { clock: { ...time, wake }, random: () => 0.5, fetch: echo, fault: () => undefined });
    pace.on("log", ({ kind }) => {
      if (kind === "step") pace.close();
    });
    let refused = 0;
    for (; refused === 0; await time.runSettled(time.now() + 300))
      pace.fetch(ORIGIN).catch(() => {
        refused++;
      });
    expect(pending).toBe(0);
  });
});

describe("nobody", () => {
  it("is woken where nobody wants to know", async () => {
    const time = createVirtualTime();
    let wakes = 0;
    const wake = (atMs: number, call: () => void): (() => void) => {
      wakes++;
      return time.wake(atMs, call);
    };
    const clock = { ...time, wake };
    const pace = createPace({}, { clock, random: () => 0.5, fetch: echo });
    const answer = pace.fetch(ORIGIN);
    await time.runSettled(5000);
    await answer;
    const before = wakes;
    await time.runSettled(HOUR_MS);
    expect(wakes).toBe(before);
  });
});
