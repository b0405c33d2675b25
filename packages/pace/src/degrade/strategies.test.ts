import { describe, expect, it } from "vitest";
import type { Step } from "../ladder/step.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { answerCache } from "./answer-cache.ts";
import { cheaperModel } from "./cheaper-model.ts";
import { deferring } from "./defer.ts";
import { createDegrader } from "./degrader.ts";
import { fewerBits } from "./fewer-bits.ts";
import { fewerTokens } from "./fewer-tokens.ts";
import { held } from "./held-result.ts";
import { simplify } from "./simplify.ts";
import type { Lesser, Strategy, Work } from "./strategy.ts";
import { summarising } from "./summarise.ts";

function lessened(strategy: Strategy, request: unknown, step: Step = "saving", more: Partial<Work> = {}): Promise<Lesser | undefined> {
  return Promise.resolve(strategy.lessen(workOf(request, step, more), new AbortController().signal));
}

function workOf(request: unknown, step: Step = "saving", more: Partial<Work> = {}): Work {
  const shortage = { step, gauge: "api requests minute" };
  return { operation: "ask", request, class: "normal", scope: "", isDeferrable: false, isQuestion: true, shortage, ...more };
}

async function requestOf(lesser: Promise<Lesser | undefined>): Promise<unknown> {
  const found = await lesser;
  return found?.kind === "request" ? found.request : undefined;
}

describe("fewer tokens", () => {
  const ask = { model: "large", messages: [], max_tokens: 4000 };

  it("are a half when saving and a quarter in an emergency", async () => {
    expect(await requestOf(lessened(fewerTokens(), ask))).toMatchObject({ max_tokens: 2000 });
    expect(await requestOf(lessened(fewerTokens(), ask, "emergency"))).toMatchObject({ max_tokens: 1000 });
  });

  it("are not fewer than it takes to say something, or than the model may think with", async () => {
    expect(await requestOf(lessened(fewerTokens(), { ...ask, max_tokens: 300 }))).toMatchObject({ max_tokens: 256 });
    expect(await lessened(fewerTokens(), { ...ask, max_tokens: 200 })).toBeUndefined();
    const thinking = { ...ask, thinking: { type: "enabled", budget_tokens: 3000 } };
    expect(await requestOf(lessened(fewerTokens(), thinking, "emergency"))).toMatchObject({ max_tokens: 3256 });
  });

  it("cap what was not capped only where they are told to", async () => {
    const open = { model: "large", messages: [] };
    expect(await lessened(fewerTokens(), open)).toBeUndefined();
    expect(await requestOf(lessened(fewerTokens({ usual: 1000 }), open))).toMatchObject({ max_tokens: 500 });
  });
});

describe("fewer bits", () => {
  it.each([
    [8, "saving", 4],
    [8, "emergency", 2],
    [4, "saving", 2],
    [32, "saving", 8],
    [3, "saving", 2],
  ] as const)("of %d are, when %s, %d", async (bits, step, expected) => {
    expect(await requestOf(lessened(fewerBits(), { bits, k: 10 }, step))).toEqual({ bits: expected, k: 10 });
  });

  it("are those in the body of what is fetched", async () => {
    const asked = { url: "https://vectors.example/search", method: "POST", body: { bits: 8, k: 10 } };
    expect(await requestOf(lessened(fewerBits(), asked))).toEqual({ ...asked, body: { bits: 4, k: 10 } });
    expect(await lessened(fewerBits(), { ...asked, body: { k: 10 } })).toBeUndefined();
  });

  it("are nothing to who has none, or has the fewest, or so many that they are a key's", async () => {
    for (const request of [{ bits: 2048 }, { bits: 2 }, { bits: "8" }, { bits: Number.NaN }, {}, 8, null])
      expect(await lessened(fewerBits(), request)).toBeUndefined();
  });
});

