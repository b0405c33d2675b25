/** A network for tests: its processes, who lives and who does not, and what a test does to them. */
import { openAgentWith } from "../agent/open-agent.ts";
import { createNodeHash } from "../host/node/hash.ts";
import { createWorld, WORLD_EPOCH_MS, type World } from "../host/simulated/index.ts";
import { isTerminal } from "../protocol/delivery/delivery-lattice.ts";
import { openRelayWith, type Relay } from "../relay/open-relay.ts";
import { PerdureError } from "../wire/error.ts";
import { isAgentName } from "../wire/ids.ts";
import type { TestAgent, TestAgentOptions, Testnet, TestnetOptions, TestRelay, TrailEntry } from "./api.ts";
import { createDriver } from "./driver.ts";
import { createLiar, type Liar } from "./liar.ts";
import { createResident, type Resident } from "./resident.ts";

const RELAY_FOLDER = "relay";
const AGENT_FOLDER = "agent";
const MAX_RELAYS = 16;
const TRAIL_ENTRIES = 10_000;
const LOOK_EVERY_MS = 10;
/** Longest pause between two looks whether everything has settled: each asks every agent for all it sent. */
const SETTLING_LOOK_MS = 1000;
const PATIENCE_MS = 60_000;
/** Connections of a simulated net do not go quiet by themselves, and days of pings take their time to compute. */
const CALM = { pingEveryMs: 10 * 60_000, silenceTimeoutMs: 30 * 60_000, sweepEveryMs: 60_000 };

interface Place {
  /** Opens the folder in a fresh process. */
  readonly start: () => Promise<void>;
  /** Lets go of the folder in good order. */
  readonly stop: () => Promise<void>;
  /** The process is gone. */
  readonly gone: (why: string) => void;
  running: boolean;
  /** Fires when its process ends before the folder is open, or before it is let go of. */
  busy: AbortController | undefined;
}

