/** Several agents on one connection, at a real relay. */
import { afterEach, describe, expect, it } from "vitest";
import { type Connected, connectSession } from "../protocol/link/connect.ts";
import { joinToSign } from "../protocol/link/join-proof.ts";
import { createSharedConnections } from "../protocol/link/shared-connections.ts";
import { type Channel, createSharedTransport, type SharedTransport } from "../protocol/link/shared-transport.ts";
import { type Bytes, EMPTY } from "../wire/bytes.ts";
import { type Goodbye, join, lookup } from "../wire/control.ts";
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";
import type { Relay } from "./open-relay.ts";
import { createRelayWorld, envelopeOf, LISTEN, type RelayWorld, type TestAgent, type TestLine } from "./test-world.ts";

const BYE: Goodbye = { code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "done", hint: "" };
const NAMES = ["anna", "ben", "cleo", "dora"];

let stage: RelayWorld;
let relay: Relay;

type Connect = typeof connectSession;

/** Agents of one process, each of which may dial in its own way. */
async function begin(
  settings: Record<string, number> = {},
  { local = false, names = NAMES, way = (_name: string, connect: Connect): Connect => connect } = {},
): Promise<readonly TestAgent[]> {
  stage = createRelayWorld({ localConnections: local });
  relay = await stage.open({ settings });
  const { connect } = createSharedConnections();
  const agents: TestAgent[] = [];
  for (const name of names) agents.push(await stage.agent(name, { on: "office", connect: way(name, connect) }));
  return agents;
}

async function attachAll(agents: readonly TestAgent[]): Promise<readonly TestLine[]> {
  const lines: TestLine[] = [];
  for (const agent of agents) lines.push(await agent.connect());
  return lines;
}

afterEach(() => expect(relay.status().healthy).toBe(true));

const expiryMs = (): number => stage.world.host("office").clock.wallMs() + 3_600_000;
/** Each writes to the next one. */
function writeRound(agents: readonly TestAgent[], lines: readonly TestLine[], seq: number): void {
  for (const [index, line] of lines.entries()) {
    const [from, to] = [agents[index] as TestAgent, agents[(index + 1) % lines.length] as TestAgent];
    line.mail(seq, envelopeOf(from.own, to.own, seq, expiryMs()));
  }
}

describe.each([
  ["mac", false],
  ["none", true],
] as const)("agents that share a connection, mode %s", (mode, local) => {
  it("are one connection and sessions of their own: each its mail, in its order", async () => {
    const agents = await begin({}, { local });
    const lines = await attachAll(agents);
    expect(stage.world.network.connections).toBe(1);
    expect(relay.status().connections).toBe(4);
    expect(lines.map(({ session }) => session.mode)).toEqual([mode, mode, mode, mode]);
    for (let seq = 1; seq <= 5; seq++) writeRound(agents, lines, seq);
    await stage.pass(2000);
    expect(lines.map(({ acked }) => acked)).toEqual([5, 5, 5, 5]);
    for (const [index, { delivered }] of lines.entries()) {
      const sender = agents[(index + 3) % 4] as TestAgent;
      expect(delivered.map(({ position, read }) => [position, read.seq])).toEqual([1, 2, 3, 4, 5].map((each) => [each, each]));
      expect(delivered.every(({ read }) => Buffer.from(read.from).equals(sender.own.idRaw))).toBe(true);
    }
  });

  it("end one by one, the first one too, and the connection with the last", async () => {
    const agents = await begin({}, { local });
    const lines = await attachAll(agents);
    lines[0]?.session.close(BYE);
    await stage.pass(500);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([1, 3]);
    writeRound(agents.slice(1), lines.slice(1), 1);
    await stage.pass(500);
    expect(lines.slice(1).map(({ delivered }) => delivered.length)).toEqual([1, 1, 1]);
    for (const { session } of lines.slice(1)) session.close(BYE);
    await stage.pass(500);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([0, 0]);
    expect(lines.map(({ ended }) => ended.map(({ code }) => code))).toEqual([["aborted"], ["aborted"], ["aborted"], ["aborted"]]);
  });

  it("are not touched by what the relay says to one of them", async () => {
    const agents = await begin({}, { local });
    const lines = await attachAll(agents);
    const again = await (agents[0] as TestAgent).connect({ link: 1 });
    await stage.pass(500);
    expect(lines.map(({ ended }) => ended.map(({ code }) => code))).toEqual([["fenced"], [], [], []]);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([1, 4]);
    again.mail(1, envelopeOf((agents[0] as TestAgent).own, (agents[1] as TestAgent).own, 1, expiryMs()));
    await stage.pass(500);
    expect([again.acked, lines[1]?.delivered.length]).toEqual([1, 1]);
  });
});

