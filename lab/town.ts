/** A town: relays and a few agents as processes of a simulated world, started again whenever they die. */

import type { Agent } from "../packages/perdure/src/agent/api.ts";
import type { AgentDefences } from "../packages/perdure/src/agent/core.ts";
import { openAgentWith } from "../packages/perdure/src/agent/open-agent.ts";
import type { Crypto, Hash } from "../packages/perdure/src/host/crypto.ts";
import type { Host } from "../packages/perdure/src/host/host.ts";
import { POINTS, type PointName } from "../packages/perdure/src/host/points.ts";
import { createWorld, type Draws, type World } from "../packages/perdure/src/host/simulated/index.ts";
import type { RelayDefences } from "../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import { openRelayWith, type Relay } from "../packages/perdure/src/relay/open-relay.ts";
import type { Lies } from "../packages/perdure/src/testing/api.ts";
import { createLiar, type Liar } from "../packages/perdure/src/testing/liar.ts";
import { equalBytes } from "../packages/perdure/src/wire/bytes.ts";
import { DOMAINS } from "../packages/perdure/src/wire/identity.ts";
import { type BitRot, createBitRot } from "./bit-rot.ts";
import { labPace } from "./pace.ts";
import { putBehindTranslators } from "./translators.ts";

export const RELAY_FOLDER = "post";
export const AGENT_FOLDER = "home";
/** Where recovery files lie: away from the agent's folder. */
export const VAULT = "vault";

/** Every safety mechanism that can be switched off, by the name a person uses. */
export const DEFENCE_NAMES = [
  "sync",
  "ack-after-sync",
  "generation",
  "settle-clamp",
  "epoch",
  "floor",
  "dedupe",
  "pools",
  "from-check",
  "no-transit",
  "contacts",
  "loop-guard",
  "passes",
  "hedge",
  "prerotation",
] as const;
export type DefenceName = (typeof DEFENCE_NAMES)[number];

/** Name of a relay's process, which is its name in the network too. */
export function relayName(number: number): string {
  return `relay-${number}`;
}

export function isRelay(name: string): boolean {
  return name.startsWith("relay-");
}

/** Everybody who lives in a town. */
export interface Census {
  readonly relays: readonly string[];
  readonly agents: readonly string[];
  /** The relay each agent lives at. */
  readonly homes: ReadonlyMap<string, string>;
  /** Whether everybody takes mail from anybody; else they are introduced to each other first. */
  readonly open: boolean;
}

const FIRST_NAMES = ["anna", "desk", "carl", "dora"];

/** Agents take turns at the relays. */
export function drawCensus(relays: number, count: number, open: boolean): Census {
  const names = Array.from({ length: relays }, (_, number) => relayName(number));
  const agents = Array.from({ length: count }, (_, number) => FIRST_NAMES[number] ?? `agent-${number}`);
  return { relays: names, agents, homes: new Map(agents.map((name, at) => [name, names[at % relays] as string])), open };
}

export interface TownOptions {
  readonly seed: number;
  readonly hash: Hash;
  readonly crypto?: Crypto | undefined;
  readonly census: Census;
  /** Sessions without tags, which a relay that lies can change; a middlebox could too, so there must be none. */
  readonly untagged: boolean;
  readonly settings: Readonly<Record<string, number>>;
  readonly switchedOff: ReadonlySet<DefenceName>;
  /** Whether results of cryptography come at once, or as events in any order (the default). */
  readonly cryptoOrder?: "at-once" | "any";
  /** Called with each start that did not succeed; it is tried again. */
  readonly startFailed: (name: string, code: string, why: string) => void;
  /** Called with each agent that has just been opened, also after a restart. */
  readonly opened: (name: string, agent: Agent, isCurrent: () => boolean) => void;
}

