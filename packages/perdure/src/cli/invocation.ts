/** What one call of the command works with: the machine, the terminal, and a signal that fires on Ctrl-C. */
import type { Readable, Writable } from "node:stream";
import type { Agent } from "../agent/api.ts";
import { sleep } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { createSettings, type Settings } from "../settings/register.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { Waiting } from "./content.ts";
import { agentFolder } from "./folder.ts";
import type { Environment } from "./paint.ts";
import type { PassphraseSource } from "./passphrase-source.ts";
import type { Terminal } from "./terminal.ts";
import type { CommonOptions } from "./words.ts";

export interface Invocation {
  readonly host: Host;
  readonly terminal: Terminal;
  readonly environment: Environment;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** For a screen that is drawn; everything else is said through the terminal. */
  readonly stdout: Writable;
  /** Fires on the first Ctrl-C, SIGTERM, or when nobody reads our output any more. */
  readonly signal: AbortSignal;
  /** What `--set` said. */
  readonly overrides: Readonly<Record<string, number>>;
  readonly settings: Settings;
  readonly passphrases: PassphraseSource;
}

/** A verb ends with an exit code, or throws. */
export type Verb = (invocation: Invocation) => Promise<number>;

/** `what` is what the person wanted, for the error that may come of it; a verb that `serves` runs until it is stopped. */
export type Dispatch = (call: {
  readonly what: string;
  readonly options: CommonOptions;
  readonly serves?: boolean;
  readonly load: () => Promise<Verb>;
}) => Promise<void>;

/** Reads `--set name=value` words; `bad-argument` or `unknown-setting`. */
export function parseOverrides(words: readonly string[]): Readonly<Record<string, number>> {
  const overrides: Record<string, number> = {};
  for (const word of words) {
    const [name, text, ...rest] = word.split("=");
    const value = Number(text);
    if (name === undefined || text === undefined || text.trim() === "" || rest.length > 0 || !Number.isFinite(value)) {
      throw new PerdureError("bad-argument", `"${word}" is not a setting`, {
        hint: "Write --set name=number, for example --set askTimeoutMs=5000.",
      });
    }
    overrides[name] = value;
  }
  createSettings(overrides);
  return overrides;
}

/** How long a look at the mailbox waits for what the relay holds. */
const NEWS_MS = 3000;
const NEWS_EVERY_MS = 20;

/** Waits until what the relay holds for the agent is here; false when the relay does not answer in time. */
export async function awaitNews({ host, signal }: Invocation, agent: Agent): Promise<boolean> {
  const endMs = host.clock.monotonicMs() + NEWS_MS;
  for (;;) {
    const { relay } = await agent.status({ signal });
    if (relay.caughtUp) return true;
    if (relay.lastError !== undefined || host.clock.monotonicMs() >= endMs) return false;
    await sleep(host.clock, NEWS_EVERY_MS, signal);
  }
}

/** A pipe that nobody ever ends looks like a command that hangs: after this time it says what it waits for. */
const SILENT_STDIN_MS = 2000;

export function stdinNote({ host, terminal }: Invocation): Waiting {
  return () => host.clock.after(SILENT_STDIN_MS, () => terminal.note("reading stdin until it ends"));
}

/** Opens the agent of the folder that `--at` or the environment names; asks for its passphrase where there is one and somebody to ask. */
export async function openHere(invocation: Invocation, at: string | undefined): Promise<Agent> {
  const { openAgentWith } = await import("../agent/open-agent.ts");
  const { diary } = await import("../agent/diary.ts");
  const { host, environment, overrides, signal } = invocation;
  const folder = agentFolder(at, environment);
  return await withPassphrase(invocation, `passphrase of ${folder}`, (passphrase) =>
    openAgentWith(host, folder, { settings: overrides, signal, diary, ...(passphrase === undefined ? {} : { passphrase }) }),
  );
}

/** What is given for a folder that is opened where there is one, and else made: then it has to be long enough to seal with. */
export async function passphraseFor(
  { host, passphrases }: Pick<Invocation, "host" | "passphrases">,
  folder: string,
): Promise<string | undefined> {
  const { hasIdentity } = await import("../agent/own-folder.ts");
  return (await hasIdentity(host, folder)) ? await passphrases.given() : await passphrases.givenNew();
}

/** Does something with the passphrase that is given, or with the one a person types when it turns out to be needed. */
export async function withPassphrase<Value>(
  { passphrases }: Pick<Invocation, "passphrases">,
  what: string,
  work: (passphrase: string | undefined) => Promise<Value>,
): Promise<Value> {
  const given = await passphrases.given();
  try {
    return await work(given);
  } catch (error) {
    if (given !== undefined || !passphrases.canAsk || !isPerdureError(error) || error.code !== "passphrase-required") throw error;
    return await work(await passphrases.ask(what));
  }
}
