/** A town: one relay and a few agents as processes of a simulated world, started again whenever they die. */

import type { Agent } from "../packages/perdure/src/agent/api.ts";
import type { AgentDefences } from "../packages/perdure/src/agent/core.ts";
import { openAgentWith } from "../packages/perdure/src/agent/open-agent.ts";
import type { Crypto, Hash } from "../packages/perdure/src/host/crypto.ts";
import type { Host } from "../packages/perdure/src/host/host.ts";
import { createWorld, type World } from "../packages/perdure/src/host/simulated/index.ts";
import type { RelayDefences } from "../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import { openRelayWith, type Relay } from "../packages/perdure/src/relay/open-relay.ts";

export const RELAY = "relay";
export const RELAY_FOLDER = "post";
export const AGENT_FOLDER = "home";
const LISTEN = "ws://127.0.0.1:4410";

/** Every safety mechanism that can be switched off, by the name a person uses. */
export type DefenceName = "sync" | "ack-after-sync" | "generation" | "settle-clamp" | "epoch" | "floor" | "dedupe";
export const DEFENCE_NAMES: readonly DefenceName[] = ["sync", "ack-after-sync", "generation", "settle-clamp", "epoch", "floor", "dedupe"];

export interface TownOptions {
  readonly seed: number;
  readonly hash: Hash;
  readonly crypto?: Crypto | undefined;
  readonly settings: Readonly<Record<string, number>>;
  readonly switchedOff: ReadonlySet<DefenceName>;
  /** Called with each agent that has just been opened, also after a restart. */
  /** Called with each start that did not succeed; it is tried again. */
  readonly startFailed: (name: string, code: string, why: string) => void;
  readonly opened: (name: string, agent: Agent, isCurrent: () => boolean) => void;
}

export interface Town {
  readonly world: World;
  readonly relayAddress: string | undefined;
  readonly relay: Relay | undefined;
  agent(name: string): Agent | undefined;
  /** Starts a process that is not running; tries again while its disk or the relay does not let it. */
  start(name: string): void;
  /** Ends a process without a word and starts it again after `pauseMs`. */
  crash(name: string, keep: "all" | "random", silent: boolean, pauseMs: number): void;
  /** True while this host's process runs as the one it was when `start` last succeeded. */
  isUp(name: string): boolean;
  /** Errors that no product code may ever let out. */
  readonly failures: readonly string[];
}

/** A process that could not start tries again this much later. */
const START_AGAIN_MS = 500;

export function createTown({ seed, hash, crypto, settings, switchedOff, startFailed, opened }: TownOptions): Town {
  const world = createWorld({ seed, hash, cryptoOrder: "any", ...(crypto === undefined ? {} : { crypto }) });
  const running = new Map<string, { readonly agent?: Agent; readonly relay?: Relay }>();
  const incarnations = new Map<string, number>();
  const failures: string[] = [];
  let relayAddress: string | undefined;

  const relayDefences: RelayDefences = {
    ackAfterSync: !switchedOff.has("ack-after-sync"),
    generation: !switchedOff.has("generation"),
    settleClamp: !switchedOff.has("settle-clamp"),
    epoch: !switchedOff.has("epoch"),
  };
  const agentDefences: AgentDefences = { dedupe: !switchedOff.has("dedupe"), floor: !switchedOff.has("floor") };

  const startRelay = async (host: Host): Promise<{ readonly relay: Relay }> => {
    const relay = await openRelayWith({ host, folder: RELAY_FOLDER, listen: LISTEN, settings, defences: relayDefences });
    relayAddress = relay.address;
    return { relay };
  };
  const startAgent = async (name: string, host: Host): Promise<{ readonly agent: Agent }> => ({
    agent: await openAgentWith(host, AGENT_FOLDER, { join: relayAddress ?? LISTEN, name, settings, defences: agentDefences }),
  });

  const start = (name: string): void => {
    const incarnation = (incarnations.get(name) ?? 0) + 1;
    incarnations.set(name, incarnation);
    const isCurrent = (): boolean => incarnations.get(name) === incarnation;
    const host = world.host(name);
    world.disk(name).syncIgnored = switchedOff.has("sync");
    const attempt = name === RELAY ? startRelay(host) : startAgent(name, host);
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
        if (!STARTS_LATER.has(code)) failures.push(`${name} did not start: ${code} ${String(error)}`);
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
    failures,
    get relayAddress() {
      return relayAddress;
    },
    get relay() {
      return running.get(RELAY)?.relay;
    },
    agent: (name) => running.get(name)?.agent,
    isUp: (name) => running.has(name),
    start,
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

/** What a start may meet while the weather lasts. */
const STARTS_LATER: ReadonlySet<string> = new Set([
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
