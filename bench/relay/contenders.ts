/** Who is measured beside whom, how each is set up, and what each has done about the disk when it says that a message is taken. */
import type { AdapterName } from "./driver.ts";
import {
  MOSQUITTO,
  NATS,
  type Program,
  REDIS,
  type Servers,
  startMosquitto,
  startNaive,
  startNats,
  startRedis,
  startRelays,
} from "./servers.ts";

export interface Contender {
  readonly name: string;
  /** How it is set up, in a line. */
  readonly about: string;
  /** What its acknowledgement says of the disk. */
  readonly sync: string;
  readonly adapter: AdapterName;
  readonly how: Readonly<Record<string, string>>;
  /** Where it is another program's. */
  readonly program?: Program;
  /** Drains a tenth of what others do: it would take minutes. */
  readonly slow?: true;
  start(folder: string): Promise<Servers>;
}

const SYNCED = "synced, then acknowledged";

function relay(name: string, about: string, given: Partial<Contender> = {}): Contender {
  return { name, about, sync: SYNCED, adapter: "perdure", how: {}, start: (folder) => startRelays(folder, [name]), ...given };
}

function jetstream(name: string, about: string, how: Readonly<Record<string, string>>): Contender {
  return { name, about, sync: "acknowledged, synced within 2 min", adapter: "nats", how, program: NATS, start: startNats };
}

export const PERDURE: Contender = relay("perdure", "one relay, session mode none as on its own machine, rates out of reach");
export const PERDURE_BARE: Contender = relay("perdure-bare", "the same, which keeps no inputs for `perdure doctor --bundle`", {
  start: (folder) => startRelays(folder, ["bare"], { keepInputs: 0 }),
});
/** What two relays are compared with: each of them works beside the other. */
export const PERDURE_BESIDE: Contender = relay(
  "perdure-beside",
  "one relay, while loops of the lowest priority take what is left of the processors",
  {
    how: { beside: "work" },
  },
);
export const PERDURE_TWO: Contender = relay("perdure-two", "every message goes by way of two relays", {
  sync: "synced at the first relay, then acknowledged",
  start: (folder) => startRelays(folder, ["west", "east"]),
});
const PERDURE_SHARED = relay("perdure-shared", "the same; 50 agents share a connection, as those of one program do", {
  how: { perConnection: "50" },
});
const PERDURE_MAC = relay("perdure-mac", "session mode mac, as between machines behind a proxy that ends TLS", { how: { mac: "yes" } });
const PERDURE_TLS = relay("perdure-tls", "TLS that the relay ends itself, and session mode mac in it: as between machines", {
  how: { mac: "yes" },
  start: (folder) => startRelays(folder, ["tls"], {}, true),
});
/** No relay, and not to be had: see `floor.ts`. */
const FLOOR = relay("floor", "Perdure's connections, frames and log without mailboxes, checks, settles, statements: no relay, its least", {
  start: (folder) => startRelays(folder, ["floor"], {}, false, "relay/floor-member.ts"),
});
const FLOOR_SHARED: Contender = {
  ...FLOOR,
  name: "floor-shared",
  about: "the same; 50 agents share a connection",
  how: PERDURE_SHARED.how,
};

