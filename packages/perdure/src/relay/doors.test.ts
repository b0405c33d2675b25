import { afterEach, describe, expect, it } from "vitest";
import { sourceOf } from "../host/public-address.ts";
import type { RelayDefences } from "../protocol/delivery/mailbox-events.ts";
import { found, lookup } from "../wire/control.ts";
import { isPerdureError } from "../wire/error.ts";
import type { Relay } from "./open-relay.ts";
import { createRelayWorld, LISTEN, type RelayWorld, type TestAgent } from "./test-world.ts";

let stage: RelayWorld;
let relay: Relay;

async function begin(settings: Record<string, number>, defences: Partial<RelayDefences> = {}): Promise<TestAgent> {
  stage = createRelayWorld({ localConnections: false });
  relay = await stage.open({ settings, defences });
  return await stage.agent("alice");
}

afterEach(() => expect(relay.status().healthy).toBe(true));

/** What became of connecting: how the session ended if it did not begin. */
async function tryTo(agent: TestAgent, link: number): Promise<unknown> {
  try {
    await agent.connect({ link, consume: false });
    return "welcome";
  } catch (error) {
    return isPerdureError(error) ? [error.code, error.retry, error.limit, error.afterMs] : error;
  }
}

describe("one address", () => {
  it("begins as many handshakes as it may, is told when to come again, and others come meanwhile", async () => {
    const alice = await begin({ sourceHandshakesPerSecond: 1, sourceHandshakesBurst: 3 });
    const bob = await stage.agent("bob");
    const came = [];
    for (let link = 1; link <= 5; link++) came.push(await tryTo(alice, link));
    const limit = { name: "sourceHandshakesPerSecond", value: 1, remaining: 0 };
    expect(came.slice(0, 3)).toEqual(["welcome", "welcome", "welcome"]);
    expect(came.slice(3)).toEqual([
      expect.arrayContaining(["rate-limited", "after", limit]),
      expect.arrayContaining(["rate-limited", "after", limit]),
    ]);
    expect(await tryTo(bob, 1)).toBe("welcome");
    expect(relay.status().counters.limited).toEqual({ sourceHandshakesPerSecond: 2 });
    await stage.pass(2000);
    expect(await tryTo(alice, 6)).toBe("welcome");
  });

  it("has as many connections open as it may", async () => {
    const alice = await begin({ sourceConnections: 2 });
    const lines = [await alice.connect({ link: 1, consume: false }), await alice.connect({ link: 2, consume: false })];
    expect(await tryTo(alice, 3)).toEqual(["too-busy", "after", { name: "sourceConnections", value: 2, remaining: 0 }, 60_000]);
    lines[0]?.session.close({ code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" });
    await stage.pass(1000);
    expect(await tryTo(alice, 4)).toBe("welcome");
  });

  it("keeps nothing open, and takes nobody's place, by coming again and again", async () => {
    const alice = await begin({ sourceHandshakesPerSecond: 1, sourceHandshakesBurst: 1 });
    const host = stage.world.host("alice");
    for (let attempt = 0; attempt < 500; attempt++)
      await stage.world
        .complete(host.net.dial(LISTEN, { timeoutMs: 1000, maxMessageBytes: 1000 }))
        .then((each) => each.start({ message: () => {}, drained: () => {}, closed: () => {} }));
    await stage.pass(5000);
    // A second passed while they dialled; those that were let in say nothing and are given up later.
    expect(stage.world.network.connections).toBeLessThanOrEqual(3);
    expect(relay.status().connections).toBeLessThanOrEqual(3);
    await stage.pass(10_000);
    expect(await tryTo(alice, 1)).toBe("welcome");
  });
});

describe("one agent", () => {
  it("is answered `rate-limited` when it looks up too much, and loses its session when it does not heed that", async () => {
    const alice = await begin({ agentRequestsPerSecond: 1, agentRequestsBurst: 10 });
    const line = await alice.connect();
    const ask = (count: number): void =>
      line.session.send(
        Array.from({ length: count }, (_, request) => ({
          name: "lookup" as const,
          payload: lookup.encode({ request, what: "agent", key: alice.own.idRaw, at: new Uint8Array(0) }),
        })),
      );
    ask(20);
    await stage.pass(1000);
    const codes = line.frames.filter(({ name }) => name === "found").map(({ payload }) => found.decode(payload).code);
    expect(codes).toEqual([...new Array(9).fill(""), ...new Array(11).fill("rate-limited")]);
    ask(2000);
    await stage.pass(1000);
    expect(line.ended.map(({ code, limit }) => [code, limit?.name])).toEqual([["rate-limited", "agentRequestsPerSecond"]]);
  });

  it("looks up what it likes where rates are off", async () => {
    const alice = await begin({ agentRequestsPerSecond: 1, agentRequestsBurst: 10 }, { rates: false });
    const line = await alice.connect();
    for (let request = 0; request < 50; request++)
      line.session.send([
        { name: "lookup", payload: lookup.encode({ request, what: "agent", key: alice.own.idRaw, at: new Uint8Array(0) }) },
      ]);
    await stage.pass(1000);
    expect(line.frames.filter(({ name, payload }) => name === "found" && found.decode(payload).code === "")).toHaveLength(50);
  });
});

describe("HTTP", () => {
  const ask = (remote: string, path = "/healthz"): Promise<Response> =>
    stage.world.complete(
      stage.world.network.request(LISTEN, new Request(`http://127.0.0.1:4410${path}`, { headers: { host: "127.0.0.1" } }), remote),
    );

  it("says in every answer what is left, also to this machine and in what it refuses", async () => {
    await begin({ sourceRequestsPerSecond: 2, sourceRequestsBurst: 10, relayRequestsPerSecond: 10, relayRequestsBurst: 100 });
    const { headers } = await ask("192.0.2.1:5000");
    expect(headers.get("ratelimit-policy")).toBe('"sourceRequestsPerSecond";q=10;w=5, "relayRequestsPerSecond";q=100;w=10');
    expect(headers.get("ratelimit")).toBe('"sourceRequestsPerSecond";r=9;t=1, "relayRequestsPerSecond";r=99;t=1');
    expect((await ask("127.0.0.1:9")).headers.get("ratelimit")).toBe('"relayRequestsPerSecond";r=98;t=1');
    expect((await ask("192.0.2.1:5000", "/.well-known/webfinger?resource=acct:x@y")).headers.get("ratelimit")).toContain(";r=8;");
  });
});

describe("where a caller comes from", () => {
  it.each([
    ["192.0.2.7:443", "192.0.2.7"],
    ["::ffff:192.0.2.7:443", "192.0.2.7"],
    ["127.0.0.1:5", undefined],
    ["127.8.9.1:5", undefined],
    ["::ffff:127.0.0.1:5", undefined],
    ["::1:5", undefined],
    ["2001:db8:1:2:3:4:5:6:443", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9:443", "2001:db8:1:2::/64"],
    ["fe80::1%eth0:443", "fe80:0:0:0::/64"],
    ["alice:3", "alice"],
  ])("%s is %s", (remote, source) => expect(sourceOf(remote)).toBe(source));
});
