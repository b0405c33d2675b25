/**
 * Agents of one program on one connection, in bad weather: connections that break or go silent, a relay that dies, agents that are closed,
 * opened again and given other keys while others dial. Real agents and a real relay on virtual time; all mail arrives, once and in order.
 */
import { expect, it } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createWorld } from "../src/host/simulated/index.ts";
import { createSharedConnections } from "../src/protocol/link/shared-connections.ts";
import { openRelayWith, type Relay } from "../src/relay/open-relay.ts";

const SLOW_MS = 120_000;
const NAMES = ["anna", "bela", "cleo", "dora", "emil"];
const STEPS = 40;
const { hash } = createNodeHost().crypto;

it.each([
  [1, 64, 1],
  [2, 64, 1],
  [3, 64, 1],
  [4, 64, 1],
  [5, 2, 3],
  [6, 2, 3],
])(
  "everything arrives once and in order, and in the end all share again (%i: %i on a connection)",
  async (seed, agentsPerConnection, connections) => {
    const world = createWorld({ seed: `shared weather ${seed}`, hash, cryptoOrder: "at-once" });
    const draws = world.draws("weather");
    const openRelay = (): Promise<Relay> =>
      world.complete(openRelayWith({ host: world.host("west"), folder: "post", listen: "ws://127.0.0.1:4410" }));
    let relay = await openRelay();
    const { address } = relay;
    const { connect } = createSharedConnections();
    const agents = new Map<string, Agent>();
    const arrived = new Map<string, string[]>();
    const sent = new Map<string, string[]>();
    const note = (book: Map<string, string[]>, key: string, text: string): void => void book.set(key, [...(book.get(key) ?? []), text]);
    const openOne = async (name: string): Promise<void> => {
      const agent = await openAgentWith(world.host("office"), name, {
        join: address,
        name,
        strangers: "welcome",
        connect,
        settings: { agentsPerConnection },
      });
      agents.set(name, agent);
      agent
        .serve(async (mail) => {
          const text = await mail.text();
          note(arrived, `${text.split(" ")[0]} ${name}`, text);
        })
        .catch(() => undefined);
    };
    await world.complete(Promise.all(NAMES.map(openOne)));
    await world.run({ untilMs: world.nowMs + 2_000 });
    expect([world.network.connections, relay.status().connections]).toEqual([connections, NAMES.length]);

    const nameOf = (): string => NAMES[draws.below(NAMES.length)] as string;
    const pass = (ms: number) => world.run({ untilMs: world.nowMs + ms });
    const closed = new Set<string>();
    const weather: readonly (() => Promise<void> | void)[] = [
      () => void world.network.cut("office", "west"),
      () => void world.network.stall("office", "west"),
      async () => {
        world.crash("west", { keep: "all" });
        await pass(draws.below(3_000));
        relay = await openRelay();
      },
      async () => {
        const name = nameOf();
        if (closed.delete(name)) return await world.complete(openOne(name));
        closed.add(name);
        await world.complete((agents.get(name) as Agent).close());
      },
      async () => {
        const name = nameOf();
        if (!closed.has(name)) await world.complete((agents.get(name) as Agent).identity.rotate().then(() => undefined));
      },
    ];
    for (let step = 0; step < STEPS; step++) {
      for (let written = draws.below(4); written > 0; written--) {
        const [from, to] = [nameOf(), nameOf()];
        if (closed.has(from) || from === to) continue;
        const text = `${from} ${to} ${step} ${written}`;
        note(sent, `${from} ${to}`, text);
        await world.complete((agents.get(from) as Agent).send(`@${to}`, text));
      }
      if (draws.below(2) === 0) await weather[draws.below(weather.length)]?.();
      await pass(draws.below(10) === 0 ? draws.below(90_000) : draws.below(1_500));
    }
    for (const name of closed) await world.complete(openOne(name));
    await pass(10 * 60_000);
    expect(Object.fromEntries(arrived)).toEqual(Object.fromEntries(sent));

    world.network.cut("office");
    await pass(60_000);
    expect([world.network.connections, relay.status().connections, relay.status().healthy]).toEqual([connections, NAMES.length, true]);
    for (const agent of agents.values()) await world.complete(agent.close());
    await pass(5_000);
    expect([world.network.connections, relay.status().connections]).toEqual([0, 0]);
  },
  SLOW_MS,
);
