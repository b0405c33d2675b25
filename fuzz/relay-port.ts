/**
 * The port of a running relay under inputs nobody would send on purpose: bytes that are no HTTP, requests that are bent, WebSocket
 * frames that are cut, handshakes and frames of sessions that are mutated. An input counts once the relay's answer to it was seen: a
 * reply, a close, or the answer to a ping sent behind it.
 *
 * All the while two honest agents write to each other. What must hold: the relay's process lives and logs no error, honest mail goes
 * on, and when the clients are gone its sockets are too and its memory is what it was.
 */
import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openAgentWith } from "../packages/perdure/src/agent/open-agent.ts";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { createDraws } from "./draws.ts";
import { createAttacks } from "./relay-attacks.ts";
import type { RelayHealth, RelayIsOpen } from "./relay-process.ts";

/** What may be left of the memory of all the inputs: caches of V8, bounded tables of the relay. */
export const MOST_GROWTH_BYTES: number = 192 * 1024 * 1024;
const CLIENTS = 96;
const CALM_MS = 60_000;
const LAST_INPUTS = 64;

export interface PortReport {
  readonly inputs: number;
  /** By kind of attack: how many were tried. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly honestMessages: number;
  readonly before: RelayHealth;
  readonly after: RelayHealth;
  readonly seconds: number;
  readonly findings: readonly string[];
  /** The inputs before the relay's process ended, newest last; empty when it lives. */
  readonly last: readonly Bytes[];
}

export async function fuzzRelayPort(options: {
  readonly inputs: number;
  readonly seed: number;
  readonly onProgress?: (done: number) => void;
}): Promise<PortReport> {
  const folder = await mkdtemp(join(tmpdir(), "perdure-fuzz-"));
  const relay = await startRelay(join(folder, "relay"));
  const findings: string[] = [];
  const kinds: Record<string, number> = {};
  const last: Bytes[] = [];
  let honestMessages = 0;
  try {
    const open = (name: string) =>
      openAgentWith(createNodeHost(), join(folder, name), {
        name,
        join: relay.open.address,
        strangers: "welcome",
        settings: { redialMinMs: 20 },
      });
    await using anna = await open("anna");
    await using bert = await open("bert");
    const serving = new AbortController();
    const served = bert.serve(() => undefined, { signal: serving.signal });
    const tell = async (): Promise<void> => {
      const sent = await anna.send("@bert", `still there? ${honestMessages}`);
      const { state } = await sent.until("done", { timeoutMs: CALM_MS });
      if (state !== "done") throw new Error(`honest mail ended ${state}`);
      honestMessages++;
    };
    await tell();
    const attacks = await createAttacks(relay.open, folder);
    // What is allocated once for all later is no growth.
    await Promise.all(attacks.kinds.map((kind) => attacks.try(kind, createDraws(options.seed)).catch(() => undefined)));
    const before = await relay.health();
    const startedAt = performance.now();
    let left = options.inputs;
    let done = 0;
    const client = async (index: number): Promise<void> => {
      const draws = createDraws(options.seed * 7919 + index);
      while (left > 0 && relay.lives()) {
        const kind = draws.pick(attacks.kinds);
        left--;
        const tried = await attacks.try(kind, draws, (input) => {
          last.push(input);
          if (last.length > LAST_INPUTS) last.shift();
        });
        left -= tried - 1;
        done += tried;
        kinds[kind] = (kinds[kind] ?? 0) + tried;
        options.onProgress?.(done);
      }
    };
    const honest = (async () => {
      while (left > 0 && relay.lives()) {
        await tell();
        await pause(200);
      }
    })();
    await Promise.all([...Array.from({ length: CLIENTS }, (_, index) => client(index)), honest]);
    const seconds = (performance.now() - startedAt) / 1000;
    const after = relay.lives() ? await calm(relay, before) : before;
    if (!relay.lives()) findings.push(`the relay's process ended: ${relay.end()}`);
    else {
      await tell();
      if (after.sockets > before.sockets) findings.push(`${after.sockets} sockets are open, ${before.sockets} were before`);
      if (after.rss - before.rss > MOST_GROWTH_BYTES)
        findings.push(`its memory grew by ${Math.round((after.rss - before.rss) / 1024 / 1024)} MB`);
      for (const error of new Set(after.errors)) findings.push(`it logged ${error}`);
    }
    serving.abort();
    await served;
    return { inputs: done, kinds, honestMessages, before, after, seconds, findings, last: relay.lives() ? [] : last };
  } finally {
    await relay.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface RunningRelay {
  readonly open: RelayIsOpen;
  health(): Promise<RelayHealth>;
  lives(): boolean;
  /** How it ended. */
  end(): string;
  stop(): Promise<void>;
}

async function startRelay(folder: string): Promise<RunningRelay> {
  const child = fork(fileURLToPath(new URL("relay-process.ts", import.meta.url)), [folder], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-4000);
  });
  const exited = new Promise<string>((resolve) => child.once("exit", (code, signal) => resolve(`${signal ?? `exit ${code}`} ${stderr}`)));
  let ended: string | undefined;
  void exited.then((how) => {
    ended = how;
  });
  const next = async <Message>(): Promise<Message> =>
    await Promise.race([
      new Promise<Message>((resolve) => child.once("message", (message) => resolve(message as Message))),
      exited.then((how) => Promise.reject(new Error(`the relay's process ended: ${how}`))),
    ]);
  const open = await next<RelayIsOpen>();
  return {
    open,
    health: async () => {
      const said = next<RelayHealth>();
      child.send("health");
      return await said;
    },
    lives: () => ended === undefined,
    end: () => ended ?? "",
    stop: async () => {
      if (ended !== undefined) return;
      child.disconnect();
      const kill = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await exited;
      clearTimeout(kill);
    },
  };
}

/** How it is once it is as it was, or when that does not happen. */
async function calm(relay: RunningRelay, before: RelayHealth): Promise<RelayHealth> {
  const deadline = performance.now() + CALM_MS;
  let now = await relay.health();
  while (performance.now() < deadline && (now.sockets > before.sockets || now.rss - before.rss > MOST_GROWTH_BYTES)) {
    await pause(500);
    now = await relay.health();
  }
  return now;
}
