import { describe, expect, it } from "vitest";
import { createPace, type Fetch, type Pace } from "../pace.ts";
import { seededRandom } from "../testing/draws.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import { clientFetch } from "./client-fetch.ts";

const URL_OF_IT = "https://api.example.com/v1/chat/completions";

interface Town {
  readonly time: VirtualTime;
  readonly pace: Pace;
  readonly fetch: Fetch;
  readonly asked: Headers[];
}

function town(answer: () => Response): Town {
  const time = createVirtualTime();
  const asked: Headers[] = [];
  const send: Fetch = async (input, init) => {
    asked.push(new Request(input, init).headers);
    return answer();
  };
  const pace = createPace(
    { quotas: { "https://api.example.com": [{ limit: 1, windowMs: 60_000 }] } },
    { clock: time, random: seededRandom(1), fetch: send },
  );
  return { time, pace, fetch: clientFetch(pace), asked };
}

const ok = (): Response => new Response("{}");

describe("fields of one request", () => {
  it("say its class, its requester and its deadline, and are not sent", async () => {
    const { fetch, pace, time, asked } = town(ok);
    const seen: unknown[] = [];
    const spied = clientFetch({
      ...pace,
      with: (traits) => {
        seen.push(traits);
        return pace.with(traits);
      },
    });
    const headers = { "pace-class": "background", "pace-requester": "ann", "pace-deadline-ms": "5000", "x-own": "1" };
    await spied(URL_OF_IT, { headers });
    await spied(new Request(URL_OF_IT, { headers })).catch(() => undefined);
    expect(seen).toEqual(Array(2).fill({ class: "background", requester: "ann", deadlineMs: 5000 }));
    expect([...(asked[0] ?? new Headers()).keys()]).toEqual(["x-own"]);
    void fetch;
    void time;
  });

  it("that make no sense are answered with 400, and nothing is sent", async () => {
    const { fetch, asked } = town(ok);
    for (const headers of [
      { "pace-class": "urgent" },
      { "pace-deadline-ms": "soon" },
      { "pace-deadline-ms": "-1" },
      { "Pace-Clas": "background" },
    ]) {
      const answer = await fetch(URL_OF_IT, { headers: headers as Record<string, string> });
      expect([answer.status, answer.headers.get("x-should-retry"), answer.headers.get("pace-refused")]).toEqual([
        400,
        "false",
        "bad-argument",
      ]);
    }
    expect(asked.length).toBe(0);
  });
});

describe("what cannot leave in time", () => {
  it("is an answer of 429 that says when it could, and that it need not be asked again", async () => {
    const { fetch } = town(ok);
    await fetch(URL_OF_IT);
    const answer = await fetch(URL_OF_IT, { headers: { "pace-deadline-ms": "1000" } });
    expect([answer.status, answer.headers.get("pace-refused"), answer.headers.get("x-should-retry")]).toEqual([429, "too-late", "false"]);
    expect(answer.headers.get("retry-after-ms")).toBe("60000");
    expect(await answer.json()).toMatchObject({ type: "error", error: { type: "rate_limit_error", code: "too-late" } });
  });

  it("is known at once where it is later than the client waits", async () => {
    const { fetch } = town(ok);
    await fetch(URL_OF_IT);
    expect((await fetch(URL_OF_IT, { headers: { "x-stainless-timeout": "10" } })).status).toBe(429);
  });
});

describe("what was asked again until nothing helped", () => {
  it.each([
    [429, '{"error":{"code":"insufficient_quota"}}', "POST", "false"],
    [500, "", "GET", "false"],
    [408, "", "GET", "false"],
    // These were asked once here: the client may.
    [500, "", "POST", null],
    [408, "", "POST", null],
    [200, "{}", "POST", null],
    [404, "", "GET", null],
  ])("%d %s of %s is marked so: %s", async (status, body, method, mark) => {
    const { fetch, time } = town(() => new Response(body, { status, headers: { "x-request-id": "7" } }));
    const answer = fetch(URL_OF_IT, { method, headers: { "pace-deadline-ms": "70000" } });
    await time.runSettled(200_000);
    const given = await answer;
    expect([given.status, given.headers.get("x-should-retry"), given.headers.get("x-request-id")]).toEqual([status, mark, "7"]);
    expect(await given.text()).toBe(body);
  });
});

it("is an answer of 400 that says so where a client calls it itself, its pace forgotten", async () => {
  const forgotten = clientFetch as unknown as Fetch;
  for (const address of [URL_OF_IT, new URL(URL_OF_IT), new Request(URL_OF_IT)]) {
    const answer = await forgotten(address, { method: "POST" });
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([400, "false"]);
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining("clientFetch(pace)") } });
  }
  for (const none of [undefined, {}, "pace"]) expect(() => clientFetch(none as never)).toThrow(/no function "fetch"/);
});

it("options of null are none, as of the platform's fetch", async () => {
  const { fetch } = town(ok);
  expect((await fetch(URL_OF_IT, null as unknown as undefined)).status).toBe(200);
});

it("what breaks otherwise is thrown as it is", async () => {
  const { fetch } = town(() => {
    throw new TypeError("fetch failed");
  });
  await expect(fetch(URL_OF_IT)).rejects.toThrow("fetch failed");
});
