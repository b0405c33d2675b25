import { describe, expect, it } from "vitest";
import { isPaceError } from "../error.ts";
import { systemClock } from "../host/node/clock.ts";
import { startLocalProvider } from "../host/node/local-provider.ts";
import { serve } from "../host/node/serve.ts";
import { createPace } from "../pace.ts";
import { readingsOf } from "../providers/readings.ts";
import { createUsageReader } from "../providers/usage.ts";
import { verdictOf } from "../providers/verdict.ts";
import { seededRandom } from "../testing/draws.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import { createBucket } from "./bucket.ts";
import { createLocalProvider, type LocalProvider, type LocalProviderSettings } from "./local-provider.ts";
import { WAIT_FORMS } from "./wait-forms.ts";

const OPENAI = "https://api.example.com/v1/chat/completions";
const ANTHROPIC = "https://api.example.com/v1/messages";
const GITHUB = "https://api.example.com/repos/octo/things";

function town(settings: Partial<LocalProviderSettings> = {}): { readonly time: VirtualTime; readonly provider: LocalProvider } {
  const time = createVirtualTime();
  return { time, provider: createLocalProvider(settings, { clock: time, random: seededRandom(3) }) };
}

function asking(url: string, more: object = {}): Request {
  const body = JSON.stringify({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "Hello." }], ...more });
  return new Request(url, { method: "POST", headers: { authorization: "Bearer a" }, body });
}

async function answered(time: VirtualTime, provider: LocalProvider, request: Request): Promise<Response> {
  const answer = provider.answer(request);
  await time.runSettled(time.now() + 1000);
  return await answer;
}

describe("it answers", () => {
  it.each([
    ["OpenAI", OPENAI, 2],
    ["Anthropic", ANTHROPIC, 2],
  ])("as %s, with levels that are read and usage that is the answer's", async (_name, url, levels) => {
    const { time, provider } = town();
    const answer = await answered(time, provider, asking(url));
    expect(answer.status).toBe(200);
    expect(readingsOf(answer.headers, time.date()).length).toBe(levels);
    const { used } = createUsageReader()(answer);
    expect(await used).toMatchObject({ model: "m", outputTokens: 5 });
  });

  it.each([
    ["OpenAI", OPENAI, { stream: true, stream_options: { include_usage: true } }],
    ["Anthropic", ANTHROPIC, { stream: true }],
  ])("as %s in a stream, of which the usage is read", async (_name, url, more) => {
    const { time, provider } = town();
    const { answer, used } = createUsageReader()(await answered(time, provider, asking(url, more)));
    const text = answer.text();
    await time.runSettled(time.now() + 5000);
    expect((await text).match(/word\d/g)).toEqual(["word1", "word2", "word3", "word4", "word5"]);
    expect(await used).toMatchObject({ model: "m", outputTokens: 5 });
  });

  it("as GitHub, by windows, search apart from all else", async () => {
    const { time, provider } = town({ requestsPerMinute: 2 });
    const statuses: number[] = [];
    for (let nth = 0; nth < 3; nth++) statuses.push((await answered(time, provider, new Request(GITHUB))).status);
    expect(statuses).toEqual([200, 200, 403]);
    const search = await answered(time, provider, new Request("https://api.example.com/search/code?q=x"));
    expect(readingsOf(search.headers, time.date())).toMatchObject([{ name: "search", limit: 2, remaining: 1, shape: "window" }]);
  });
});

describe("a bucket", () => {
  it("loses nothing when it is asked of a moment before it was made", () => {
    const bucket = createBucket(1000, { limit: 1, windowMs: 60_000, shape: "bucket", level: 1 });
    expect(bucket.level(999)).toBe(1);
    bucket.take(999, 1);
    expect(bucket.level(31_000)).toBeCloseTo(0.5);
  });
});

describe("it refuses", () => {
  it.each(WAIT_FORMS.filter((form) => form !== "nothing"))("with the wait as %s", async (wait) => {
    const { time, provider } = town({ wait, full: 0, tells: "nothing" });
    await answered(time, provider, asking(OPENAI));
    const refused = await answered(time, provider, asking(OPENAI, { messages: [{ content: "x".repeat(9000) }] }));
    const verdict = verdictOf(refused.status, refused.headers, await refused.text(), time.date());
    expect(verdict.kind).toBe("refused");
    expect("waitMs" in verdict && verdict.waitMs).toBeGreaterThan(0);
  });

  it("by tokens where requests are left", async () => {
    const { time, provider } = town({ tokensPerMinute: 100, full: 1 });
    const refused = await answered(time, provider, asking(ANTHROPIC, { messages: [{ content: "x".repeat(900) }] }));
    expect(refused.status).toBe(429);
    expect(await refused.text()).toContain("tokens");
  });

  it("for ever where the account is empty", async () => {
    const { time, provider } = town({ paidCalls: 0 });
    const refused = await answered(time, provider, asking(OPENAI));
    expect(verdictOf(refused.status, refused.headers, await refused.text(), 0).kind).toBe("spent");
  });

  it("as overloaded for a part of the calls", async () => {
    const { time, provider } = town({ overloaded: 1 });
    expect((await answered(time, provider, asking(ANTHROPIC))).status).toBe(529);
    expect((await answered(time, provider, asking(OPENAI))).status).toBe(503);
  });

  it("what is sent to a path that no service has, and counts nothing for it", async () => {
    const { time, provider } = town();
    const refused = await answered(time, provider, asking("https://api.example.com/v1/v1/chat/completions"));
    expect(refused.status).toBe(404);
    expect(await refused.text()).toContain("POST /v1/v1/chat/completions");
    expect(provider.counts().size).toBe(0);
  });

  it("what is no question", async () => {
    const { time, provider } = town();
    for (const body of ["", "{", "null", "[]", "{}"])
      expect((await answered(time, provider, new Request(OPENAI, { method: "POST", body }))).status).toBe(400);
  });
});