export interface Town {
  readonly world: World;
  /** A process that finds damage and does not start has its disk mended, and is started again. */
  readonly rot: BitRot;
  /** What agents join; `undefined` before that relay ran for the first time. */
  addressOf(relay: string): string | undefined;
  relay(name: string): Relay | undefined;
  agent(name: string): Agent | undefined;
  /** Opens the folder on the disk of a host that is nobody of the census. */
  openElsewhere(host: string): Promise<Agent>;
  /** Makes a relay lie from here on. */
  lie(relay: string, lies: Lies): void;
  /** Starts a process that is not running; tries again while its disk or the relay does not let it. */
  start(name: string): void;
  /** Ends a process without a word; `start` begins it again. */
  stop(name: string): void;
  /** What the next processes of a host draw their random numbers from: as a snapshot that is started again does. */
  drawAs(name: string, label: string | undefined): void;
  /** Ends a process without a word and starts it again after `pauseMs`. */
  crash(name: string, keep: "all" | "random", silent: boolean, pauseMs: number): void;
  /** True while this host's process runs as the one it was when `start` last succeeded. */
  isUp(name: string): boolean;
  /** Errors that no product code may ever let out. */
  readonly failures: readonly string[];
}

/** A process that could not start tries again this much later. */
const START_AGAIN_MS = 500;

export function createTown(options: TownOptions): Town {
  const { seed, hash, crypto, cryptoOrder, census, untagged, settings, switchedOff, startFailed, opened } = options;
  const on = (name: DefenceName): boolean => !switchedOff.has(name);
  const pace = labPace();
  const world = createWorld({
    seed,
    hash: on("prerotation") ? hash : withoutCommitments(hash),
    cryptoOrder: cryptoOrder ?? "any",
    localConnections: untagged,
    ...(crypto === undefined ? {} : { crypto }),
    ...(pace === undefined ? {} : { pace }),
  });
  putBehindTranslators(world, census);
  world.arm(armedPoints(world.draws("points")));
  const rot = createBitRot(world);
  const running = new Map<string, { readonly agent?: Agent; readonly relay?: Relay }>();
  const incarnations = new Map<string, number>();
  const addresses = new Map<string, string>();
  const liars = new Map(census.relays.map((name) => [name, createLiar(world.draws(`lies of ${name}`), RELAY_FOLDER)]));
  const failures: string[] = [];
  const drawnFrom = new Map<string, string>();

  const { relayDefences, agentDefences } = defencesOf(switchedOff);

  const startRelay = async (name: string, host: Host): Promise<{ readonly relay: Relay }> => {
    const relay = await openRelayWith({
      host: (liars.get(name) as Liar).host(host),
      folder: RELAY_FOLDER,
      // As behind a terminator: nothing is gained from simulating one.
      listen: `ws://${name}:443`,
      public: `wss://${name}/`,
      tickets: false,
      allowPrivatePeers: true,
      settings,
      defences: relayDefences,
    });
    addresses.set(name, relay.address);
    return { relay };
  };
  const startAgent = async (name: string, host: Host): Promise<{ readonly agent: Agent }> => {
    const home = census.homes.get(name) as string;
    return {
      agent: await openAgentWith(host, AGENT_FOLDER, {
        join: addresses.get(home) ?? `wss://${home}/`,
        name,
        ...(hasVault(census, name) ? { recoveryFile: `${VAULT}/0` } : {}),
        settings,
        strangers: census.open ? "welcome" : "wait",
        defences: agentDefences,
      }),
    };
  };

  const start = (name: string): void => {
    const incarnation = (incarnations.get(name) ?? 0) + 1;
    incarnations.set(name, incarnation);
    const isCurrent = (): boolean => incarnations.get(name) === incarnation;
    const randomFrom = drawnFrom.get(name);
    const host = world.host(name, { ...clockOf(world.draws(`clock of ${name}`)), ...(randomFrom === undefined ? {} : { randomFrom }) });
    world.disk(name).syncIgnored = switchedOff.has("sync");
    const attempt = isRelay(name) ? startRelay(name, host) : startAgent(name, host);
    attempt.then(
      (started) => {
        if (!isCurrent()) return;
        running.set(name, started);
        if ("agent" in started) opened(name, started.agent, isCurrent);
      },
      (error: unknown) => {
        if (!isCurrent()) return;
        const code = (error as { readonly code?: string }).code ?? "none";
        startFailed(name, code, String(error));
        const mended = DAMAGE.has(code) && rot.mend(name);
        if (!STARTS_LATER.has(code) && !mended)
          failures.push(`${name} did not start: ${(error instanceof Error && error.stack) || String(error)}`);
        // What is left of the attempt must not hold the folder: the process ends, as a program that failed to start does.
        world.after(START_AGAIN_MS, `start ${name} again`, () => {
          if (!isCurrent()) return;
          world.crash(name, { keep: "all" });
          start(name);
        });
      },
    );
  };

  return {
    world,
    rot,
    failures,
    addressOf: (relay) => addresses.get(relay),
    relay: (name) => running.get(name)?.relay,
    lie: (relay, lies) => liars.get(relay)?.lie(lies),
    agent: (name) => running.get(name)?.agent,
    isUp: (name) => running.has(name),
    start,
    openElsewhere: (host) => openAgentWith(world.host(host), AGENT_FOLDER, { settings, defences: agentDefences }),
    drawAs: (name, label) => {
      if (label === undefined) drawnFrom.delete(name);
      else drawnFrom.set(name, label);
    },
    stop: (name) => {
      running.delete(name);
      incarnations.set(name, (incarnations.get(name) ?? 0) + 1);
      world.crash(name, { keep: "all" });
    },
    crash: (name, keep, silent, pauseMs) => {
      running.delete(name);
      incarnations.set(name, (incarnations.get(name) ?? 0) + 1);
      const incarnation = incarnations.get(name);
      world.crash(name, { keep, silent });
      world.after(pauseMs, `start ${name}`, () => {
        if (incarnations.get(name) === incarnation) start(name);
      });
    },
  };
}