describe("a cheaper model", () => {
  const models = { large: "middle", middle: "small" };
  const fresh = { model: "large", max_tokens: 100, messages: [{ role: "user", content: "x".repeat(40_000) }] };
  const old = {
    model: "large",
    max_tokens: 100,
    messages: [...fresh.messages, { role: "assistant", content: "answer" }, { role: "user", content: "and?" }],
  };
  const prices = {
    large: { inputUsd: 3, cachedInputUsd: 0.3, outputUsd: 15 },
    middle: { inputUsd: 1, cachedInputUsd: 0.1, outputUsd: 5 },
    small: { inputUsd: 0.25, cachedInputUsd: 0.03, outputUsd: 1.25 },
  };

  it("is the next, and in an emergency the one below it", async () => {
    expect(await requestOf(lessened(cheaperModel({ models }), fresh))).toMatchObject({ model: "middle" });
    expect(await requestOf(lessened(cheaperModel({ models }), fresh, "emergency"))).toMatchObject({ model: "small" });
    expect(await lessened(cheaperModel({ models }), { ...fresh, model: "small" })).toBeUndefined();
    expect(await lessened(cheaperModel({ models }), { ...fresh, model: "constructor" })).toBeUndefined();
  });

  it("is taken where it costs less, and not where what the prompt cache holds would be read anew for more", async () => {
    const strategy = cheaperModel({ models, prices });
    expect(await requestOf(lessened(strategy, fresh))).toMatchObject({ model: "middle" });
    expect(await lessened(strategy, old)).toBeUndefined();
    expect(await requestOf(lessened(strategy, old, "emergency"))).toMatchObject({ model: "small" });
  });

  it("says what the prompt cache loses", async () => {
    expect((await lessened(cheaperModel({ models }), old))?.lost).toMatch(/middle instead of large.*about 10\d\d\d tokens anew/);
    expect((await lessened(cheaperModel({ models }), fresh))?.lost).not.toMatch(/anew/);
  });

  it("is another model, with prices that are numbers", () => {
    expect(() => cheaperModel({ models: { a: "a" } })).toThrow(/cheaper than itself/);
    expect(() => cheaperModel({ models, prices: { a: { inputUsd: Number.NaN, outputUsd: 1 } } })).toThrow(/inputUsd of a is NaN/);
  });
});

describe("summaries", () => {
  const long = "word ".repeat(2000);
  const request = {
    messages: [
      { role: "user", content: long },
      { role: "user", content: "short" },
    ],
  };

  it("stand for long texts, and not for short ones", async () => {
    const strategy = summarising({ summarise: (text, most) => text.slice(0, most) });
    const found = await lessened(strategy, request);
    expect(found).toMatchObject({ request: { messages: [{ content: long.slice(0, 2500) }, { content: "short" }] } });
    expect(found?.lost).toMatch(/10005 characters .* in 2505/);
  });

  it("are written once for the same text", async () => {
    let count = 0;
    const strategy = summarising({ summarise: () => `summary ${++count}` });
    await lessened(strategy, request);
    await lessened(strategy, request);
    expect(count).toBe(1);
  });

  it("are not used where they are no shorter, or no text", async () => {
    expect(await lessened(summarising({ summarise: (text) => `${text}!` }), request)).toBeUndefined();
    expect(await lessened(summarising({ summarise: () => undefined as unknown as string }), request)).toBeUndefined();
  });

  it("are of whatever texts a caller finds in its requests", async () => {
    const textsOf = (one: unknown) => ({
      texts: [(one as { document: string }).document],
      with: ([document]: readonly string[]) => ({ document }),
    });
    const strategy = summarising({ summarise: () => "in short", textsOf });
    expect(await requestOf(lessened(strategy, { document: long }))).toEqual({ document: "in short" });
  });
});

describe("a cache", () => {
  async function cached(result: unknown, more: Partial<Work> = {}) {
    const time = createVirtualTime();
    const cache = answerCache({ freshMs: 60_000, most: 2 }, time);
    cache.answered?.(workOf({ q: 1, page: { a: 1, b: 2 } }, "calm", more), result);
    await time.runSettled(30_000);
    return { time, cache };
  }

  it("answers the same question, in whatever order its fields are, and says how old the answer is", async () => {
    const { cache } = await cached({ n: [1] });
    expect(await lessened(cache, { page: { b: 2, a: 1 }, q: 1 })).toEqual({
      kind: "answer",
      result: { n: [1] },
      lost: "an answer that is 30 s old",
    });
  });

  it("answers no other question, nor another's, nor of another operation", async () => {
    const { cache } = await cached(1);
    const request = { q: 1, page: { a: 1, b: 2 } };
    expect(await lessened(cache, { q: 2 })).toBeUndefined();
    expect(await lessened(cache, request, "saving", { scope: "another" })).toBeUndefined();
    expect(await lessened(cache, request, "saving", { operation: "another" })).toBeUndefined();
  });

  it("never answers work that does something", async () => {
    const { cache } = await cached(1, { isQuestion: false });
    expect(await lessened(cache, { q: 1, page: { a: 1, b: 2 } })).toBeUndefined();
    const { cache: other } = await cached(1);
    expect(await lessened(other, { q: 1, page: { a: 1, b: 2 } }, "saving", { isQuestion: false })).toBeUndefined();
  });

  it("forgets what is too old, and the oldest of too many", async () => {
    const { time, cache } = await cached(1);
    await time.runSettled(61_000);
    expect(await lessened(cache, { q: 1, page: { a: 1, b: 2 } })).toBeUndefined();
    for (const q of [2, 3, 4]) cache.answered?.(workOf({ q }), q);
    await time.runSettled(62_000);
    expect(await lessened(cache, { q: 2 })).toBeUndefined();
    expect(await lessened(cache, { q: 4 })).toMatchObject({ result: 4 });
  });

  it("gives everybody an answer of his own", async () => {
    const given = { n: [1] };
    const { cache } = await cached(given);
    given.n.push(2);
    const request = { q: 1, page: { a: 1, b: 2 } };
    for (let nth = 0; nth < 2; nth++) {
      const found = await lessened(cache, request);
      const result = found?.kind === "answer" ? (found.result as { n: number[] }) : undefined;
      expect(result).toEqual({ n: [1] });
      result?.n.push(3);
    }
  });

  it("keeps nothing that cannot be given again, and stumbles over nothing", async () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    for (const result of [circle, () => 1, "x".repeat(200_000), undefined, new Response("no", { status: 500 })]) {
      const { cache } = await cached(result);
      expect(await lessened(cache, { q: 1, page: { a: 1, b: 2 } })).toBeUndefined();
      cache.answered?.(workOf(circle), 1);
      expect(await lessened(cache, circle)).toBeUndefined();
    }
  });

  it("keeps nothing that somebody reads already", async () => {
    const answer = Response.json({});
    answer.body?.getReader();
    expect(await held(answer)).toBeUndefined();
  });
});

