/**
 * Nobody's connection ends because nobody used it, unless a listed setting says so. Sessions of agents with relays and of relays with
 * each other are left alone for 47 minutes, 2 hours and 24 hours of virtual time, with routers in between that forget idle connections,
 * and for a while on real sockets; every end that does come is told, with the setting that brought it about.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import type { Log, LogFields } from "../src/host/log.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createWorld, type World } from "../src/host/simulated/index.ts";
import { openRelayWith, type Relay } from "../src/relay/open-relay.ts";
import { SETTINGS } from "../src/settings/register.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const IDLE = [47 * MINUTE, 2 * HOUR, 24 * HOUR];
const SLOW_MS = 300_000;
const DESK = "@desk@127.0.0.2:4411";
const hash = createNodeHost().crypto.hash;

/** What begins and ends sessions, as the two sides log it. */
const BEGINS = ["agent.attached", "relay.peer-open"];
const ENDS = ["agent.apart", "relay.session-ended", "relay.peer-closed", "relay.peer-unreachable"];

interface Fact {
  readonly atMs: number;
  readonly host: string;
  readonly event: string;
  readonly code: string;
  readonly why: string;
}

interface Scene {
  readonly world: World;
  readonly west: Relay;
  readonly anna: Agent;
  readonly east: Relay;
  begun(): readonly Fact[];
  ended(sinceMs: number): readonly Fact[];
  pass(ms: number): Promise<void>;
  /** A message from one to the other, until its relay has stored it. */
  mail(from: "anna" | "bela", to: string): Promise<void>;
}

/** Two relays; anna and bela live at one, desk at the other. */
async function scene(settings: Record<string, number> = {}, agentSettings = settings): Promise<Scene> {
  const world = createWorld({ seed: "idle", hash, cryptoOrder: "at-once" });
  const facts: Fact[] = [];
  const text = (fields: LogFields, name: string): string => String(fields[name] ?? "");
  world.onLog((host, _level, event, fields) => {
    if ([...BEGINS, ...ENDS].includes(event))
      facts.push({ atMs: world.nowMs, host, event, code: text(fields, "code"), why: text(fields, "why") });
  });
  const relay = async (name: string, listen: string): Promise<Relay> =>
    await world.complete(openRelayWith({ host: world.host(name), folder: "post", listen, settings }));
  const west = await relay("west", "ws://127.0.0.1:4410");
  const east = await relay("east", "ws://127.0.0.2:4411");
  const agent = async (name: string, at: Relay): Promise<Agent> =>
    await world.complete(
      openAgentWith(world.host(name), "home", { join: at.address, name, strangers: "welcome", settings: agentSettings }),
    );
  const agents = { anna: await agent("anna", west), bela: await agent("bela", west) };
  await agent("desk", east);
  return {
    world,
    west,
    anna: agents.anna,
    east,
    begun: () => facts.filter(({ event }) => BEGINS.includes(event)),
    ended: (sinceMs) => facts.filter(({ event, atMs }) => ENDS.includes(event) && atMs > sinceMs),
    async pass(ms) {
      await world.run({ untilMs: world.nowMs + ms });
    },
    async mail(from, to) {
      const sent = await world.complete(agents[from].send(to, "hello"));
      await world.complete(sent.until("stored", { timeoutMs: 5 * MINUTE }));
    },
  };
}

/** Routers on the way between two hosts forget a connection that was idle for this long. */
function forgetful(world: World, a: string, b: string, afterMs: number): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const)
    world.network.link(from, to).middlebox.forgetsAfterMs = afterMs;
}

test("what an agent and its relay agreed on is listed as negotiated", async () => {
  const idle = await scene({ pingEveryMs: 5000, windowFrames: 9 }, {});
  const rows = await idle.world.complete(idle.anna.settings());
  const row = (name: string) => rows.find((each) => each.name === name);
  expect(row("pingEveryMs")).toMatchObject({ value: 5000, unit: "ms", origin: "negotiated" });
  expect(row("windowFrames")).toMatchObject({ value: 9, origin: "negotiated" });
  expect(row("silenceTimeoutMs")).toMatchObject({ value: SETTINGS.silenceTimeoutMs.value, origin: "default" });
  expect(row("closeTimeoutMs")).toMatchObject({ origin: "fixed" });
});

const agentEnds = (facts: readonly Fact[]): readonly Fact[] => facts.filter(({ event }) => event === "agent.apart");

test("sessions nobody uses are the same ones after 47 minutes, 2 hours and 24 hours, past routers that forget after 30 s, 60 s and 5 min", {
  timeout: SLOW_MS,
}, async () => {
  const idle = await scene({ peerIdleMs: 24 * HOUR });
  forgetful(idle.world, "anna", "west", 30 * SECOND);
  forgetful(idle.world, "bela", "west", MINUTE);
  forgetful(idle.world, "desk", "east", 5 * MINUTE);
  forgetful(idle.world, "west", "east", MINUTE);
  await idle.mail("anna", DESK);
  const [sinceMs, begun] = [idle.world.nowMs, idle.begun().length];
  for (const forMs of IDLE) {
    await idle.pass(sinceMs + forMs - idle.world.nowMs);
    expect(idle.ended(sinceMs), `after ${forMs / MINUTE} min`).toEqual([]);
    expect([idle.begun().length, idle.west.status().connections, idle.east.status().connections]).toEqual([begun, 3, 2]);
  }
  await idle.mail("bela", DESK);
  expect(idle.begun()).toHaveLength(begun);
});