describe("sharing", () => {
  it("waits for a dial that is under way, so that all who start at once are one connection", async () => {
    const agents = await begin();
    const lines = await Promise.all(agents.map((agent) => agent.connect()));
    await stage.pass(200);
    expect(lines.map(({ ended }) => ended.length)).toEqual([0, 0, 0, 0]);
    expect(stage.world.network.connections).toBe(1);
  });

  it("tells all of them when the connection breaks, and begins anew with the next", async () => {
    const agents = await begin();
    const lines = await attachAll(agents);
    expect(stage.world.network.cut("office", "relay")).toBe(1);
    await stage.pass(500);
    expect(lines.map(({ ended }) => ended.map(({ code }) => code))).toEqual(NAMES.map(() => ["connection-closed"]));
    await attachAll(agents);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([1, 4]);
  });

  it("goes no further than the relay allows: who is one too many has a connection of its own, and takes others in", async () => {
    const agents = await begin({ agentsPerConnection: 3 });
    await attachAll(agents);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([2, 4]);
  });

  it("is not done where the relay does not allow it", async () => {
    const agents = await begin({ agentsPerConnection: 1 });
    await attachAll(agents);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([4, 4]);
  });

  it("takes as many places of the relay as there are agents", async () => {
    const agents = await begin({ relayConnections: 3 });
    await attachAll(agents.slice(0, 3));
    await expect((agents[3] as TestAgent).connect()).rejects.toMatchObject({ code: "too-busy", limit: { name: "relayConnections" } });
    expect(relay.status().connections).toBe(3);
  });

  it("is a handshake of its address, each time", async () => {
    const agents = await begin({ sourceHandshakesPerSecond: 1, sourceHandshakesBurst: 2 });
    await attachAll(agents.slice(0, 2));
    await expect((agents[2] as TestAgent).connect()).rejects.toMatchObject({ code: "rate-limited" });
    expect([stage.world.network.connections, relay.status().connections]).toEqual([1, 2]);
  });

  it("ends for all with a goodbye each when the relay drains", async () => {
    const agents = await begin();
    const lines = await attachAll(agents);
    const draining = relay.drain();
    await stage.world.complete(draining);
    expect(lines.map(({ ended }) => ended.map(({ code }) => code))).toEqual(NAMES.map(() => ["relay-draining"]));
    relay = await stage.open();
  });
});

/** Writes down who dials. */
function counting(dials: string[], name: string, connect: Connect): Connect {
  return (options) => {
    const { net } = options.host;
    const dial: typeof net.dial = (...args) => {
      dials.push(name);
      return net.dial(...args);
    };
    return connect({ ...options, host: { ...options.host, net: { ...net, dial } } });
  };
}

