/** For tests that span agent and relay: a relay and agents on this machine, each in its own folder of a fresh temporary one. */
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Agent, Handler, Mail, Sent } from "../src/agent/api.ts";
import { type InternalOptions, openAgentWith } from "../src/agent/open-agent.ts";
import type { Log } from "../src/host/log.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { openRelay, type Relay } from "../src/relay/index.ts";
import { isPerdureError } from "../src/wire/error.ts";

export interface Fact {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Stage extends AsyncDisposable {
  readonly folder: string;
  /** The relay's address, the same over restarts. */
  address(): string;
  startRelay(settings?: Readonly<Record<string, number>>): Promise<Relay>;
  stopRelay(): Promise<void>;
  /** What agents logged as a warning or worse, newest last: event and code. */
  readonly warnings: readonly string[];
  /** Everything agents logged, oldest first. */
  readonly facts: readonly Fact[];
  /** Opens the agent in the folder called `folder`; with a name it is created and joins the relay. */
  agent(folder: string, options?: InternalOptions): Promise<Agent>;
  /** Copies a folder as it is, open or not: all of it but its socket and its lock. */
  copy(from: string, to: string): Promise<void>;
  /** Asks again until it holds; says what it waited for, and what agents warned of, when it never does. */
  until(what: string, condition: () => Promise<boolean> | boolean): Promise<void>;
}

/** Of `until`, on a machine that is busy with other tests. */
const PATIENCE_MS = 60_000;

/** Impatient where a test would wait: redials, retries. */
const QUICK = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };

export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "perdure-test-"));
  const opened: AsyncDisposable[] = [];
  const warnings: string[] = [];
  const facts: Fact[] = [];
  const log: Log = {
    write: (level, event, fields) => {
      facts.push({ event, fields: fields ?? {} });
      if (level === "warn" || level === "error") warnings.push(`${event} ${fields?.["code"] ?? ""}`.trim());
    },
  };
  let relay: Relay | undefined;
  let listen = "ws://127.0.0.1:0";
  let address = "";
  return {
    folder,
    warnings,
    facts,
    address: () => address,
    async startRelay(settings = {}) {
      relay = await openRelay({ folder: join(folder, "relay"), listen, settings });
      address = relay.address;
      listen = address.split("#")[0] as string;
      return relay;
    },
    async stopRelay() {
      await relay?.drain();
      relay = undefined;
    },
    async agent(name, options = {}) {
      await mkdir(join(folder, name), { recursive: true });
      const join_ =
        options.name === undefined && options.join === undefined ? {} : { join: options.join ?? address, strangers: "welcome" as const };
      const agent = await openAgentWith(createNodeHost({ log }), join(folder, name), {
        ...join_,
        ...options,
        settings: { ...QUICK, ...options.settings },
      });
      opened.push(agent);
      return agent;
    },
    copy: (from, to) => cp(join(folder, from), join(folder, to), { recursive: true, filter: (path) => !/(\.sock|lock)$/.test(path) }),
    until: (what, condition) => until(what, condition, () => warnings.join("; ")),
    async [Symbol.asyncDispose]() {
      for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
      await relay?.drain();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Served extends AsyncDisposable {
  readonly mails: readonly { readonly mail: Mail; readonly content: Uint8Array }[];
}

/** Serves until disposed, keeping what it was handed. */
export function serving(agent: Agent, handler: Handler = () => {}): Served {
  const mails: { readonly mail: Mail; readonly content: Uint8Array }[] = [];
  const stop = new AbortController();
  const running = agent.serve(
    async (mail, turn) => {
      mails.push({ mail, content: await mail.bytes() });
      await handler(mail, turn);
    },
    { signal: stop.signal },
  );
  running.catch(() => undefined);
  return {
    mails,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** Asks again until it holds; says what it waited for, and what else there is to `say`, when it never does. */
export async function until(what: string, condition: () => Promise<boolean> | boolean, say: () => string = () => ""): Promise<void> {
  for (const deadlineMs = performance.now() + PATIENCE_MS; !(await condition()); ) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain until ${what}: ${say()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Follows a message to its end. */
export async function statesOf(sent: Sent): Promise<readonly string[]> {
  const states: string[] = [];
  for await (const step of sent) states.push(step.state);
  return states;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Bytes that no compression or padding could hide a mistake in. */
export function noise(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed | 1;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

export function codeOf(error: unknown): string {
  return isPerdureError(error) ? error.code : String(error);
}
