import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerCache } from "./degrade/answer-cache.ts";
import { isPaceError, type PaceError } from "./error.ts";
import { createPace, type Fetch, type Pace } from "./pace.ts";
import type { PacePolicy } from "./policy.ts";
import { seededRandom } from "./testing/draws.ts";
import { createProvider, type ProviderSettings } from "./testing/provider.ts";
import { createVirtualTime, type VirtualTime } from "./testing/virtual-time.ts";

const URL_OF_IT = "https://api.example.com/v1/things";

interface Town {
  readonly time: VirtualTime;
  readonly pace: Pace;
  readonly provider: ReturnType<typeof createProvider>;
}

function town(settings: Partial<ProviderSettings> = {}, policy: PacePolicy = {}, wrap: (fetch: Fetch) => Fetch = (fetch) => fetch): Town {
  const time = createVirtualTime();
  const random = seededRandom(7);
  const provider = createProvider(time, random, settings);
  return { time, provider, pace: createPace(policy, { clock: time, random, fetch: wrap(provider.fetch) }) };
}

async function errorOf(promise: Promise<unknown>): Promise<PaceError> {
  const error = await promise.then(
    () => expect.unreachable("it was answered"),
    (reason: unknown) => reason,
  );
  if (!isPaceError(error)) throw error;
  return error;
}

/** What came of it, in a word. */
function codeOf(promise: Promise<Response>): Promise<string> {
  return promise.then(
    ({ status }) => String(status),
    (error: unknown) => (isPaceError(error) ? error.code : (error as Error).message),
  );
}

