/**
 * The trial's small world: two relays that belong to two owners, an agent `@desk` at relay B in a process of its own, and the
 * agent `@me` at relay A in this one, all in one fresh folder. `@desk` gives out an invite and `@me` accepts it. Killing
 * is SIGKILL on a relay's process; sleeping is the end of `@desk`'s.
 */
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Agent } from "../../agent/api.ts";
import { openAgentWith } from "../../agent/open-agent.ts";
import { withDeadline } from "../../host/deadline.ts";
import type { LogFields, LogLevel } from "../../host/log.ts";
import { createConsoleLog, createNodeHost } from "../../host/node/index.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Invocation } from "../invocation.ts";
import { DEFAULT_LISTEN, portOf } from "../listen-address.ts";
import { type Child, spawnPerdure } from "./child.ts";
import type { Tell } from "./happening.ts";
import { createRelayProcess, type RelayProcess } from "./relay-process.ts";

/** `@desk` finishes the message it is at and says goodbye to its relay in this time, or is killed. */
const FALL_ASLEEP_MS = 10_000;
/** Accepting an invite goes over both relays and back; on a busy machine that takes a while. */
const ACCEPT_MS = 30_000;
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
  /** `@desk` as one writes to it from another relay. */
  readonly desk: string;
  readonly relays: { readonly a: RelayProcess; readonly b: RelayProcess };
  /** Every run of `@desk`'s handler that came to its end. */
  readonly handled: readonly Handled[];
  readonly deskPids: readonly number[];
  deskIsAwake(): boolean;
  sleepDesk(): Promise<void>;
  wakeDesk(): Promise<void>;
}

export interface WorldOptions {
  readonly invocation: Invocation;
  readonly tell: Tell;
  readonly keep: boolean;
  /** For `@me` and the relays, on top of the trial's own. */
  readonly settings: Readonly<Record<string, number>>;
  /** What `@me` notes while it works, at the moment it happens. */
  readonly onFact: (event: string, fields: LogFields) => void;
  /** `@desk`'s handler has begun with a message. */
  readonly onHandling?: () => void;
  /** Something in the world changed that a prompt may show. */
  readonly onChange: () => void;
}

export async function createWorld({ invocation, tell, keep, settings, onFact, onHandling, onChange }: WorldOptions): Promise<World> {
  const { host, overrides } = invocation;
  const folder = await realpath(await mkdtemp(join(tmpdir(), "perdure-try-")));
  const own = { ...TRIAL_SETTINGS, ...settings, ...overrides };
  const words = Object.entries(own).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
  const handled: Handled[] = [];
  const deskPids: number[] = [];
  let desk: Child | undefined;
  let ending = false;
  // A terminal sends Ctrl-C to the children too: their end is then no news.
  const isEnding = (): boolean => ending || invocation.signal.aborted;
  const relay = (letter: "A" | "B", usualPort: number): RelayProcess =>
    createRelayProcess({
      host,
      who: `relay ${letter}`,
      folder: join(folder, `relay-${letter.toLowerCase()}`),
      words,
      usualPort,
      tell,
      isEnding,
      onChange,
      signal: invocation.signal,
    });
  const a = relay("A", portOf(DEFAULT_LISTEN));
  const b = relay("B", portOf(DEFAULT_LISTEN) + 1);

  const wakeDesk = async (): Promise<void> => {
    if (desk?.isRunning() === true) return;
    const child = spawnPerdure(
      host,
      ["try-desk", "--at", join(folder, "desk"), "--relay", b.address, "--received", join(folder, "received"), ...words],
      (line) => {
        const id = String(line["id"]);
        const attempt = Number(line["attempt"]);
        if (line.type === "handling") {
          if (attempt > 1) tell("@desk", `starts on it once more, start ${attempt}`, { id });
          onHandling?.();
        }
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
    tell("@desk", `${deskPids.length === 1 ? "is new at relay B, and awake" : "wakes up"} as process ${child.pid}`);
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
    await Promise.all([endChild(a.child()), endChild(b.child())]);
    if (!keep) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };

  const openMe = async (): Promise<Agent> => {
    // What happens is told with its time already.
    const warnings = createConsoleLog({
      write: (line) => tell("world", line.replace(/^[\d:]+ /, ""), { tone: "warning" }),
      level: "warn",
      json: false,
    });
    const watching = createNodeHost({
      log: {
        write: (level: LogLevel, event: string, fields: LogFields = {}) => {
          onFact(event, fields);
          warnings.write(level, event, fields);
        },
      },
    });
    return await openAgentWith(watching, join(folder, "me"), { join: a.address, name: "me", settings: own, signal: invocation.signal });
  };

  /** Over both relays: the two owners know each other by nothing but this one string. */
  const acceptInvite = async (me: Agent): Promise<string> => {
    const invite = String((await (desk as Child).first("invite"))["text"]);
    tell("@desk", `gives out an invite, ${invite.slice(0, 15)}…, for its owner to pass on`);
    const contact = await me.accept(invite, { timeoutMs: ACCEPT_MS, signal: invocation.signal });
    const address = contact.address ?? contact.id;
    tell("@me", `accepts it from relay A: ${address} and @me are contacts`);
    return address;
  };

  let me: Agent | undefined;
  const closeMe = async (): Promise<void> => {
    await me?.close().catch((error: unknown) => host.log.write("warn", "try.close-failed", { why: String(error) }));
  };
  try {
    await a.start();
    await b.start();
    await wakeDesk();
    me = await openMe();
    const address = await acceptInvite(me);
    return {
      folder,
      me,
      desk: address,
      relays: { a, b },
      handled,
      deskPids,
      deskIsAwake: () => desk?.isRunning() === true,
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
        await closeMe();
        await endAll();
      },
    };
  } catch (error) {
    await closeMe();
    await endAll();
    if (invocation.signal.aborted) throw new PerdureError("aborted", "the trial was called off", { cause: error });
    throw error instanceof Error ? error : new PerdureError("internal", String(error));
  }
}
