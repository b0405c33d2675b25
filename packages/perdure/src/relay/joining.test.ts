/** Several agents on one connection, at a real relay. */
import { afterEach, describe, expect, it } from "vitest";
import { createSharedConnections } from "../protocol/link/shared-connections.ts";
import type { Goodbye } from "../wire/control.ts";
import type { Relay } from "./open-relay.ts";
import { createRelayWorld, envelopeOf, type RelayWorld, type TestAgent, type TestLine } from "./test-world.ts";

const BYE: Goodbye = { code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "done", hint: "" };
const NAMES = ["anna", "ben", "cleo", "dora"];

let stage: RelayWorld;
let relay: Relay;

/** Agents of one process. */
async function begin(settings: Record<string, number> = {}, local = false): Promise<readonly TestAgent[]> {
  stage = createRelayWorld({ localConnections: local });
  relay = await stage.open({ settings });
  const { connect } = createSharedConnections();
  const agents: TestAgent[] = [];
  for (const name of NAMES) agents.push(await stage.agent(name, { on: "office", connect }));
  return agents;
}

async function attachAll(agents: readonly TestAgent[]): Promise<readonly TestLine[]> {
  const lines: TestLine[] = [];
  for (const agent of agents) lines.push(await agent.connect());
  return lines;
}

afterEach(() => expect(relay.status().healthy).toBe(true));

const pass = (ms: number) => stage.world.run({ untilMs: stage.world.nowMs + ms });
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
    const agents = await begin({}, local);
    const lines = await attachAll(agents);
    expect(stage.world.network.connections).toBe(1);
    expect(relay.status().connections).toBe(4);
    expect(lines.map(({ session }) => session.mode)).toEqual([mode, mode, mode, mode]);
    for (let seq = 1; seq <= 5; seq++) writeRound(agents, lines, seq);
    await pass(2000);
    expect(lines.map(({ acked }) => acked)).toEqual([5, 5, 5, 5]);
    for (const [index, { delivered }] of lines.entries()) {
      const sender = agents[(index + 3) % 4] as TestAgent;
      expect(delivered.map(({ position, read }) => [position, read.seq])).toEqual([1, 2, 3, 4, 5].map((each) => [each, each]));
      expect(delivered.every(({ read }) => Buffer.from(read.from).equals(sender.own.idRaw))).toBe(true);
    }
  });

  it("end one by one, the first one too, and the connection with the last", async () => {
    const agents = await begin({}, local);
    const lines = await attachAll(agents);
    lines[0]?.session.close(BYE);
    await pass(500);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([1, 3]);
    writeRound(agents.slice(1), lines.slice(1), 1);
    await pass(500);
    expect(lines.slice(1).map(({ delivered }) => delivered.length)).toEqual([1, 1, 1]);
    for (const { session } of lines.slice(1)) session.close(BYE);
    await pass(500);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([0, 0]);
    expect(lines.map(({ ended }) => ended.map(({ code }) => code))).toEqual([["aborted"], ["aborted"], ["aborted"], ["aborted"]]);
  });

  it("are not touched by what the relay says to one of them", async () => {
    const agents = await begin({}, local);
    const lines = await attachAll(agents);
    const again = await (agents[0] as TestAgent).connect({ link: 1 });
    await pass(500);
    expect(lines.map(({ ended }) => ended.map(({ code }) => code))).toEqual([["fenced"], [], [], []]);
    expect([stage.world.network.connections, relay.status().connections]).toEqual([1, 4]);
    again.mail(1, envelopeOf((agents[0] as TestAgent).own, (agents[1] as TestAgent).own, 1, expiryMs()));
    await pass(500);
    expect([again.acked, lines[1]?.delivered.length]).toEqual([1, 1]);
  });
});

describe("sharing", () => {
  it("waits for a dial that is under way, so that all who start at once are one connection", async () => {
    const agents = await begin();
    const lines = await Promise.all(agents.map((agent) => agent.connect()));
    await pass(200);
    expect(lines.map(({ ended }) => ended.length)).toEqual([0, 0, 0, 0]);
    expect(stage.world.network.connections).toBe(1);
  });

  it("tells all of them when the connection breaks, and begins anew with the next", async () => {
    const agents = await begin();
    const lines = await attachAll(agents);
    expect(stage.world.network.cut("office", "relay")).toBe(1);
    await pass(500);
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