describe("pace.fetch in virtual time", () => {
  it("answers two hundred calls of a service that lets in ten a second and says nothing, and loses none", async () => {
    const { time, pace, provider } = town();
    const all = Promise.all(Array.from({ length: 200 }, () => pace.fetch(URL_OF_IT).then(({ status }) => status)));
    await time.runSettled(60_000);
    expect(new Set(await all)).toEqual(new Set([200]));
    expect(provider.refused).toBeLessThan(40);
  });

  it("does so without a refusal where levels are told", async () => {
    const { time, pace, provider } = town({ tells: "levels" });
    const all = Promise.all(Array.from({ length: 200 }, () => pace.fetch(URL_OF_IT).then(({ status }) => status)));
    await time.runSettled(60_000);
    expect(new Set(await all)).toEqual(new Set([200]));
    expect(provider.refused).toBe(0);
  });

  it("lets a heartbeat leave at once while one requester asks for everything", async () => {
    const { time, pace } = town({ tells: "levels" });
    const flood = pace.with({ class: "background", requester: "flood", deadlineMs: 600_000 });
    for (let nth = 0; nth < 2000; nth++) flood.fetch(URL_OF_IT).catch(() => undefined);
    const heart = pace.with({ class: "heartbeat" });
    const took: number[] = [];
    for (let beat = 1; beat <= 20; beat++)
      time.wake(beat * 5000, () => {
        const from = time.now();
        heart.fetch(URL_OF_IT).then(
          ({ status }) => {
            expect(status).toBe(200);
            took.push(time.now() - from);
          },
          () => took.push(Number.POSITIVE_INFINITY),
        );
      });
    await time.runSettled(110_000);
    expect(took.length).toBe(20);
    // As long as an answer takes, and no longer.
    expect(Math.max(...took)).toBeLessThanOrEqual(750);
    pace.close();
  });

  it("refuses before it waits what would be late, and says when it would not be", async () => {
    const { time, pace } = town({ perSecond: () => 1, tells: "levels" });
    for (let nth = 0; nth < 100; nth++) void codeOf(pace.with({ deadlineMs: 600_000 }).fetch(URL_OF_IT));
    await time.runSettled(30_000);
    const error = await errorOf(pace.with({ deadlineMs: 5000 }).fetch(URL_OF_IT));
    expect(error.code).toBe("too-late");
    expect(error.availableInMs).toBeGreaterThan(5000);
    expect(error.availableInMs).toBeLessThan(200_000);
    pace.close();
  });

  it("refuses what waits as soon as it is sure to be late, and closing refuses the rest", async () => {
    const { time, pace } = town({ perSecond: () => 0.01, burst: 1 });
    const calls = Array.from({ length: 30 }, () => codeOf(pace.with({ deadlineMs: 20_000 }).fetch(URL_OF_IT)));
    await time.runSettled(40_000);
    const codes = new Set(await Promise.all(calls));
    // One was let in, those that were refused say so, and nobody waited for longer than he was told to.
    expect([...codes].sort()).toEqual(["200", "429", "too-late"]);
    // The first is under way, which closing does not end.
    const [, left] = [1, 2].map(() => codeOf(pace.with({ deadlineMs: 600_000 }).fetch(URL_OF_IT)));
    pace.close();
    expect(await left).toBe("closed");
    expect(await codeOf(pace.fetch(URL_OF_IT))).toBe("closed");
  });

  it("gives the last refusal back where no attempt is left", async () => {
    const { time, pace, provider } = town({ perSecond: () => 1e-9, burst: 0 }, { attempts: 3 });
    const answer = pace.fetch(URL_OF_IT);
    await time.runSettled(60_000);
    expect((await answer).status).toBe(429);
    expect(await (await answer).text()).toBe('{"error":"too many"}');
    expect(provider.refused).toBe(3);
  });

  it("does not wait for three days where nobody does", async () => {
    const { time, pace } = town({}, {}, () => async () => new Response("", { status: 429, headers: { "retry-after-ms": "259200000" } }));
    const first = pace.fetch(URL_OF_IT);
    await time.runSettled(1000);
    expect((await first).status).toBe(429);
    const error = await errorOf(pace.fetch(URL_OF_IT));
    expect(error.code).toBe("too-late");
    expect(error.availableInMs).toBeCloseTo(259_200_000, -4);
  });

  it("asks again what a service failed at, if asking twice is the same as once, and within the budget", async () => {
    let asked = 0;
    const failing: Fetch = async () => {
      asked++;
      return new Response("", { status: 500 });
    };
    const { time, pace } = town({}, {}, () => failing);
    const all = Promise.all(
      Array.from({ length: 100 }, () =>
        pace
          .with({ deadlineMs: 30_000 })
          .fetch(URL_OF_IT)
          .then(({ status }) => status),
      ),
    );
    await time.runSettled(120_000);
    expect(new Set(await all)).toEqual(new Set([500]));
    // A tenth of a hundred, ten to begin with, and one every six seconds.
    expect(asked).toBeGreaterThan(115);
    expect(asked).toBeLessThan(140);
    asked = 0;
    const post = pace.fetch(URL_OF_IT, { method: "POST", body: "{}" });
    await time.runSettled(time.now() + 60_000);
    expect((await post).status).toBe(500);
    expect(asked).toBe(1);
  });

  const FAILING: Fetch = async () => new Response("", { status: 500 });

  it("gives failures of a service back while it knows of them, where too many failed for all to be tried again", async () => {
    const { time, pace } = town({}, {}, () => FAILING);
    let ended = 0;
    for (let nth = 0; nth < 100; nth++) void pace.fetch(URL_OF_IT).then(() => ended++);
    await time.runSettled(11_000);
    // By then all have left for the first time; one of them waits for its next attempt, and one more may.
    expect(ended).toBeGreaterThanOrEqual(98);
    await time.runSettled(21_000);
    expect(ended).toBe(100);
  });

  it("ends the wait for another attempt when it is closed", async () => {
    const { time, pace } = town({}, {}, () => FAILING);
    const ends: number[] = [];
    for (let nth = 0; nth < 30; nth++) void pace.fetch(URL_OF_IT).then(({ status }) => ends.push(status));
    for (let atMs = 100; ends.length < 20; atMs += 100) await time.runSettled(atMs);
    expect(ends.length).toBeLessThan(30);
    pace.close();
    await time.runSettled(time.now());
    expect(ends).toEqual(Array.from({ length: 30 }, () => 500));
  });

  it("takes a call out of the line when its signal says so", async () => {
    const { time, pace } = town({}, { quotas: { "https://api.example.com": [{ limit: 1, windowMs: 60_000 }] } });
    const controller = new AbortController();
    const calls = Array.from({ length: 10 }, () =>
      codeOf(pace.with({ deadlineMs: 3_600_000 }).fetch(URL_OF_IT, { signal: controller.signal })),
    );
    await time.runSettled(3000);
    expect([...pace.state().values()][0]?.waiting).toBe(9);
    controller.abort(new RangeError("not any more"));
    expect((await Promise.all(calls)).filter((code) => code === "not any more").length).toBe(9);
    expect([...pace.state().values()][0]?.waiting).toBe(0);
  });

  it("keeps to a limit of its owner's, whatever the service lets in", async () => {
    const { time, pace, provider } = town(
      { perSecond: () => 1000, burst: 1000 },
      { quotas: { "https://api.example.com": [{ limit: 30, windowMs: 60_000 }] } },
    );
    for (let nth = 0; nth < 200; nth++)
      pace
        .with({ deadlineMs: 600_000 })
        .fetch(URL_OF_IT)
        .catch(() => undefined);
    await time.runSettled(120_000);
    expect(provider.accepted).toBeGreaterThan(60);
    expect(provider.accepted).toBeLessThanOrEqual(90);
    pace.close();
  });

  it("keeps the quotas of keys, models and services apart", async () => {
    const { time, pace } = town();
    const ask = (url: string, key: string, model: string): Promise<Response> =>
      pace.fetch(url, { method: "POST", headers: { authorization: key }, body: JSON.stringify({ model }) });
    const all = [
      ask(URL_OF_IT, "a", "x"),
      ask(URL_OF_IT, "b", "x"),
      ask(URL_OF_IT, "a", "y"),
      ask("https://other.example/", "a", "x"),
      ask(URL_OF_IT, "a", "x"),
    ];
    await time.runSettled(5000);
    await Promise.all(all);
    expect(pace.state().size).toBe(4);
    expect([...pace.state().keys()].join(" ")).not.toContain("Bearer");
  });

  it("refuses what cannot be", async () => {
    expect((await errorOf(createPace().fetch("no address"))).code).toBe("bad-argument");
    expect(() => createPace().with({ class: "nobody" })).toThrow(/no class of calls/);
    expect(() => createPace({ usualClass: "nobody" })).toThrow(/no class of calls/);
  });
});

