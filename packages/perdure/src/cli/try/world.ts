/**
 * The trial's small world: a relay process, an agent `@desk` in a process of its own, and the agent `@me` in this one,
 * all in one fresh folder. Killing is SIGKILL on the relay's process; sleeping is the end of `@desk`'s.
 */
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Agent } from "../../agent/api.ts";
import { openAgentWith } from "../../agent/open-agent.ts";
import { sleep, withDeadline } from "../../host/deadline.ts";
import type { LogFields, LogLevel } from "../../host/log.ts";
import { createConsoleLog, createNodeHost } from "../../host/node/index.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import type { Invocation } from "../invocation.ts";
import { DEFAULT_LISTEN, portOf } from "../listen-address.ts";
import { type Child, spawnPerdure } from "./child.ts";
import type { Tell } from "./happening.ts";

/** How long a relay that starts again waits for its port, and how often it looks. */
const SAME_PORT_MS = 20_000;
const SAME_PORT_PAUSE_MS = 1000;
/** `@desk` finishes the message it is at and says goodbye to the relay in this time, or is killed. */
const FALL_ASLEEP_MS = 10_000;
/** A relay that is gone is dialled again soon, so that nobody waits a minute in a trial. */
const TRIAL_SETTINGS = { redialMinMs: 100, redialMaxMs: 1000 };

export interface Handled {
  readonly id: string;
  readonly attempt: number;
  /** Where `@desk` wrote what it received. */
  readonly file: string;
  readonly sizeBytes: number;
  readonly atMs: number;
}

export interface World extends AsyncDisposable {
  readonly folder: string;
  readonly me: Agent;
  readonly relayId: string;
  /** Every run of `@desk`'s handler that came to its end. */
  readonly handled: readonly Handled[];
  readonly relayPids: readonly number[];
  readonly deskPids: readonly number[];
  relayRuns(): boolean;
  deskIsAwake(): boolean;
  /** SIGKILL; the pid that was killed, or `undefined` when none ran. At once: nothing else runs in this process before the signal is sent. */
  killRelay(): number | undefined;
  startRelay(): Promise<void>;
  sleepDesk(): Promise<void>;
  wakeDesk(): Promise<void>;
}

export interface WorldOptions {
  readonly invocation: Invocation;
  readonly tell: Tell;
  readonly keep: boolean;
  /** For `@me` and the relay, on top of the trial's own. */
  readonly settings: Readonly<Record<string, number>>;
  /** What `@me` notes while it works, at the moment it happens. */
  readonly onFact: (event: string, fields: LogFields) => void;
  /** Something in the world changed that a prompt may show. */
  readonly onChange: () => void;
}