describe("one agent's trouble is its own", () => {
  it("when it is closed while it joins", async () => {
    const agents = await begin();
    const lines = await attachAll(agents.slice(0, 2));
    const closing = new AbortController();
    const joining = (agents[2] as TestAgent).connect({ signal: closing.signal });
    closing.abort();
    await expect(joining).rejects.toMatchObject({ code: "aborted" });
    await expect((agents[3] as TestAgent).connect({ signal: closing.signal })).rejects.toMatchObject({ code: "aborted" });
    await stage.pass(500);
    expect(lines.map(({ ended }) => ended)).toEqual([[], []]);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([1, 2]);
  });

  it("when it is closed while it dials and others wait for it: they are one connection all the same", async () => {
    const agents = await begin();
    const closing = new AbortController();
    const dialling = (agents[0] as TestAgent).connect({ signal: closing.signal });
    const waiting = agents.slice(1).map((agent) => agent.connect());
    closing.abort();
    await expect(dialling).rejects.toMatchObject({ code: "aborted" });
    await Promise.all(waiting);
    await stage.pass(3000);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([1, 3]);
  });

  it("when it dials for all and is turned away for what it is: the others are one connection all the same", async () => {
    let shared: Connect | undefined;
    const way = (_name: string, connect: Connect): Connect => {
      shared = connect;
      return connect;
    };
    const agents = await begin({}, { way });
    const before = await stage.agent("before", { claims: "desk" });
    await before.connect();
    const late = await stage.agent("late", { claims: "desk", on: "office", connect: shared as Connect });
    const refused = late.connect();
    const waiting = agents.map((agent) => agent.connect());
    await expect(refused).rejects.toMatchObject({ code: "name-taken", retry: "never" });
    await Promise.all(waiting);
    await stage.pass(3000);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([2, 5]);
  });

  it("when its dial hangs: nobody waits for it longer than for a dial of one's own", async () => {
    const agents = await begin(
      {},
      {
        way: (name, connect) => (options) => {
          const { net } = options.host;
          const dial: typeof net.dial = (...args) => (name === "anna" ? new Promise(() => {}) : net.dial(...args));
          return connect({ ...options, host: { ...options.host, net: { ...net, dial } } });
        },
      },
    );
    const [anna, ben, cleo] = agents as [TestAgent, TestAgent, TestAgent];
    const closing = new AbortController();
    anna.connect({ signal: closing.signal }).catch(() => undefined);
    const startedMs = stage.world.nowMs;
    await Promise.all([ben.connect(), cleo.connect()]);
    expect(stage.world.nowMs - startedMs).toBeLessThan(11_000);
  });

  it("when its key takes long to sign: whoever signs faster goes first, and neither is left out", async () => {
    const agents = await begin(
      {},
      {
        way: (name, connect) => (options) => {
          const { host } = options;
          const { crypto, clock } = host;
          const sign: typeof crypto.signatures.sign = async (...args) => {
            if (name === "ben") await new Promise<void>((resolve) => void clock.after(50, resolve));
            return crypto.signatures.sign(...args);
          };
          return connect({ ...options, host: { ...host, crypto: { ...crypto, signatures: { ...crypto.signatures, sign } } } });
        },
      },
    );
    const [anna, ben, cleo] = agents as [TestAgent, TestAgent, TestAgent];
    const lines = [await anna.connect(), ...(await Promise.all([ben.connect(), cleo.connect()]))];
    await stage.pass(500);
    expect(lines.map(({ ended }) => ended)).toEqual([[], [], []]);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([1, 3]);
  });

  it("when the relay has no place for it, however many it turns away at the door meanwhile", async () => {
    const agents = await begin({ relayConnections: 3 });
    const lines = await attachAll(agents.slice(0, 3));
    const stranger = stage.world.host("stranger");
    const dials = Array.from({ length: 300 }, () => stranger.net.dial(LISTEN, { timeoutMs: 5000, maxMessageBytes: MAX_TRANSPORT_BYTES }));
    for (const each of await stage.world.complete(Promise.all(dials))) each.close();
    await expect((agents[3] as TestAgent).connect()).rejects.toMatchObject({ code: "too-busy", limit: { name: "relayConnections" } });
    await stage.pass(500);
    expect(lines.map(({ ended }) => ended)).toEqual([[], [], []]);
  });

  it("when what it dials is dead: one waits in vain, nobody else joins that, and all find out within the silence limit", async () => {
    const dials: string[] = [];
    const agents = await begin({}, { way: (name, connect) => counting(dials, name, connect) });
    const [anna, ben, cleo, dora] = agents as [TestAgent, TestAgent, TestAgent, TestAgent];
    const lines = [await anna.connect(), await ben.connect()];
    expect(stage.world.network.stall("office")).toBe(1);
    await expect(cleo.connect()).rejects.toMatchObject({ code: "timed-out" });
    const fresh = [await cleo.connect(), await dora.connect()];
    expect(dials).toEqual(["anna", "cleo"]);
    await stage.pass(61_000);
    expect(lines.map(({ ended }) => ended.map(({ code }) => code))).toEqual([["timed-out"], ["timed-out"]]);
    fresh.push(await anna.connect(), await ben.connect());
    expect([dials.length, fresh.map(({ ended }) => ended.length), relay.status().connections]).toEqual([2, [0, 0, 0, 0], 4]);
  });

  it("when the relay sends it away just as the last of the others leaves: it waits as long as it was told to", async () => {
    const dials: string[] = [];
    let leave = (): void => {};
    const agents = await begin(
      { relayConnections: 1 },
      { way: (name, connect) => counting(dials, name, (options) => connect({ ...options, onProven: () => leave() })) },
    );
    const { session } = await (agents[0] as TestAgent).connect();
    leave = () => session.close(BYE);
    await expect((agents[1] as TestAgent).connect()).rejects.toMatchObject({ code: "too-busy", retry: "after" });
    await stage.pass(500);
    expect([dials, stage.world.network.connections]).toEqual([["anna"], 0]);
  });
});

