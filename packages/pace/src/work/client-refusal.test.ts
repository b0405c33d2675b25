import { describe, expect, it } from "vitest";
import { createPace, type Fetch } from "../pace.ts";
import { failureAnswer } from "../proxy/failure.ts";
import { seededRandom } from "../testing/draws.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createWorkBench } from "../testing/work-bench.ts";
import { clientFetch } from "../wrappers/client-fetch.ts";
import { troubleOf } from "./piece.ts";
import { task } from "./task.ts";

type Thrown = (answer: Response) => Promise<unknown>;

/** As `openai` 7, `@anthropic-ai/sdk` 1 and `ai` 7 throw what is no answer: looked up in them. */
const openAi: Thrown = async (answer) => {
  const { error } = JSON.parse(await answer.text());
  const { status, headers } = answer;
  return Object.assign(new Error(`${status} ${error?.message}`), { status, headers, error, code: error?.code, type: error?.type });
};
const anthropic: Thrown = async (answer) => {
  const text = await answer.text();
  const { status, headers } = answer;
  return Object.assign(new Error(`${status} ${text}`), { status, headers, error: JSON.parse(text), type: "rate_limit_error" });
};
const aiSdk: Thrown = async (answer) => {
  const responseHeaders = Object.fromEntries(answer.headers);
  return Object.assign(new Error("no"), {
    statusCode: answer.status,
    responseHeaders,
    responseBody: await answer.text(),
    isRetryable: true,
  });
};
const aiSdkAfterTries: Thrown = async (answer) => {
  const lastError = await aiSdk(answer);
  return Object.assign(new Error("Failed after 2 attempts"), {
    reason: "maxRetriesExceeded",
    errors: [new Error("500"), lastError],
    lastError,
  });
};
const wrapped: Thrown = async (answer) => new Error("my agent failed", { cause: await openAi(answer) });
const THROWN = { openAi, anthropic, aiSdk, aiSdkAfterTries, wrapped };

const ADDRESS = "https://api.example.com/v1/chat/completions";

/** What `clientFetch` answers to the second call of a minute that may have one. */
async function refusal(init: RequestInit = {}): Promise<Response> {
  const pace = createPace(
    { quotas: { "*": [{ limit: 1, windowMs: 60_000 }] } },
    { clock: createVirtualTime(), random: seededRandom(1), fetch: async () => new Response("{}") },
  );
  const fetch = clientFetch(pace.with({ deadlineMs: 2000 }));
  await fetch(ADDRESS);
  return await fetch(ADDRESS, init);
}

/** What it answers to a call that is more than the whole minute may have. */
async function refusalOfTooMuch(): Promise<Response> {
  const pace = createPace(
    { quotas: { "*": [{ limit: 1, windowMs: 60_000 }] } },
    { clock: createVirtualTime(), random: seededRandom(1), fetch: async () => new Response("{}") },
  );
  return await clientFetch(pace.with({ cost: { requests: 2 } }))(ADDRESS);
}

/** The service's own, which says what it likes. */
async function ofService(headers: Record<string, string>): Promise<Response> {
  const body = JSON.stringify({ type: "error", error: { type: "rate_limit_error", code: "too-late", message: "it could leave in 110 s" } });
  const send: Fetch = async () => new Response(body, { status: 429, headers: { ...headers, "retry-after-ms": "110000" } });
  const pace = createPace({}, { clock: createVirtualTime(), random: seededRandom(1), fetch: send });
  return await clientFetch(pace.with({ deadlineMs: 2000 }))(ADDRESS, { method: "POST" });
}

function ofProxy(code: "too-late" | "unreachable" | "quota-spent"): Response {
  const availableInMs = code === "quota-spent" ? undefined : 110_000;
  const { status, fields, body } = failureAnswer({ code, message: "it could leave in 110 s", hint: "Later.", availableInMs });
  return new Response(body as string, { status, headers: fields.map(([name, value]): [string, string] => [name, value]) });
}

describe.each(Object.entries(THROWN))("an error that a client throws for an answer (%s)", (_name, thrown) => {
  it("is a budget that stopped the work where clientFetch refused the call", async () => {
    expect(troubleOf(await thrown(await refusal()))).toMatchObject({ kind: "stopped", availableInMs: 60_000 });
  });

  it("is one where the proxy refused the call, and a failure where it could not reach the service", async () => {
    expect(troubleOf(await thrown(ofProxy("too-late")))).toMatchObject({ kind: "stopped", availableInMs: 110_000, isUnmade: false });
    expect(troubleOf(await thrown(ofProxy("unreachable")))).toEqual({ kind: "failed" });
  });

  it("is a failure where the service refused it, whatever words and fields it says that in", async () => {
    expect(troubleOf(await thrown(await ofService({ "pace-refused": "too-late" })))).toEqual({ kind: "failed" });
  });

  it("is hopeless where clientFetch, or the proxy, refused a call that is more than a whole quota has", async () => {
    expect(troubleOf(await thrown(await refusalOfTooMuch()))).toMatchObject({ kind: "hopeless" });
    expect(troubleOf(await thrown(ofProxy("quota-spent")))).toMatchObject({ kind: "hopeless", isUnmade: false });
  });

  it("is a mistake that no other time cures where the call made no sense", async () => {
    expect(troubleOf(await thrown(await refusal({ headers: { "pace-class": "urgent" } })))).toMatchObject({ kind: "hopeless" });
  });
});

describe("nothing came about of a call that clientFetch refused", () => {
  it("where it was the client's first try", async () => {
    for (const thrown of [openAi, anthropic, aiSdk, wrapped])
      expect(troubleOf(await thrown(await refusal({ headers: { "x-stainless-retry-count": "0" } })))).toMatchObject({ isUnmade: true });
  });

  it("and nobody knows it of a later one", async () => {
    expect(troubleOf(await openAi(await refusal({ headers: { "x-stainless-retry-count": "1" } })))).toMatchObject({ isUnmade: false });
    expect(troubleOf(await aiSdkAfterTries(await refusal()))).toMatchObject({ kind: "stopped", isUnmade: false });
  });
});

it("an error that cannot be looked at is a failure", () => {
  const error = Object.defineProperty(new Error("hostile"), "status", {
    get: () => {
      throw new Error("do not look");
    },
  });
  expect(troubleOf(error)).toEqual({ kind: "failed" });
  const circle: { lastError?: unknown } = {};
  circle.lastError = circle;
  expect(troubleOf(circle)).toEqual({ kind: "failed" });
});

it("a step that a client was refused in waits as long as that says, and goes on", async () => {
  const { time, open } = createWorkBench();
  let refused: Response | undefined = await refusal();
  const begun: number[] = [];
  const ask = async (): Promise<string> => {
    begun.push(time.now());
    const answer = refused;
    refused = undefined;
    if (answer !== undefined) throw await openAi(answer);
    return "done";
  };
  const work = await open();
  work.handle("ask", task({ version: 1, steps: [{ name: "ask", effect: "keyless", run: ask }] }));
  await work.defer("ask", null, { key: "a" });
  await time.runSettled(59_000);
  expect(work.status("a")).toMatchObject({ state: "waiting", tries: 0 });
  await time.runSettled(62_000);
  expect(work.status("a")).toMatchObject({ state: "done" });
  expect(begun.length).toBe(2);
});
