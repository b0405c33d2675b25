import { describe, expect, it } from "vitest";
import type { Clock } from "../host/clock.ts";
import { createSettings } from "../settings/register.ts";
import { createHttp } from "./http.ts";
import { createHttpLimits } from "./http-limits.ts";
import { reachOf } from "./reach.ts";
import { createRelayWorld, LISTEN } from "./test-world.ts";

const UNLIMITED = { judge: () => ({ fields: {}, over: undefined }) };
const HERE = { remote: "127.0.0.1:1" };

async function get(path: string, host = "127.0.0.1:4410"): Promise<Response> {
  const stage = createRelayWorld();
  await stage.open();
  return await stage.world.complete(
    stage.world.network.request(LISTEN, new Request(`http://127.0.0.1:4410${path}`, { headers: { host } })),
  );
}

describe("a relay over HTTP", () => {
  it("says that it is well", async () => {
    const answer = await get("/healthz");
    expect([answer.status, await answer.json()]).toEqual([200, { healthy: true, reasons: [] }]);
  });

  it("says that it is starting", async () => {
    const reach = reachOf({ listen: LISTEN });
    const http = createHttp({ reach, status: () => undefined, agentNamed: () => undefined, isOwner: () => true, limits: UNLIMITED });
    const answer = await http.request("http://127.0.0.1/healthz", { headers: { host: "127.0.0.1" } }, HERE);
    expect([answer.status, await answer.json()]).toEqual([503, { healthy: false, reasons: ["the relay is starting"] }]);
  });

  it("shows its status", async () => {
    const answer = await get("/status.json");
    expect(await answer.json()).toMatchObject({
      healthy: true,
      agents: [],
      waitingMessages: 0,
      settings: expect.arrayContaining([expect.objectContaining({ name: "windowFrames", origin: "default" })]),
    });
  });

  for (const host of ["localhost:4410", "127.0.0.1", "[::1]:4410", "127.8.9.1:80"]) {
    it(`answers under ${host}`, async () => {
      expect((await get("/healthz", host)).status).toBe(200);
    });
  }

  for (const host of ["evil.example", "evil.example:4410", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.7:4410", ""]) {
    it(`does not answer under "${host}"`, async () => {
      expect((await get("/status.json", host)).status).toBe(421);
    });
  }

  it("lets no page elsewhere use what it says", async () => {
    const { headers } = await get("/status.json");
    expect([
      headers.get("x-content-type-options"),
      headers.get("access-control-allow-origin"),
      headers.get("content-security-policy"),
    ]).toEqual(["nosniff", null, expect.stringContaining("default-src 'none'")]);
  });
});

describe("a public relay over HTTP", () => {
  const RATES = { sourceRequestsPerSecond: 2, sourceRequestsBurst: 3, relayRequestsPerSecond: 10, relayRequestsBurst: 6 };
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs } as unknown as Clock;
  const door = () => {
    const turnedAway: string[] = [];
    const http = createHttp({
      reach: reachOf({ listen: "ws://127.0.0.1:4410", public: "wss://relay.example/" }),
      status: () => undefined,
      agentNamed: () => undefined,
      isOwner: (authorization) => authorization === "Bearer mine",
      limits: createHttpLimits(clock, createSettings(RATES), (name) => void turnedAway.push(name)),
    });
    const ask = (remote: string, path = "/", authorization?: string): Promise<Response> =>
      Promise.resolve(
        http.request(
          `https://relay.example${path}`,
          { headers: { host: "relay.example", ...(authorization === undefined ? {} : { authorization }) } },
          { remote },
        ),
      );
    return { ask, turnedAway };
  };

  it("answers who asks too often with 429, when to come again, and what would raise it; others are answered", async () => {
    nowMs = 1000;
    const { ask, turnedAway } = door();
    for (let at = 0; at < 3; at++) expect((await ask(`192.0.2.1:${at}`)).status).toBe(200);
    for (const path of [
      "/",
      "/healthz",
      "/.well-known/perdure",
      "/.well-known/webfinger?resource=acct:a@relay.example",
      "/page",
      "/i",
      "/nothing",
    ]) {
      const answer = await ask("192.0.2.1:9", path);
      expect([path, answer.status, answer.headers.get("retry-after"), answer.headers.get("ratelimit")]).toEqual([
        path,
        429,
        "1",
        '"sourceRequestsPerSecond";r=0;t=2',
      ]);
      expect([answer.headers.get("content-type"), await answer.json()]).toEqual([
        "application/problem+json",
        {
          type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
          title: "Too many requests",
          "violated-policies": ["sourceRequestsPerSecond"],
          code: "rate-limited",
          limit: { name: "sourceRequestsPerSecond", value: 2, remaining: 0 },
          afterMs: 500,
          hint: expect.stringContaining("--set sourceRequestsPerSecond"),
        },
      ]);
    }
    expect([turnedAway.length, new Set(turnedAway)]).toEqual([7, new Set(["sourceRequestsPerSecond"])]);
    expect((await ask("192.0.2.2:1")).status).toBe(200);
    nowMs += 500;
    expect((await ask("192.0.2.1:10")).status).toBe(200);
  });

  it("counts a house of IPv6 as one, and everybody behind a proxy together", async () => {
    nowMs = 100_000;
    const { ask } = door();
    for (let at = 1; at <= 3; at++) expect((await ask(`2001:db8:1:2::${at}:443`)).status).toBe(200);
    expect((await ask("2001:db8:1:2:9:9:9:9:443")).status).toBe(429);
    for (let at = 1; at <= 3; at++) expect((await ask(`127.0.0.1:${at}`)).status).toBe(200);
    const answer = await ask("127.0.0.1:9");
    expect([answer.status, await answer.json()]).toEqual([
      429,
      expect.objectContaining({ "violated-policies": ["relayRequestsPerSecond"] }),
    ]);
  });

  it("always answers its owner", async () => {
    nowMs = 200_000;
    const { ask } = door();
    for (let at = 1; at <= 20; at++) await ask("192.0.2.1:1");
    expect((await ask("192.0.2.1:1", "/healthz", "Bearer mine")).status).toBe(503);
    expect((await ask("192.0.2.1:1", "/healthz", "Bearer other")).status).toBe(429);
  });
});