export async function createWorld({ invocation, tell, keep, settings, onFact, onChange }: WorldOptions): Promise<World> {
  const { host, overrides } = invocation;
  const folder = await realpath(await mkdtemp(join(tmpdir(), "perdure-try-")));
  const own = { ...TRIAL_SETTINGS, ...settings, ...overrides };
  const words = Object.entries(own).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
  const handled: Handled[] = [];
  const relayPids: number[] = [];
  const deskPids: number[] = [];
  let relay: Child | undefined;
  let desk: Child | undefined;
  let address = "";
  let ending = false;
  const killed = new WeakSet<Child>();
  // A terminal sends Ctrl-C to the children too: their end is then no news.
  const isEnding = (): boolean => ending || invocation.signal.aborted;

  const startRelay = async (): Promise<void> => {
    if (relay?.isRunning() === true && !killed.has(relay)) return;
    // The port and the folder's lock are free when the process is gone, not when the signal is sent.
    await relay?.exit;
    const endMs = host.clock.monotonicMs() + SAME_PORT_MS;
    for (;;) {
      try {
        return await startOnce();
      } catch (error) {
        // Somebody else took the port while nobody listened there; the agents know this one.
        const waits = isPerdureError(error) && error.code === "address-in-use" && address !== "" && host.clock.monotonicMs() < endMs;
        if (!waits) throw error;
        tell("world", `port ${portOf(address)} was taken meanwhile, trying again`, { tone: "warning" });
        await sleep(host.clock, SAME_PORT_PAUSE_MS, invocation.signal);
      }
    }
  };

  const startOnce = async (): Promise<void> => {
    const listen = address === "" ? [] : ["--listen", address.replace(/^ws:\/\/|\/?#.*$/g, "")];
    const child = spawnPerdure(
      host,
      ["relay", "--folder", join(folder, "relay"), ...listen, "--until-stdin-ends", ...words],
      () => {},
      ({ signal, code }) => {
        if (!isEnding() && signal !== "SIGKILL" && relayPids.includes(child.pid))
          tell("world", `the relay's process ${child.pid} ended by itself (${signal ?? `exit ${code}`})`, { tone: "bad" });
        onChange();
      },
    );
    relay = child;
    const started = await child.first("relay");
    relayPids.push(child.pid);
    const again = address !== "";
    address = String(started["address"]);
    const url = String(started["url"]).replace(/\/$/, "");
    if (!again && portOf(url) !== portOf(DEFAULT_LISTEN))
      tell("world", `port ${portOf(DEFAULT_LISTEN)} is busy, the relay takes ${portOf(url)}`);
    tell(
      "relay",
      again ? `runs again as process ${child.pid}, same folder and port` : `runs as process ${child.pid}, page ${started["page"]}`,
    );
    onChange();
  };

  const wakeDesk = async (): Promise<void> => {
    if (desk?.isRunning() === true) return;
    const child = spawnPerdure(
      host,
      ["try-desk", "--at", join(folder, "desk"), "--relay", address, "--received", join(folder, "received"), ...words],
      (line) => {
        const id = String(line["id"]);
        const attempt = Number(line["attempt"]);
        if (line.type === "handling" && attempt > 1) tell("@desk", `starts on it once more, start ${attempt}`, { id });
        if (line.type !== "handled") return;
        handled.push({ id, attempt, file: String(line["file"]), sizeBytes: Number(line["sizeBytes"]), atMs: host.clock.wallMs() });
        tell("@desk", `got ${line["says"]}`, { id });
      },
      ({ signal, code }) => {
        if (!isEnding() && code !== 0)
          tell("world", `@desk's process ${child.pid} ended by itself (${signal ?? `exit ${code}`})`, { tone: "bad" });
        onChange();
      },
    );
    desk = child;
    await child.first("awake");
    deskPids.push(child.pid);
    tell("@desk", `${deskPids.length === 1 ? "is new at this relay, and awake" : "wakes up"} as process ${child.pid}`);
    onChange();
  };

  const endChild = async (child: Child | undefined): Promise<void> => {
    if (child === undefined || !child.isRunning()) return;
    child.kill("SIGTERM");
    try {
      await withDeadline(host.clock, { timeoutMs: FALL_ASLEEP_MS, what: `process ${child.pid} to end` }, () => child.exit);
    } catch {
      child.kill("SIGKILL");
      await child.exit;
    }
  };

  const endAll = async (): Promise<void> => {
    ending = true;
    await endChild(desk);
    await endChild(relay);
    if (!keep) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };

  try {
    await startRelay();
    await wakeDesk();
    const warnings = createConsoleLog({ write: (line) => tell("world", line, { tone: "warning" }), level: "warn", json: false });
    const watching = createNodeHost({
      log: {
        write: (level: LogLevel, event: string, fields: LogFields = {}) => {
          onFact(event, fields);
          warnings.write(level, event, fields);
        },
      },
    });
    const me = await openAgentWith(watching, join(folder, "me"), { join: address, name: "me", settings: own, signal: invocation.signal });
    return {
      folder,
      me,
      handled,
      relayPids,
      deskPids,
      relayId: address.replace(/^.*#/, ""),
      relayRuns: () => relay?.isRunning() === true && !killed.has(relay),
      deskIsAwake: () => desk?.isRunning() === true,
      killRelay: () => {
        if (relay?.isRunning() !== true || killed.has(relay)) return undefined;
        killed.add(relay);
        relay.kill("SIGKILL");
        return relay.pid;
      },
      startRelay,
      sleepDesk: async () => {
        if (desk?.isRunning() !== true) return;
        const { pid } = desk;
        await endChild(desk);
        tell("@desk", `sleeps: process ${pid} has ended`);
        onChange();
      },
      wakeDesk,
      [Symbol.asyncDispose]: async () => {
        ending = true;
        await me.close().catch((error: unknown) => host.log.write("warn", "try.close-failed", { why: String(error) }));
        await endAll();
      },
    };
  } catch (error) {
    await endAll();
    if (invocation.signal.aborted) throw new PerdureError("aborted", "the trial was called off", { cause: error });
    throw error instanceof Error ? error : new PerdureError("internal", String(error));
  }
}