const JETSTREAM = jetstream("jetstream", "JetStream, file, R1: one push consumer per agent, explicit acks; nothing deleted", {
  ack: "explicit",
});
const JETSTREAM_NONE = jetstream("jetstream-none", "the same with consumers without acks", { ack: "none" });
const JETSTREAM_SHARED = jetstream("jetstream-shared", "16 consumers with wildcard filters, read by 16 gateways, cumulative acks", {
  ack: "all",
  consumers: "16",
});
const CORE_NATS: Contender = {
  name: "core-nats",
  about: "NATS without JetStream",
  sync: "keeps nothing, acknowledges nothing",
  adapter: "nats",
  how: { kept: "nothing" },
  program: NATS,
  start: startNats,
};
const MOSQUITTO_1: Contender = {
  name: "mosquitto",
  about: "MQTT QoS 1 both ways, persistent sessions, no limits in flight or queued",
  sync: "acknowledged, snapshot each second",
  adapter: "mqtt",
  how: {},
  program: MOSQUITTO,
  start: startMosquitto,
};
const REDIS_EVERYSEC: Contender = {
  name: "redis",
  about: "a stream and a group per agent, XADD, XREADGROUP, XACK pipelined; nothing deleted",
  sync: "acknowledged, synced each second",
  adapter: "redis",
  how: {},
  program: REDIS,
  start: (folder) => startRedis(folder, "everysec"),
};
const REDIS_ALWAYS: Contender = {
  ...REDIS_EVERYSEC,
  name: "redis-always",
  about: "the same with appendfsync always",
  sync: SYNCED,
  start: (folder) => startRedis(folder, "always"),
};
const NAIVE: Contender = {
  name: "naive",
  about: "ws, JSON, one INSERT and one DELETE in node:sqlite per message, WAL, synchronous FULL",
  sync: "synced each alone, then acknowledged",
  adapter: "naive",
  how: {},
  slow: true,
  start: startNaive,
};

/** Without a relay of ours. */
export const PEERS: readonly Contender[] = [
  JETSTREAM,
  JETSTREAM_NONE,
  JETSTREAM_SHARED,
  CORE_NATS,
  MOSQUITTO_1,
  REDIS_EVERYSEC,
  REDIS_ALWAYS,
  NAIVE,
];

/** The one whose figures others are put in proportion to. */
export const YARDSTICK: string = JETSTREAM.name;

export interface Shape {
  readonly name: string;
  readonly kind: "load" | "idle" | "drain";
  readonly agents: number;
  /** Messages outstanding of each agent. */
  readonly window: number;
  /** Bytes of a message before it is sealed. */
  readonly contentBytes: number;
  readonly contenders: readonly Contender[];
  /** Milliseconds of the same load before the first round. */
  readonly warmUpMs: number;
}

/** For all contenders alike. What runs in JavaScript is compiled under load: a message at 50x8 costs a quarter less after some seconds. */
const WARM_UP_MS = 5_000;
/** Two relays share the processors and each compiles by itself: what a message costs falls for ten seconds, to half of what it was in the first two. */
const WARM_UP_OF_TWO_MS = 10_000;
const SMALL = 400;
const EVERYBODY = [PERDURE, ...PEERS.filter((peer) => peer !== JETSTREAM_SHARED)];

function load(agents: number, window: number, given: Partial<Shape> = {}): Shape {
  return {
    name: `${agents}x${window}`,
    kind: "load",
    agents,
    window,
    contentBytes: SMALL,
    contenders: EVERYBODY,
    warmUpMs: WARM_UP_MS,
    ...given,
  };
}

export const SHAPES: readonly Shape[] = [
  load(2, 1),
  load(50, 1),
  load(50, 8, { contenders: [...EVERYBODY, FLOOR] }),
  load(50, 64, { contenders: [...EVERYBODY, FLOOR] }),
  load(1000, 2, { contenders: [PERDURE, PERDURE_SHARED, ...PEERS, FLOOR, FLOOR_SHARED] }),
  load(50, 8, { name: "4k", contentBytes: 4096 }),
  load(10_000, 1, { name: "idle", kind: "idle", contenders: [PERDURE, PERDURE_SHARED, ...EVERYBODY.slice(1)] }),
  load(2, 1, { name: "drain", kind: "drain", contenders: EVERYBODY.filter((each) => each !== CORE_NATS) }),
  load(50, 8, { name: "federation", contenders: [PERDURE, PERDURE_BESIDE, PERDURE_TWO], warmUpMs: WARM_UP_OF_TWO_MS }),
  load(50, 64, { name: "modes", contenders: [PERDURE, PERDURE_MAC, PERDURE_TLS] }),
];
