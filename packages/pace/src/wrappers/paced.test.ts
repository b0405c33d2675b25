import { describe, expect, it } from "vitest";
import { isPaceError } from "../error.ts";
import { createTelemetry } from "../metrics/telemetry.ts";
import { createPace } from "../pace.ts";
import type { PacePolicy } from "../policy.ts";
import { guessedTokens } from "../providers/cost.ts";
import type { Cost } from "../quota/reading.ts";
import { seededRandom } from "../testing/draws.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import { clientFetch } from "./client-fetch.ts";
import { paceMiddleware } from "./language-model.ts";
import { type PacedOptions, paced } from "./paced.ts";

type Thrown = Readonly<Record<string, unknown>>;

/** Throws what is in the list, one by one, and then gives "done". */
function town(
  thrown: readonly unknown[],
  policy: PacePolicy = {},
): {
  readonly time: VirtualTime;
  readonly asks: () => number;
  readonly ask: <Options>(options?: Options) => Promise<string>;
  readonly pace: ReturnType<typeof createPace>;
} {
  const time = createVirtualTime();
  const pace = createPace(policy, { clock: time, random: seededRandom(1) });
  let asks = 0;
  const fn = async (): Promise<string> => {
    const next = thrown[asks++];
    if (next !== undefined) throw Object.assign(new Error("it said no"), next);
    return "done";
  };
  return { time, pace, asks: () => asks, ask: (options) => paced(pace, "search", fn, options as PacedOptions<[], string>)() };
}

const cases: readonly (readonly [string, Thrown])[] = [
  ["OpenAI's, Anthropic's", { status: 429, headers: new Headers({ "retry-after": "7" }) }],
  ["the AI SDK's", { statusCode: 429, responseHeaders: { "Retry-After": "7" } }],
  ["axios's", { status: 429, response: { headers: { "retry-after": "7" } } }],
  ["with the wait in the body", { status: 429, error: { message: "Please try again in 7s." } }],
  ["with the wait in the text", { statusCode: 429, responseBody: '{"retryDelay":"7s"}' }],
];

describe("errors of clients are judged", () => {
  it.each(cases)("%s", async (_name, error) => {
    const { time, ask, asks } = town([error]);
    const answer = ask();
    await time.runSettled(6900);
    expect(asks()).toBe(1);
    await time.runSettled(30_000);
    expect(await answer).toBe("done");
  });

  it("without money: it is not asked again", async () => {
    const { time, ask, asks } = town([{ status: 429, error: { code: "insufficient_quota" } }]);
    const answer = ask().catch((error: Error) => error.message);
    await time.runSettled(60_000);
    expect(await answer).toBe("it said no");
    expect(asks()).toBe(1);
  });

  it("of the service itself: again where that does no harm", async () => {
    for (const [isIdempotent, expected] of [
      [false, 1],
      [true, 2],
    ] as const) {
      const { time, ask, asks } = town([{ status: 500 }]);
      void ask({ isIdempotent }).catch(() => undefined);
      await time.runSettled(60_000);
      expect(asks()).toBe(expected);
    }
  });

  it.each([
    [{}],
    [{ status: "429" }],
    [{ code: "ECONNRESET" }],
    // What was refused here says nothing of the service.
    [{ status: 429, headers: { "pace-refused": "too-late", "retry-after-ms": "7000" } }],
  ])("that are no answers of the service are thrown: %j", async (error) => {
    const { time, ask, asks, pace } = town([error]);
    const answer = ask().catch((thrown: Error) => thrown.message);
    await time.runSettled(60_000);
    expect([await answer, asks(), pace.state().get("search")?.underWay]).toEqual(["it said no", 1, 0]);
  });
});