/** What relays and agents are told of defences that are switched off; some others are of the world. */
export function defencesOf(switchedOff: ReadonlySet<DefenceName>): {
  readonly relayDefences: RelayDefences;
  readonly agentDefences: AgentDefences;
} {
  const on = (name: DefenceName): boolean => !switchedOff.has(name);
  return {
    relayDefences: {
      ackAfterSync: on("ack-after-sync"),
      generation: on("generation"),
      settleClamp: on("settle-clamp"),
      epoch: on("epoch"),
      pools: on("pools"),
      fromCheck: on("from-check"),
      noTransit: on("no-transit"),
      passes: on("passes"),
      rates: true,
    },
    agentDefences: {
      dedupe: on("dedupe"),
      floor: on("floor"),
      contacts: on("contacts"),
      loopGuard: on("loop-guard"),
      hedge: on("hedge"),
    },
  };
}

/** Half of the towns have points that misbehave, each of them a third of all, often or seldom. */
function armedPoints(draws: Draws): ReadonlyMap<PointName, number> {
  const armed = new Map<PointName, number>();
  if (draws.chance(0.5)) return armed;
  for (const name of Object.keys(POINTS) as PointName[]) if (draws.chance(0.35)) armed.set(name, draws.chance(0.3) ? 0.3 : 0.03);
  return armed;
}

/** A third of the machines have a clock that is off and runs at a rate of its own. */
function clockOf(draws: Draws): { readonly wallOffsetMs: number; readonly driftPpm: number } {
  if (!draws.chance(0.3)) return { wallOffsetMs: 0, driftPpm: 0 };
  return { wallOffsetMs: draws.below(3000) - 1500, driftPpm: draws.below(600) - 300 };
}

/** Every other agent keeps its next control keys elsewhere; a relay, and the rest, in its folder. */
export function hasVault({ agents }: Census, name: string): boolean {
  return agents.indexOf(name) % 2 === 0;
}

/** Commitments to next keys that every key opens. */
function withoutCommitments(hash: Hash): Hash {
  const nothing = new Uint8Array(32);
  const isCommitment = (bytes: Uint8Array): boolean => equalBytes(bytes.subarray(0, DOMAINS.nextKey.length), DOMAINS.nextKey);
  return { ...hash, sha256: (bytes) => (isCommitment(bytes) ? nothing : hash.sha256(bytes)) };
}

/** What a start says of a disk whose bytes are not what was written. */
const DAMAGE: ReadonlySet<string> = new Set(["log-damaged", "key-damaged"]);

/** What a start may meet while the weather lasts. */
export const STARTS_LATER: ReadonlySet<string> = new Set([
  "relay-unreachable",
  "timed-out",
  "disk-full",
  "disk-failed",
  "read-only",
  "folder-in-use",
  "address-in-use",
  "connection-closed",
  "too-busy",
  "relay-draining",
]);