describe("pace.fetch and a server", () => {
  let refusals = 0;
  const bodies: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    request.on("data", (piece: Buffer) => {
      body += piece.toString();
    });
    request.on("end", () => {
      bodies.push(body);
      if (refusals-- > 0) response.writeHead(429, { "retry-after-ms": "20" }).end('{"error":{"message":"slow down"}}');
      else response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
    });
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => new Promise((resolve) => void server.close(resolve)));

  it.each([
    ["text", () => ({ method: "POST", body: "hello" })],
    ["a form", () => ({ method: "POST", body: new URLSearchParams({ a: "hello" }) })],
    ["bytes", () => ({ method: "POST", body: new TextEncoder().encode("hello") })],
  ])("sends %s again when it was refused", async (_name, init) => {
    using pace = createPace();
    refusals = 2;
    bodies.length = 0;
    const answer = await pace.fetch(url, init());
    expect(await answer.json()).toEqual({ ok: true });
    expect(bodies.length).toBe(3);
    for (const body of bodies) expect(body).toContain("hello");
  });

  it("sends a Request again, and a stream not", async () => {
    using pace = createPace();
    refusals = 1;
    const answer = await pace.fetch(new Request(url, { method: "PUT", body: "hello" }));
    expect(answer.status).toBe(200);
    refusals = 1;
    const stream = new Blob(["hello"]).stream();
    const once = await pace.fetch(url, { method: "POST", body: stream, duplex: "half" } as RequestInit);
    expect(once.status).toBe(429);
    expect(await once.text()).toContain("slow down");
  });

  it.each([
    [
      "a generator",
      async function* () {
        yield "hello";
      },
    ],
    ["a stream of Node's", () => Readable.from(["hello"])],
  ])("sends %s once, as it is empty when it was read", async (_name, bodyOf) => {
    using pace = createPace();
    refusals = 1;
    bodies.length = 0;
    const once = await pace.fetch(url, { method: "POST", body: bodyOf(), duplex: "half" } as unknown as RequestInit);
    expect(once.status).toBe(429);
    expect(bodies).toEqual(["hello"]);
  });

  it("heeds the signal of a Request unless another is named, or none", async () => {
    using pace = createPace();
    const request = new Request(url, { signal: AbortSignal.abort(new Error("taken back")) });
    await expect(pace.fetch(request)).rejects.toThrow("taken back");
    expect((await pace.fetch(request, { signal: null })).status).toBe(200);
  });

  it("hands a refusal on that somebody has read already", async () => {
    const read: Fetch = async () => {
      const answer = new Response("too many", { status: 429 });
      await answer.text();
      return answer;
    };
    using pace = createPace({ attempts: 1 }, { fetch: read });
    expect((await pace.fetch(url)).status).toBe(429);
  });

  it("hands the answer of a model on whose body somebody else has", async () => {
    const locked: Fetch = async () => {
      const answer = Response.json({ usage: {} });
      answer.body?.getReader();
      return answer;
    };
    using pace = createPace({}, { fetch: locked });
    expect((await pace.fetch(url, { method: "POST", body: '{"model":"small"}' })).status).toBe(200);
  });

  it("throws what the network throws", async () => {
    using pace = createPace();
    await expect(pace.fetch("http://127.0.0.1:1/")).rejects.toThrow("fetch failed");
    expect([...pace.state().values()][0]?.underWay).toBe(0);
  });
});

describe("an answer of before", () => {
  it("is for who got it, and for nobody whose fields tell him apart", async () => {
    let count = 0;
    const time = createVirtualTime();
    const quotas = { "https://api.example.com": [{ limit: 10, windowMs: 86_400_000, shape: "window" as const }] };
    const pace = createPace(
      { quotas, lesser: [answerCache({}, time)] },
      { clock: time, random: seededRandom(7), fetch: async () => Response.json({ count: ++count }) },
    );
    const asked = async (cookie: string): Promise<unknown> => {
      const answer = pace.fetch(URL_OF_IT, { headers: { cookie } }).then((one) => one.json());
      await time.runSettled(time.now() + 20_000);
      return await answer;
    };
    for (let nth = 0; nth < 8; nth++) await asked("of=one");
    expect(await asked("of=one")).toEqual({ count: 8 });
    expect(await asked("of=other")).toEqual({ count: 9 });
  });
});