describe("with a pace before it", () => {
  const LOAD = 60;
  it.each([
    ["levels are told", { tells: "levels" }],
    ["levels are told, and a tenth is overloaded", { tells: "levels", overloaded: 0.1 }],
    ["nothing is told, and refusals are charged", { tells: "nothing", wait: "nothing", charge: 1 }],
    ["the wait is in words", { tells: "nothing", wait: "words" }],
  ] as const)("all calls are answered where %s", async (_name, settings) => {
    for (const url of [OPENAI, ANTHROPIC]) {
      const { time, provider } = town(settings);
      using pace = createPace(
        {},
        { clock: time, random: seededRandom(1), fetch: (input, init) => provider.answer(new Request(input, init)) },
      );
      const body = JSON.stringify({ model: "m", max_tokens: 5, messages: [] });
      const all = Promise.all(Array.from({ length: LOAD }, () => pace.fetch(url, { method: "POST", body }).then(({ status }) => status)));
      await time.runSettled(120_000);
      expect(new Set(await all)).toEqual(new Set([200]));
      expect(provider.counts().get("m")?.accepted).toBe(LOAD);
    }
  });

  it("a wait of three days is told at once, and not waited for", async () => {
    const { time, provider } = town({ requestsPerMinute: 60, full: 0.02, tells: "nothing", wait: "three-days" });
    using pace = createPace(
      {},
      { clock: time, random: seededRandom(1), fetch: (input, init) => provider.answer(new Request(input, init)) },
    );
    const ask = (): Promise<Response> => pace.fetch(OPENAI, { method: "POST", body: '{"model":"m"}' });
    const first = Promise.all([ask(), ask(), ask()]);
    await time.runSettled(2000);
    expect((await first).map(({ status }) => status).sort()).toEqual([200, 429, 429]);
    const before = time.now();
    const error = await ask().catch((reason: unknown) => reason);
    expect(time.now()).toBe(before);
    if (!isPaceError(error)) throw error;
    expect(error.code).toBe("too-late");
    expect(error.availableInMs).toBeGreaterThan(3 * 86_400_000 - 5000);
  });
});

it("stands behind a socket, and is streamed from there", async () => {
  const provider = createLocalProvider({ latencyMs: 0, wordMs: 1, full: 1 }, { clock: systemClock, random: seededRandom(3) });
  await using served = await serve(provider.answer);
  const body = JSON.stringify({ model: "m", stream: true, max_tokens: 3, messages: [] });
  const answer = await fetch(`${served.url}/v1/messages`, { method: "POST", body });
  expect(answer.headers.get("anthropic-ratelimit-requests-limit")).toBe("300");
  expect((await answer.text()).match(/word\d/g)).toEqual(["word1", "word2", "word3"]);
  const left = await fetch(`${served.url}/v1/messages`, { method: "POST", body: body.replace("3", "500") });
  await left.body?.cancel();
});

describe("a setting that makes no sense", () => {
  it.each([
    [{ requestPerMinute: 5 }, "requestsPerMinute"],
    [{ requestsPerMinute: 0 }, "above zero"],
    [{ requestsPerMinute: "300" }, "above zero"],
    [{ tokensPerMinute: Number.POSITIVE_INFINITY }, "0 or more"],
    [{ full: 2 }, "from 0 to 1"],
    [{ overloaded: -0.1 }, "from 0 to 1"],
    [{ latencyMs: Number.NaN }, "0 or more"],
    [{ words: 1.5 }, "whole number"],
    [{ paidCalls: -1 }, "0"],
    [{ tells: "level" }, 'Is "levels" meant?'],
    [{ wait: "second" }, 'Is "seconds" meant?'],
    [null, "As in { "],
  ])("is refused: %j, with %s", (settings, hint) => {
    expect(() => town(settings as never)).toThrow(expect.objectContaining({ code: "bad-argument", hint: expect.stringContaining(hint) }));
  });

  it("is not one that is said to be undefined", async () => {
    const { time, provider } = town({ latencyMs: undefined, words: undefined } as object);
    expect((await answered(time, provider, asking(OPENAI))).status).toBe(200);
  });

  it("is a port that is none", async () => {
    await expect(startLocalProvider({}, 70_000)).rejects.toMatchObject({ code: "bad-argument" });
  });
});
