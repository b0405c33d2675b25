/**
 * Networks for tests: relays and agents as they are, over virtual time, network and disks.
 *
 *   await using net = await createTestnet({ relays: 2, seed: 1 });
 *   const anna = await net.agent("anna");
 *   const desk = await net.agent("desk", { relay: 1, strangers: "welcome" });
 *   void desk.serve(async (mail, turn) => turn.reply("later"));
 *   const sent = await anna.send(desk.id, "hello");
 *   await net.sleep("desk");
 *   await net.advance(3 * DAY_MS);
 *   await net.wake("desk");
 *   await sent.until("done");
 *
 * Time passes while the test waits for an agent or for the net, and at no other moment.
 */
import type { Agent, OpenOptions } from "../agent/api.ts";
import type { LogFields, LogLevel } from "../host/log.ts";
import type { RelayStatus } from "../relay/status.ts";
import type { AgentId } from "../wire/ids.ts";

export interface TestnetOptions {
  /** Relays, named `relay-0`, `relay-1`, …; 1 when absent, 16 at most. */
  readonly relays?: number;
  /** The same seed and the same test give the same history: times, ids, orders, bytes. */
  readonly seed: number | string;
  /** Settings of every relay and agent, over the testnet's own. */
  readonly settings?: Readonly<Record<string, number>>;
  /** How long a message takes from one machine to another; 1 ms when absent. */
  readonly latencyMs?: number;
}

export interface TestAgentOptions {
  /** Number of its home relay; 0 when absent. */
  readonly relay?: number;
  readonly strangers?: OpenOptions["strangers"];
  /** Settings of this agent, over those of the net. */
  readonly settings?: Readonly<Record<string, number>>;
}

/**
 * An agent on a machine of its own. It stays the same object while its process sleeps, dies and starts again: what was given to
 * `serve` serves again then. Calls while nobody runs reject with `aborted`, as does what waits when its process ends.
 */
export interface TestAgent extends Agent {
  readonly name: string;
  /** `@name@host` of its home relay. */
  readonly address: string;
  readonly awake: boolean;
}

export interface TestRelay {
  readonly name: string;
  readonly id: AgentId;
  /** What agents join. */
  readonly address: string;
  /** As its owner sees it; `aborted` while it does not run. */
  status(): RelayStatus;
}

/** What a relay does to its agents and to other relays, as long as it is told to. */
export interface Lies {
  /** Takes mail, says that it is stored, and hands over nothing. */
  readonly withhold?: boolean;
  /** Hands over what it handed over before, again and again. */
  readonly replay?: boolean;
  /** Hands over later mail first. */
  readonly reorder?: boolean;
  /** Name or id of the agent that every message it hands over claims to be from. */
  readonly rewriteFrom?: string;
  /** Signs two statements with one number. */
  readonly equivocate?: boolean;
  /** Shows of every agent the oldest keys it has shown since it was first told to lie. */
  readonly rollBack?: boolean;
  /** Name or id of the one agent whose mail, from or to, these lies are about; everybody's without it. */
  readonly only?: string;
}

/** One thing that a process said about itself, as it would stand in its log. */
export interface TrailEntry {
  /** Virtual milliseconds since the net began. */
  readonly atMs: number;
  /** Agent or relay. */
  readonly who: string;
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

export interface TestClock {
  /** Virtual milliseconds since the net began. */
  readonly nowMs: number;
  /** Virtual milliseconds since 1970; every net begins on 1 January 2026. */
  readonly wallMs: number;
  /** A pause for code under test, a handler for example. It passes while the test waits for something else of the net, with `advance` for example. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Testnet extends AsyncDisposable {
  readonly clock: TestClock;
  readonly relays: readonly TestRelay[];
  /** Opens an agent under this name: a new one the first time. Resolves when its relay knows it. */
  agent(name: string, options?: TestAgentOptions): Promise<TestAgent>;
  /** Makes the two contacts of each other, by an invite of the second that the first accepts. */
  introduce(one: string, other: string): Promise<void>;
  /** Stops an agent or a relay in good order. */
  sleep(name: string): Promise<void>;
  /** Starts what `sleep` stopped or `kill` killed. Resolves when its folder is open. */
  wake(name: string): Promise<void>;
  /** Ends a process at once. With `power` its machine loses what was not synced to disk. */
  kill(name: string, how?: { readonly power?: boolean }): void;
  /** Kills what still runs, and starts it. */
  restart(name: string): Promise<void>;
  /** Nothing passes between a name of the one side and a name of the other until `heal`; what is sent waits. */
  partition(one: readonly string[], other: readonly string[]): void;
  /** Ends every partition. */
  heal(): void;
  /** Makes a relay lie; `{}` makes it honest again. What it has said stays said. */
  lie(relay: string, lies: Lies): void;
  /** Lets virtual time pass. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until `condition` holds, looked at every 10 virtual ms; `timed-out` after `withinMs`, 60,000 when absent. */
  until(condition: () => boolean | Promise<boolean>, options?: { readonly withinMs?: number }): Promise<void>;
  /**
   * Lets time pass until everything that awake agents have sent came to its end; `timed-out`, with what is open, after `withinMs`,
   * 60,000 when absent.
   */
  settled(options?: { readonly withinMs?: number }): Promise<void>;
  /** Holds virtual time while something real is waited for: a file, a server, a model. */
  hold<Value>(work: Promise<Value>): Promise<Value>;
  /** What happened, oldest first; the newest 10,000 entries. */
  trail(): readonly TrailEntry[];
  /** Hash over everything that happened: equal in two runs that had the same history. */
  readonly hash: string;
  /** Ends every process. Same as `await using`. */
  close(): Promise<void>;
}