/** A new net with its relays running. `bad-argument` for options out of their bounds, `unknown-setting`. */
export async function createTestnet({ relays: count = 1, seed, settings = {}, latencyMs = 1 }: TestnetOptions): Promise<Testnet> {
  if (!Number.isInteger(count) || count < 1 || count > MAX_RELAYS)
    throw new PerdureError("bad-argument", `a testnet has 1 to ${MAX_RELAYS} relays, not ${count}`);
  const world = createWorld({ seed, hash: createNodeHash(), localConnections: true, link: { latencyMs, jitterMs: latencyMs / 2 } });
  const driver = createDriver(world);
  const places = new Map<string, Place>();
  const relays: RelayPlace[] = [];
  const residents = new Map<string, Resident>();
  const partitions: (readonly [string, string])[] = [];
  const trail = keepTrail(world);
  const calm = { ...CALM, ...settings };
  let closed = false;

  const placeOf = (name: string): Place => {
    const place = places.get(name);
    if (place === undefined) throw new PerdureError("bad-argument", `nobody in this net is called "${name}"`);
    return place;
  };
  const relayOf = (name: string): RelayPlace => {
    const found = relays.find((each) => each.relay.name === name);
    if (found === undefined) throw new PerdureError("bad-argument", `no relay in this net is called "${name}"`);
    return found;
  };
  const residentOf = (name: string): Resident => {
    const found = residents.get(name);
    if (found === undefined) throw new PerdureError("bad-argument", `no agent in this net is called "${name}"`);
    return found;
  };

  const during = async (place: Place, work: Promise<void>): Promise<void> => {
    place.busy = new AbortController();
    try {
      await driver.drive(work, place.busy.signal);
    } finally {
      place.busy = undefined;
    }
  };
  const kill = (name: string, power: boolean): void => {
    const place = placeOf(name);
    if (!place.running) return;
    place.running = false;
    world.crash(name, { keep: power ? "random" : "all" });
    place.busy?.abort(new PerdureError("aborted", `${name} was killed`));
    place.gone("was killed");
  };
  const sleep = async (name: string): Promise<void> => {
    const place = placeOf(name);
    if (!place.running) return;
    await during(place, place.stop());
    place.running = false;
    world.crash(name);
    place.gone("sleeps");
  };
  const wake = async (name: string): Promise<void> => {
    const place = placeOf(name);
    if (place.running) return;
    place.running = true;
    await during(place, place.start()).catch((error: unknown) => {
      if (place.running) world.crash(name);
      place.running = false;
      throw error;
    });
  };
  const add = async (name: string, place: Omit<Place, "running" | "busy">): Promise<void> => {
    places.set(name, { ...place, running: false, busy: undefined });
    await wake(name);
  };
  const lookUntil = async (condition: () => boolean | Promise<boolean>, withinMs: number, longestPauseMs: number): Promise<void> => {
    const endMs = world.nowMs + withinMs;
    let pauseMs = LOOK_EVERY_MS;
    while (!(await condition())) {
      if (world.nowMs >= endMs) throw new PerdureError("timed-out", `waited ${withinMs} virtual ms for a condition in vain`);
      await advance(Math.min(pauseMs, endMs - world.nowMs));
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  };
  const until: Testnet["until"] = (condition, { withinMs = PATIENCE_MS } = {}) => lookUntil(condition, withinMs, LOOK_EVERY_MS);
  const advance = (ms: number): Promise<void> => driver.drive(new Promise((resolve) => world.after(ms, "advance", resolve)));

  const agent = async (name: string, options: TestAgentOptions = {}): Promise<TestAgent> => {
    if (!isAgentName(name)) throw new PerdureError("bad-argument", `"${name}" is no name an agent can have`);
    const home = relays[options.relay ?? 0];
    if (home === undefined) throw new PerdureError("bad-argument", `there is no relay ${options.relay}; the first is 0`);
    if (places.has(name)) throw new PerdureError("bad-argument", `"${name}" is in this net already`);
    const resident = createResident({ name, address: `@${name}@${home.relay.name}`, driver, sleep: () => sleep(name) });
    residents.set(name, resident);
    await add(name, {
      start: async () =>
        resident.begin(
          await openAgentWith(world.host(name), AGENT_FOLDER, {
            join: home.relay.address,
            name,
            settings: { ...calm, ...options.settings },
            ...(options.strangers === undefined ? {} : { strangers: options.strangers }),
          }),
        ),
      stop: async () => await resident.life?.close(),
      gone: resident.end,
    });
    await until(async () => (await resident.agent.status()).relay.connected);
    return resident.agent;
  };

  const stillOpen = async (): Promise<readonly string[]> => {
    const open: string[] = [];
    for (const { agent: each } of residents.values()) {
      if (!each.awake) continue;
      for (const sent of await each.outbox()) {
        const last = sent.steps.at(-1);
        if (last === undefined || !isTerminal(last.state))
          open.push(`${sent.id} of ${each.name} to ${sent.to}: ${last?.state ?? "unknown"}`);
      }
    }
    return open;
  };

  const net: Testnet = {
    clock: {
      get nowMs() {
        return world.nowMs;
      },
      get wallMs() {
        return WORLD_EPOCH_MS + Math.floor(world.nowMs);
      },
      sleep: (ms, signal) => pause(world, ms, signal),
    },
    get relays() {
      return relays.map(({ relay }) => relay);
    },
    agent,
    introduce: async (one, other) => {
      const { text } = await residentOf(other).agent.invite();
      await residentOf(one).agent.accept(text);
    },
    sleep,
    wake,
    kill: (name, { power = false } = {}) => kill(name, power),
    restart: async (name) => {
      kill(name, false);
      await wake(name);
    },
    partition: (one, other) => {
      for (const a of one)
        for (const b of other) {
          placeOf(a);
          placeOf(b);
          world.partition(a, b);
          partitions.push([a, b]);
        }
    },
    heal: () => {
      for (const [a, b] of partitions.splice(0)) world.heal(a, b);
    },
    lie: (name, lies) => {
      const id = (who: string): string => residents.get(who)?.agent.id ?? who;
      relayOf(name).liar.lie({
        ...lies,
        ...(lies.rewriteFrom === undefined ? {} : { rewriteFrom: id(lies.rewriteFrom) }),
        ...(lies.only === undefined ? {} : { only: id(lies.only) }),
      });
    },
    advance,
    until,
    settled: async ({ withinMs = PATIENCE_MS } = {}) => {
      let open = await stillOpen();
      const nothingIsOpen = async (): Promise<boolean> => {
        open = await stillOpen();
        return open.length === 0;
      };
      await lookUntil(nothingIsOpen, withinMs, SETTLING_LOOK_MS).catch((error: unknown) => {
        if (open.length === 0) throw error;
        throw new PerdureError(
          "timed-out",
          `after ${withinMs} virtual ms ${open.length} messages are on their way:\n  ${open.join("\n  ")}`,
        );
      });
    },
    hold: driver.hold,
    trail,
    get hash() {
      return world.historyHash;
    },
    close: async () => {
      if (closed) return;
      closed = true;
      driver.stop();
      for (const [name, place] of places) {
        world.crash(name);
        place.running = false;
        place.gone("ended with the testnet");
      }
      for (const resident of residents.values()) resident.over();
    },
    [Symbol.asyncDispose]: () => net.close(),
  };

  for (let number = 0; number < count; number++) {
    const added = createRelayPlace(world, `relay-${number}`, calm);
    relays.push(added);
    await add(added.relay.name, added.place);
  }
  return net;
}

interface RelayPlace {
  readonly relay: TestRelay;
  readonly liar: Liar;
  readonly place: Omit<Place, "running" | "busy">;
}

function createRelayPlace(world: World, name: string, settings: Readonly<Record<string, number>>): RelayPlace {
  const liar = createLiar(world.draws(`lies of ${name}`), RELAY_FOLDER);
  let open: Relay | undefined;
  let known: { readonly id: Relay["id"]; readonly address: string } | undefined;
  const identity = (): { readonly id: Relay["id"]; readonly address: string } => {
    if (known === undefined) throw new PerdureError("aborted", `${name} has not started`);
    return known;
  };
  return {
    liar,
    relay: {
      name,
      get id() {
        return identity().id;
      },
      get address() {
        return identity().address;
      },
      status: () => {
        if (open === undefined) throw new PerdureError("aborted", `${name} does not run`, { hint: `Start it with net.wake("${name}").` });
        return open.status();
      },
    },
    place: {
      start: async () => {
        const host = liar.host(world.host(name));
        open = await openRelayWith({
          host,
          folder: RELAY_FOLDER,
          // As behind a terminator: a simulated network carries no TLS.
          listen: `ws://${name}:443`,
          public: `wss://${name}/`,
          tickets: false,
          allowPrivatePeers: true,
          settings,
        });
        known = { id: open.id, address: open.address };
      },
      stop: async () => await open?.drain(),
      gone: () => {
        open = undefined;
      },
    },
  };
}

function pause(world: World, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new PerdureError("aborted", "a pause was called off", { cause: signal?.reason }));
    if (signal?.aborted) return stop();
    signal?.addEventListener("abort", stop, { once: true });
    world.after(ms, "pause", () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
  });
}

function keepTrail(world: World): () => readonly TrailEntry[] {
  let entries: TrailEntry[] = [];
  world.onLog((who, level, event, fields) => {
    entries.push({ atMs: world.nowMs, who, level, event, fields });
    if (entries.length >= 2 * TRAIL_ENTRIES) entries = entries.slice(-TRAIL_ENTRIES);
  });
  return () => entries.slice(-TRAIL_ENTRIES);
}