describe("how it stands", () => {
  const question = JSON.stringify({ model: "large", max_tokens: 100, messages: [] });
  it.each<[string, () => [string | Request, RequestInit?]]>([
    ["a text", () => [URL_OF_IT, { method: "POST", body: question }]],
    ["bytes", () => [URL_OF_IT, { method: "POST", body: new TextEncoder().encode(question) }]],
    ["a Request", () => [new Request(URL_OF_IT, { method: "POST", body: question })]],
  ])("counts what an answer cost where the question was %s", async (_name, ask) => {
    const time = createVirtualTime();
    const pace = createPace(
      {
        quotas: { "*": [{ unit: "usd", limit: 10, windowMs: 86_400_000, shape: "window" }] },
        prices: { large: { inputUsdPerMillion: 1000, outputUsdPerMillion: 1000 } },
      },
      {
        clock: time,
        random: () => 0.5,
        fetch: async () => Response.json({ model: "large", usage: { prompt_tokens: 500, completion_tokens: 500 } }),
      },
    );
    const answer = pace.fetch(...ask());
    await time.runSettled(100);
    await (await answer).text();
    await time.runSettled(200);
    expect(pace.gauges().find(({ unit }) => unit === "usd")?.used).toBe(1);
    pace.close();
  });

  it.each([400, 500])("counts no dollars for calls that end in an error of %d", async (status) => {
    const time = createVirtualTime();
    const pace = createPace(
      {
        quotas: { "*": [{ unit: "usd", limit: 1, windowMs: 86_400_000, shape: "window" }] },
        prices: { large: { inputUsdPerMillion: 1000, outputUsdPerMillion: 1000 } },
      },
      { clock: time, random: () => 0.5, fetch: async () => new Response('{"error":{}}', { status }) },
    );
    for (let nth = 0; nth < 20; nth++) {
      const code = codeOf(pace.fetch(URL_OF_IT, { method: "POST", body: question }));
      await time.runSettled(time.now() + 2000);
      expect(await code).toBe(String(status));
    }
    expect(pace.gauges().find(({ unit }) => unit === "usd")?.used).toBe(0);
    pace.close();
  });

  it("gives the result of work though what is to tell of it throws, and counts what was guessed", async () => {
    const faults: unknown[] = [];
    const quotas = { search: [{ limit: 10, windowMs: 3_600_000 }] };
    const pace = createPace({ quotas }, { clock: createVirtualTime(), random: () => 0.5, fault: (fault) => faults.push(fault) });
    const told = (): never => {
      throw new Error("no such field");
    };
    expect(await pace.run("search", async () => "found", { told })).toBe("found");
    expect(faults).toMatchObject([{ kind: "failed", who: 'told of "search"' }]);
    expect(pace.gauges()[0]?.used).toBe(1);
    pace.close();
  });

  it("counts what work took of a quota of the owner's, though nobody guessed that it would take of it", async () => {
    const day = { limit: 10, windowMs: 86_400_000, shape: "window" } as const;
    const { pace } = town({}, { quotas: { search: [{ unit: "usd", ...day }] } });
    await pace.run("search", async () => "found", { told: () => ({ used: { usd: 0.5 } }) });
    expect(pace.state().get("search")?.accounts).toMatchObject([{ unit: "usd", used: 0.5, settled: 0.5, available: 9.5 }]);
  });

  it("is told of each quota in numbers, wherever it is known from, and by nothing that who looks could move", async () => {
    const { pace, time } = town({}, { quotas: { search: [{ unit: "tokens", limit: 1000, windowMs: Number.POSITIVE_INFINITY }] } });
    const headers = { "x-ratelimit-limit": "100", "x-ratelimit-remaining": "40", "x-ratelimit-reset": "30" };
    await pace.run("search", async () => "found", { told: () => ({ headers, used: { requests: 1 } }) });
    await time.runSettled(1000);
    const accounts = pace.state().get("search")?.accounts;
    expect(JSON.parse(JSON.stringify(accounts))).toMatchObject([
      { unit: "tokens", source: "policy", used: 0, available: 1000, resetInMs: 0, settled: 0 },
      { unit: "requests", source: "header", used: 60, available: 40, resetInMs: 29_000 },
    ]);
    for (const account of accounts ?? []) expect(Object.values(account).map((value) => typeof value)).not.toContain("function");
  });
});