describe("a function passes the gate", () => {
  it("of limits of the policy that bear the name", async () => {
    const { ask } = town([], { quotas: { search: [{ limit: 1, windowMs: 3_600_000 }] } });
    expect(await ask()).toBe("done");
    const error = await ask().catch((thrown: unknown) => thrown);
    expect(isPaceError(error) && error.code).toBe("too-late");
  });

  it("with what it will take, and gives back what it did not", async () => {
    const { ask, pace } = town([], { quotas: { search: [{ unit: "tokens", limit: 1000, windowMs: 60_000 }] } });
    await ask({ guess: () => ({ requests: 1, tokens: 1000 }), told: () => ({ used: { requests: 1, tokens: 10 } }) });
    expect(pace.state().get("search")?.accounts[0]?.settled).toBe(10);
  });

  it("and is told of where what it says of its use is nothing", async () => {
    const { ask } = town([]);
    for (const used of [null, "much", { tokens: null }, { words: 3 }] as unknown as readonly Cost[])
      expect(await ask({ told: () => ({ used }) })).toBe("done");
  });

  it("and what it tells of levels is heard", async () => {
    const { ask, pace } = town([]);
    await ask({ told: () => ({ headers: { "X-RateLimit-Limit": "9", "x-ratelimit-remaining": "4", "x-ratelimit-reset": "30" } }) });
    expect(pace.state().get("search")?.accounts[0]).toMatchObject({ limit: 9 });
  });
});