test("two relays with nothing to say end their session after `peerIdleMs`, both say why, and have a new one when there is mail", {
  timeout: SLOW_MS,
}, async () => {
  const idle = await scene();
  await idle.mail("anna", DESK);
  const sinceMs = idle.world.nowMs;
  await idle.pass(47 * MINUTE);
  const ended = idle.ended(sinceMs);
  expect(ended.map(({ host, event, code, why }) => [host, event, code, why]).sort()).toEqual([
    ["east", "relay.peer-closed", "connection-closed", "nothing is to be said"],
    ["east", "relay.session-ended", "connection-closed", "nothing is to be said"],
    ["west", "relay.peer-closed", "connection-closed", "nothing is to be said"],
    ["west", "relay.session-ended", "connection-closed", "nothing is to be said"],
  ]);
  for (const { atMs } of ended) {
    expect(atMs - sinceMs).toBeGreaterThan(SETTINGS.peerIdleMs.value - SECOND);
    expect(atMs - sinceMs).toBeLessThan(1.5 * SETTINGS.peerIdleMs.value + SECOND);
  }
  await idle.mail("anna", DESK);
  expect([idle.west.status().connections, idle.east.status().connections]).toEqual([3, 2]);
});

test("a router that forgets sooner than pings come ends sessions by `silenceTimeoutMs` only, and they are back within seconds", {
  timeout: SLOW_MS,
}, async () => {
  const idle = await scene();
  forgetful(idle.world, "bela", "west", 5 * SECOND);
  const sinceMs = idle.world.nowMs;
  await idle.pass(10 * MINUTE);
  const ended = idle.ended(sinceMs);
  expect(agentEnds(ended).length).toBeGreaterThan(5);
  expect(new Set(ended.map(({ host }) => host))).toEqual(new Set(["bela", "west"]));
  expect(new Set(ended.map(({ code, why }) => `${code}: ${why}`))).toEqual(new Set(["timed-out: nothing was heard for 45000 ms"]));
  const backAfterMs = agentEnds(ended).map(({ atMs }) => {
    const back = idle.begun().find((fact) => fact.host === "bela" && fact.event === "agent.attached" && fact.atMs > atMs);
    return (back?.atMs ?? Number.POSITIVE_INFINITY) - atMs;
  });
  expect(Math.max(...backAfterMs.slice(0, -1))).toBeLessThan(10 * SECOND);
  await idle.mail("bela", "@anna");
});

test("without pings in time such a router would be noticed here", { timeout: SLOW_MS }, async () => {
  const idle = await scene({ pingEveryMs: 2 * MINUTE, silenceTimeoutMs: 10 * MINUTE });
  forgetful(idle.world, "bela", "west", MINUTE);
  const sinceMs = idle.world.nowMs;
  await idle.pass(47 * MINUTE);
  expect(idle.ended(sinceMs).length).toBeGreaterThan(0);
});

test("on real sockets nothing is cut for being idle, whatever the limits on plain HTTP", { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "perdure-idle-"));
  const facts: string[] = [];
  const log: Log = {
    write: (_level, event, fields) => {
      if ([...ENDS, "agent.guest-left", "agent.holder-gone"].includes(event)) facts.push(`${event} ${JSON.stringify(fields)}`);
    },
  };
  // Everything that could cut a connection is seconds away, and pings are as far apart as they may be.
  const sessions = { pingEveryMs: 2000, silenceTimeoutMs: 6000 };
  const http = { requestTimeoutMs: 1000, requestHeadersTimeoutMs: 1000, requestKeepAliveMs: 1000, requestIdleMs: 1000 };
  const doors: AsyncDisposable[] = [];
  const relay = async (name: string): Promise<Relay> => {
    const opened = await openRelayWith({
      host: createNodeHost({ log }),
      folder: join(folder, name),
      listen: "ws://127.0.0.1:0",
      settings: { ...sessions, ...http },
    });
    doors.push(opened);
    return opened;
  };
  const agent = async (name: string, at: Relay): Promise<Agent> => {
    const opened = await openAgentWith(createNodeHost({ log }), join(folder, name), {
      join: at.address,
      name,
      strangers: "welcome",
      settings: sessions,
    });
    doors.push(opened);
    return opened;
  };
  try {
    const [west, east] = [await relay("west"), await relay("east")];
    const [anna] = [await agent("anna", west), await agent("desk", east)];
    // A second process of the same folder is a guest of the first.
    const guest = await openAgentWith(createNodeHost({ log }), join(folder, "anna"), { settings: sessions });
    doors.push(guest);
    const desk = `@desk@${new URL(east.address.split("#")[0] as string).host}`;
    await (await anna.send(desk, "before")).until("stored", { timeoutMs: 30_000 });
    const [before, listed] = [facts.length, [west.status().connections, east.status().connections]];
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    expect(facts.slice(before)).toEqual([]);
    expect([west.status().connections, east.status().connections]).toEqual(listed);
    expect(listed).toEqual([2, 2]);
    await (await guest.send(desk, "after")).until("stored", { timeoutMs: 30_000 });
    expect(facts.slice(before)).toEqual([]);
  } finally {
    for (const each of doors.reverse()) await each[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
});