describe("many at once", () => {
  it("are as many connections as they need, whether they know what the relay allows or not", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `agent-${index}`);
    const agents = await begin({ agentsPerConnection: 3 }, { names });
    let lines = await Promise.all(agents.map((agent) => agent.connect()));
    await stage.pass(500);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([4, 12]);
    stage.world.network.cut("office", "relay");
    await stage.pass(500);
    expect(lines.every(({ ended }) => ended.length === 1)).toBe(true);
    lines = await Promise.all(agents.map((agent) => agent.connect()));
    await stage.pass(500);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([4, 12]);
    expect(lines.every(({ ended }) => ended.length === 0)).toBe(true);
  });
});

describe("what nobody reads", () => {
  /** The first agent's connection, in the hands of somebody who writes frames as they please. */
  async function rogue(): Promise<{ first: TestLine; transport: SharedTransport; joinAs(agent: TestAgent): Promise<Channel> }> {
    let transport: SharedTransport | undefined;
    const carry = (connection: Parameters<typeof createSharedTransport>[0]): SharedTransport => {
      transport = createSharedTransport(connection);
      return transport;
    };
    const mine = await stage.agent("rogue", { on: "office", connect: (options) => connectSession({ ...options, carry }) });
    const first = await mine.connect();
    const shared = transport as unknown as SharedTransport;
    return {
      first,
      transport: shared,
      joinAs: async ({ own }) => {
        const channel = shared.open();
        const { crypto } = stage.world.host("office");
        const said = {
          agentId: own.idRaw,
          bundle: own.bundle(),
          link: new Uint8Array(8).fill(7),
          consume: false,
          haveGeneration: new Uint8Array(8),
          havePosition: 0,
          ticket: "",
          pass: EMPTY,
          signature: new Uint8Array(64),
          extensions: [],
        };
        const toSign = joinToSign(crypto.hash, (first as Connected).transcript, channel.number, said);
        const signature: Bytes = await stage.world.complete(crypto.signatures.sign(own.instanceKey, toSign));
        channel.transport.send([{ name: "join", payload: join.encode({ ...said, signature }) }]);
        channel.transport.protect({ sending: undefined, receiving: undefined });
        return channel;
      },
    };
  }

  it("of one who asks, leaves and comes again without end costs the connection", async () => {
    const agents = await begin({ agentRequestsBurst: 1_000_000, sourceHandshakesBurst: 10_000 });
    const asker = agents[0] as TestAgent;
    const known = await asker.connect();
    known.session.close(BYE);
    const { first, transport, joinAs } = await rogue();
    stage.world.network.link("relay", "office").bytesPerSecond = 100;
    const asked = {
      name: "lookup",
      payload: lookup.encode({ request: 1, what: "agent", key: asker.own.idRaw, at: new Uint8Array(0) }),
    } as const;
    let rounds = 0;
    for (; rounds < 20 && transport.hasRoom && first.ended.length === 0; rounds++) {
      const { transport: mine } = await joinAs(asker);
      await stage.pass(50);
      mine.send(Array.from({ length: 10_000 }, () => asked));
      await stage.pass(200);
      mine.end(BYE);
      await stage.pass(50);
      if (relay.status().connections === 0) break;
    }
    expect(rounds).toBeLessThan(8);
  });
});