describe("deferring", () => {
  it("hands on what may wait, and nothing else", async () => {
    const strategy = deferring({
      defer: async ({ operation }) => `ticket for ${operation}`,
      takeBack: () => expect.unreachable("it waits"),
    });
    expect(await lessened(strategy, 1, "saving", { isDeferrable: true })).toMatchObject({ kind: "deferred", ticket: "ticket for ask" });
    expect(await lessened(strategy, 1)).toBeUndefined();
  });
});

describe("deferring by a ticket that is no text", () => {
  it.each([7, undefined, null, ""])("is taken back, as the work is done now: %j", async (ticket) => {
    const clock = createVirtualTime();
    const kept: unknown[] = [];
    const errors: unknown[] = [];
    const defer = (): string => {
      kept.push(ticket);
      return ticket as string;
    };
    const takeBack = (given: unknown): void => void kept.splice(kept.indexOf(given), 1);
    const degrader = createDegrader(
      { strategies: [deferring({ defer, takeBack })] },
      {
        clock,
        shortageOf: () => ({ step: "saving", gauge: "api requests minute" }),
        watch: (event) => errors.push(event.kind === "passed-over" && event.error),
      },
    );
    let done = 0;
    expect(await degrader.perform({ operation: "a", request: 1, isDeferrable: true }, async () => ++done)).toMatchObject({ kind: "done" });
    expect([done, kept]).toEqual([1, []]);
    expect(errors).toMatchObject([{ code: "bad-argument", message: expect.stringMatching(/ticket/) }]);
  });
});

describe("deferring that comes too late", () => {
  it("is taken back, as the work has been done meanwhile", async () => {
    const clock = createVirtualTime();
    const tickets = new Set<string>();
    const defer = (): Promise<string> =>
      new Promise((resolve) => {
        clock.wake(20_000, () => {
          tickets.add("t1");
          resolve("t1");
        });
      });
    const strategies = [deferring({ defer, takeBack: (ticket) => void tickets.delete(ticket) })];
    const degrader = createDegrader({ strategies }, { clock, shortageOf: () => ({ step: "saving", gauge: "api requests minute" }) });
    let done = 0;
    const outcome = degrader.perform({ operation: "a", request: 1, isDeferrable: true }, async () => ++done);
    await clock.runSettled(30_000);
    expect(await outcome).toMatchObject({ kind: "done", stamps: [] });
    expect([done, tickets.size]).toEqual([1, 0]);
  });
});

describe("simplifying", () => {
  it("asks the shorter question of its caller's, and drops in an emergency what can be done without", async () => {
    const strategy = simplify({
      shorter: (request) => (request === "long" ? "short" : undefined),
      isDispensable: ({ operation }) => operation === "chatter",
    });
    expect(await requestOf(lessened(strategy, "long"))).toBe("short");
    expect(await lessened(strategy, "another")).toBeUndefined();
    expect(await lessened(strategy, "another", "saving", { operation: "chatter" })).toBeUndefined();
    expect(await lessened(strategy, "another", "emergency", { operation: "chatter" })).toMatchObject({ kind: "dropped" });
  });
});
