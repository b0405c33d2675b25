import { describe, expect, it } from "vitest";
import { settled } from "../host/node/settled.ts";
import type { Step } from "../ladder/step.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { answerCache } from "./answer-cache.ts";
import { cheaperModel } from "./cheaper-model.ts";
import { deferring } from "./defer.ts";
import { createDegrader } from "./degrader.ts";
import { fewerTokens } from "./fewer-tokens.ts";
import { fetchLesser, type LesserTraits } from "./lesser-fetch.ts";
import { stampsOf } from "./stamp.ts";
import type { Lesser } from "./strategy.ts";

const URL_OF_IT = "https://api.example.com/v1/messages";
const GEMINI = "https://generativelanguage.googleapis.com/v1/models/large:generateContent";
const BODY = { model: "large", max_tokens: 1000, messages: [{ role: "user", content: "hello" }] };

function town(step: Step | undefined) {
  const clock = createVirtualTime();
  const short = { step };
  const sent: { readonly url: string; readonly init: RequestInit }[] = [];
  const degrader = createDegrader(
    {
      strategies: [
        answerCache({}, clock),
        deferring({ defer: () => "t1", takeBack: () => undefined }),
        fewerTokens(),
        cheaperModel({ models: { large: "small" } }),
      ],
    },
    { clock, shortageOf: () => (short.step === undefined ? undefined : { step: short.step, gauge: "api requests minute" }) },
  );
  const send = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    sent.push({ url: input instanceof Request ? input.url : String(input), init });
    return new Response(`{"nth":${sent.length}}`, { headers: { "content-type": "application/json", "x-request-id": "7" } });
  };
  const ask = (input: string | Request, init: RequestInit = {}, traits: Partial<LesserTraits> = {}): Promise<Response> =>
    fetchLesser(degrader, { scope: "", ...traits }, send, input, init);
  const post = (body: unknown, traits?: Partial<LesserTraits>): Promise<Response> =>
    ask(URL_OF_IT, { method: "POST", headers: { "content-length": "99" }, body: JSON.stringify(body) }, traits);
  return { degrader, short, sent, ask, post };
}

async function stampsIn(answer: Promise<Response>): Promise<readonly string[]> {
  return stampsOf((await answer).headers.get("pace-degraded")).map(({ strategy }) => strategy);
}