describe("a middleware of the AI SDK", () => {
  it("waits by model and class, hears the levels, and counts the use", async () => {
    const { pace, time } = town([]);
    const { specificationVersion, wrapGenerate, wrapStream } = paceMiddleware(pace);
    expect(specificationVersion).toBe("v4");
    const headers = { "x-ratelimit-limit-tokens": "9000", "x-ratelimit-remaining-tokens": "8000", "x-ratelimit-reset-tokens": "6s" };
    const result = { content: [], usage: { inputTokens: { total: 7 }, outputTokens: { total: 3 } }, response: { headers } };
    const params = {
      prompt: [{ role: "user", content: [{ type: "file", data: new Uint8Array(1e6) }] }],
      providerOptions: { pace: { class: "interactive" } },
    };
    const model = { provider: "example.chat", modelId: "m" };
    expect(await wrapGenerate({ doGenerate: async () => result, params, model })).toBe(result);
    const streamed = wrapStream({ doStream: async () => result, params, model });
    await time.runSettled(60_000);
    expect(await streamed).toBe(result);
    expect(pace.state().get("example.chat m")?.accounts[0]).toMatchObject({ unit: "tokens", limit: 9000, settled: 10 });
  });

  it("has its tokens counted in dollars, by the price of its model", async () => {
    const time = createVirtualTime();
    const usd = { unit: "usd", limit: 1, windowMs: 86_400_000, shape: "window" } as const;
    const prices = { m: { inputUsdPerMillion: 1000, outputUsdPerMillion: 1000 } };
    const pace = createPace({ quotas: { "*": [usd] }, prices }, { clock: time, random: () => 0.5 });
    const result = { content: [], usage: { inputTokens: { total: 100 }, outputTokens: { total: 150 } } };
    const answered = paceMiddleware(pace).wrapGenerate({
      doGenerate: async () => result,
      params: { prompt: [], maxOutputTokens: 200 },
      model: { provider: "example.chat", modelId: "m" },
    });
    await time.runSettled(5000);
    expect(await answered).toBe(result);
    expect(pace.gauges().find(({ unit }) => unit === "usd")?.used).toBe(0.25);
    pace.close();
  });

  describe("of a stream", () => {
    const said = ["text-delta", "reasoning-delta", "tool-input-delta"].map((type) => ({ type, id: "1", delta: "The moon is far." }));
    const finish = { type: "finish", usage: { inputTokens: { total: 7 }, outputTokens: { total: 900 } } };

    /** What it takes of the quota of tokens, read so far or to its end. */
    async function taken(parts: readonly object[], reads = Number.POSITIVE_INFINITY): Promise<number | undefined> {
      const { pace } = town([], { quotas: { "p m": [{ unit: "tokens", limit: 1e6, windowMs: 60_000 }] } });
      const stream = new ReadableStream<object>({
        start: (controller) => {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      });
      const model = { provider: "p", modelId: "m" };
      const result = await paceMiddleware(pace).wrapStream({
        doStream: async () => ({ stream }),
        params: { prompt: "How far is the moon?" },
        model,
      });
      const reader = result.stream.getReader();
      const seen: object[] = [];
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        seen.push(next.value);
        if (seen.length >= reads) break;
      }
      await reader.cancel();
      expect(seen).toEqual(parts.slice(0, reads));
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      return pace
        .state()
        .get("p m")
        ?.accounts.find(({ unit }) => unit === "tokens")?.settled;
    }

    it("what its last part tells is counted", async () => {
      expect(await taken([...said, finish])).toBe(907);
    });

    it("what was said is counted, with the question, where it tells nothing or was left", async () => {
      const question = await taken([]);
      expect(question).toBeGreaterThan(0);
      const one = Math.ceil(guessedTokens("The moon is far."));
      expect(await taken(said)).toBeLessThanOrEqual((question ?? 0) + 3 * one);
      expect(await taken(said)).toBeGreaterThan((question ?? 0) + 2 * one);
      expect(await taken(said, 1)).toBe((question ?? 0) + one);
    });
  });

  it("tells the SDK not to ask again what was given up here", async () => {
    const { pace, time } = town([]);
    const model = { provider: "p", modelId: "m" };
    const refuse = async (): Promise<object> => {
      throw Object.assign(new Error("no"), { statusCode: 429, responseHeaders: { "retry-after": "259200" }, isRetryable: true });
    };
    const answer = paceMiddleware(pace)
      .wrapGenerate({ doGenerate: refuse, params: { prompt: "" }, model })
      .catch((error: unknown) => error);
    await time.runSettled(1000);
    expect(await answer).toMatchObject({ statusCode: 429, isRetryable: false });
  });

  it.each([{ statusCode: 502 }, { statusCode: 408 }, {}])("leaves to the SDK what was asked once here: %j", async (fields) => {
    const { pace, time } = town([]);
    let asks = 0;
    const fail = async (): Promise<object> => {
      asks++;
      throw Object.assign(new Error("no"), fields, { isRetryable: true });
    };
    const answer = paceMiddleware(pace)
      .wrapGenerate({ doGenerate: fail, params: { prompt: "" }, model: { provider: "p", modelId: "m" } })
      .catch((error: unknown) => error);
    await time.runSettled(60_000);
    expect([await answer, asks]).toMatchObject([{ ...fields, isRetryable: true }, 1]);
  });

  it("knows no class that is none", async () => {
    const { pace } = town([]);
    const asked = paceMiddleware(pace, "v3").wrapGenerate({
      doGenerate: async () => ({}),
      params: { prompt: "", providerOptions: { pace: { class: "urgent" } } },
      model: { provider: "p", modelId: "m" },
    });
    await expect(asked).rejects.toThrow("urgent");
  });
});

describe("what wrappers are given", () => {
  const { pace } = town([]);
  it.each<[string, () => unknown]>([
    ["no pace, to pace a function", () => paced(undefined as never, "a", async () => 1)],
    ["no name", () => paced(pace, (async () => 1) as never, undefined as never)],
    ["no function", () => paced(pace, "a", "b" as never)],
    ["an option that nobody reads", () => paced(pace, "a", async () => 1, { class: "normal" } as never)],
    ["a guess that is no function", () => paced(pace, "a", async () => 1, { guess: { requests: 1 } } as never)],
    ["no pace, for a client", () => clientFetch({} as never)],
    ["no pace, for the AI SDK", () => paceMiddleware(undefined as never)],
    ["a version that is none", () => paceMiddleware(pace, "v5" as never)],
    ["no meter", () => createTelemetry({ meter: {} as never })],
    ["telemetry of nothing", () => createTelemetry(undefined as never)],
  ])("is refused where it is %s", (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "bad-argument" }));
  });
});