describe("a fetch that does with less", () => {
  it("hands on what is asked, and the answer, as they are while nothing is short", async () => {
    const { sent, post } = town(undefined);
    const answer = await post(BODY);
    expect(answer.headers.has("pace-degraded")).toBe(false);
    expect(sent[0]?.init.body).toBe(JSON.stringify(BODY));
  });

  it("asks a lesser question, and stamps the answer with each thing that was lost", async () => {
    const { sent, post } = town("saving");
    const answer = await post(BODY);
    expect(JSON.parse(String(sent[0]?.init.body))).toEqual({ ...BODY, max_tokens: 500, model: "small" });
    expect(new Headers(sent[0]?.init.headers).has("content-length")).toBe(false);
    expect(stampsOf(answer.headers.get("pace-degraded"))).toMatchObject([
      { strategy: "fewer tokens", step: "saving", gauge: "api requests minute", lost: "an answer of 500 tokens at most instead of 1000" },
      { strategy: "cheaper model" },
    ]);
    expect([answer.status, answer.headers.get("x-request-id"), await answer.json()]).toEqual([200, "7", { nth: 1 }]);
  });

  it("stamps an answer that is from elsewhere, or failed, and leaves it so", async () => {
    const { degrader } = town("saving");
    const init = { method: "POST", body: JSON.stringify(BODY) };
    const from = Object.defineProperty(new Response("{}"), "url", { value: "https://other.example.com/" });
    for (const given of [from, Response.error()]) {
      const answer = await fetchLesser(degrader, { scope: "" }, async () => given, URL_OF_IT, init);
      expect([answer.status, answer.type, answer.url]).toEqual([given.status, given.type, given.url]);
      expect(await stampsIn(Promise.resolve(answer))).toEqual(["fewer tokens", "cheaper model"]);
    }
  });

  it("asks another address where the model is in it", async () => {
    const { sent, ask } = town("saving");
    await ask(GEMINI, { method: "POST", body: '{"contents":[]}' });
    expect(sent[0]?.url).toBe(GEMINI.replace("large", "small"));
  });

  it("gives an answer of before for a question that was asked, more than once, and to nobody else", async () => {
    const { short, sent, post } = town(undefined);
    await post(BODY);
    await settled();
    short.step = "saving";
    for (let nth = 0; nth < 2; nth++) {
      const answer = await post(BODY);
      expect(stampsOf(answer.headers.get("pace-degraded")).map(({ strategy }) => strategy)).toEqual(["cache"]);
      expect(await answer.json()).toEqual({ nth: 1 });
    }
    expect(sent.length).toBe(1);
    expect(await stampsIn(post(BODY, { scope: "other credentials" }))).not.toContain("cache");
  });

  it("never takes an order for one that was given before", async () => {
    const { short, sent, post } = town(undefined);
    await post({ order: 1 });
    await settled();
    short.step = "emergency";
    const answer = await post({ order: 1 });
    expect(answer.headers.has("pace-degraded")).toBe(false);
    expect(sent.length).toBe(2);
  });

  it("takes the caller's word for what only asks, and for what does not", async () => {
    const { short, sent, post } = town(undefined);
    for (const isQuestion of [true, false]) await post(isQuestion ? { search: 1 } : BODY, { isQuestion });
    await settled();
    short.step = "saving";
    expect(await stampsIn(post({ search: 1 }, { isQuestion: true }))).toEqual(["cache"]);
    expect(await stampsIn(post(BODY, { isQuestion: false }))).not.toContain("cache");
    expect(sent.length).toBe(3);
  });

  it("answers with 202 and a ticket who said that it may be deferred", async () => {
    const { sent, post } = town("saving");
    const answer = await post(BODY, { isDeferrable: true });
    expect([answer.status, await answer.json()]).toEqual([202, { deferred: { ticket: "t1" } }]);
    expect(await stampsIn(Promise.resolve(answer))).toEqual(["defer"]);
    expect(sent.length).toBe(0);
  });

  it.each([
    ["text that is no JSON", { method: "POST", body: "hello" }],
    ["a list", { method: "POST", body: "[1]" }],
    ["a form", { method: "POST", body: new URLSearchParams({ a: "b" }) }],
    ["bytes", { method: "POST", body: new TextEncoder().encode("{}") }],
  ])("hands on %s as it is", async (_name, init) => {
    const { sent, ask } = town("emergency");
    const answer = await ask(URL_OF_IT, init);
    expect(answer.headers.has("pace-degraded")).toBe(false);
    expect(sent[0]?.init.body).toBe(init.body);
  });

  const ring: Record<string, unknown> = {};
  ring["ring"] = ring;
  it.each<[string, Lesser]>([
    ["an answer that is none", { kind: "answer", result: "hello", lost: "all" }],
    ["no answer", { kind: "answer", result: undefined, lost: "all" }],
    ["no request", { kind: "request", request: null, lost: "all" }],
    ["a request to nowhere", { kind: "request", request: { url: "nowhere", method: "GET" }, lost: "all" }],
    ["a request that has itself in it", { kind: "request", request: { url: URL_OF_IT, method: "POST", body: ring }, lost: "all" }],
  ])("asks in full where a strategy gives %s", async (_name, given) => {
    const clock = createVirtualTime();
    const shortageOf = () => ({ step: "saving" as const, gauge: "api requests minute" });
    const degrader = createDegrader({ strategies: [{ name: "odd", from: "saving", lessen: () => given }] }, { clock, shortageOf });
    const answer = await fetchLesser(degrader, { scope: "" }, async () => new Response("in full"), URL_OF_IT);
    expect([await answer.text(), answer.headers.has("pace-degraded")]).toEqual(["in full", false]);
  });

  it("knows a Request too, and hands on one with a body unread", async () => {
    const { short, sent, ask } = town(undefined);
    await ask(new Request(URL_OF_IT));
    await settled();
    short.step = "saving";
    expect(await stampsIn(ask(new Request(URL_OF_IT)))).toEqual(["cache"]);
    await ask(new Request(URL_OF_IT, { method: "POST", body: JSON.stringify(BODY) }));
    expect(sent.length).toBe(2);
  });
});
