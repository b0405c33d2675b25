/** Servers of a benchmark, each a process that is ended by its id, also when the benchmark fails. */
import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createTestAuthority } from "../../packages/perdure/src/host/node/test-certificates.ts";
import type { RelayWish } from "../member.ts";
import { startProcess } from "../processes.ts";

export interface Servers extends AsyncDisposable {
  /** What an adapter is told of where they are. */
  readonly addresses: readonly string[];
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

/** A program that must be on the machine. */
export interface Program {
  readonly command: string;
  /** Of Debian and its like. */
  readonly package: string;
  readonly versionOption: string;
}

export const NATS: Program = { command: "nats-server", package: "nats-server", versionOption: "--version" };
export const MOSQUITTO: Program = { command: "mosquitto", package: "mosquitto", versionOption: "-h" };
export const REDIS: Program = { command: "redis-server", package: "redis-server", versionOption: "--version" };

const READY_MS = 10_000;
const END_MS = 10_000;

/** Where it is; servers lie outside of the paths of ordinary users on some systems. */
function whereIs({ command }: Program): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, command)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What it says of its version; `undefined` when it is not there. */
export function versionOf(program: Program): string | undefined {
  const path = whereIs(program);
  if (path === undefined) return undefined;
  const said = ((): string => {
    try {
      return execFileSync(path, [program.versionOption], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    } catch (error) {
      // Some end with an error after they said it.
      return String((error as { readonly stdout?: string }).stdout ?? "");
    }
  })();
  return /\d+\.\d+(\.\d+)?/.exec(said)?.[0] ?? "of unknown version";
}

/** Relays of Perdure, as many as names. `script`: what runs them, below `bench/`. */
export async function startRelays(
  folder: string,
  names: readonly string[],
  wish: RelayWish = {},
  tls = false,
  script = "member.ts",
): Promise<Servers> {
  await using started = new AsyncDisposableStack();
  mkdirSync(folder, { recursive: true });
  const files = tls ? await (await createTestAuthority(folder)).issue(1) : undefined;
  const paths = files === undefined ? {} : { tls: { certificateFile: files.certFile, keyFile: files.keyFile } };
  const processes: { readonly name: string; readonly pid: number }[] = [];
  const addresses: string[] = [];
  for (const name of names) {
    const words = JSON.stringify({ unlimited: true, ...paths, ...wish } satisfies RelayWish);
    const member = started.use(await startProcess(script, ["relay", join(folder, name), words]));
    processes.push({ name, pid: member.pid });
    addresses.push(member.says);
  }
  const running = started.move();
  return { addresses, processes, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** nats-server with JetStream in the folder. */
export function startNats(folder: string): Promise<Servers> {
  return startProgram(NATS, folder, (port) => ({
    file: "nats.conf",
    lines: [
      `listen: 127.0.0.1:${port}`,
      `jetstream { store_dir: ${JSON.stringify(folder)}, max_file_store: 64GB, max_memory_store: 1GB }`,
      "max_connections: 65536",
      // Nobody is asked during a run whether it is still there.
      'ping_interval: "1h"',
      'write_deadline: "60s"',
      "max_pending: 1GB",
    ],
    words: (path) => ["-c", path],
  }));
}

export function startMosquitto(folder: string): Promise<Servers> {
  return startProgram(MOSQUITTO, folder, (port) => ({
    file: "mosquitto.conf",
    lines: [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      "persistence true",
      `persistence_location ${folder}/`,
      "autosave_interval 1",
      "max_inflight_messages 0",
      "max_queued_messages 0",
      "max_inflight_bytes 0",
      "max_queued_bytes 0",
      "set_tcp_nodelay true",
      "sys_interval 0",
      "log_type none",
      // It would lose the right to write into the folder otherwise.
      ...(process.getuid?.() === 0 ? ["user root"] : []),
    ],
    words: (path) => ["-c", path],
  }));
}

export function startRedis(folder: string, appendfsync: "everysec" | "always"): Promise<Servers> {
  return startProgram(REDIS, folder, (port) => ({
    file: "redis.conf",
    lines: [
      "bind 127.0.0.1",
      `port ${port}`,
      `dir ${folder}`,
      "appendonly yes",
      `appendfsync ${appendfsync}`,
      'save ""',
      "auto-aof-rewrite-percentage 0",
      "maxclients 30000",
      "client-output-buffer-limit normal 0 0 0",
      "loglevel warning",
    ],
    words: (path) => [path],
  }));
}

/** The naive design. */
export async function startNaive(folder: string): Promise<Servers> {
  const script = fileURLToPath(new URL("naive-relay.ts", import.meta.url));
  const child = fork(script, [folder], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [port] = await Promise.race([once(child, "message"), goneOf(child, "naive-relay.ts")]);
  return runningOf("naive", child, [String(port)]);
}

interface Configuration {
  readonly file: string;
  readonly lines: readonly string[];
  readonly words: (path: string) => readonly string[];
}

async function startProgram(program: Program, folder: string, configure: (port: number) => Configuration): Promise<Servers> {
  const command = whereIs(program);
  if (command === undefined) throw new Error(`there is no ${program.command}`);
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const { file, lines, words } = configure(port);
  const path = join(folder, file);
  writeFileSync(path, `${lines.join("\n")}\n`);
  const child = spawn(command, words(path), { cwd: folder, stdio: ["ignore", "ignore", "ignore"] });
  const servers = runningOf(program.command, child, [String(port)]);
  try {
    await Promise.race([answers(port), goneOf(child, program.command)]);
    return servers;
  } catch (error) {
    await servers[Symbol.asyncDispose]();
    throw error;
  }
}

function runningOf(name: string, child: ChildProcess, addresses: readonly string[]): Servers {
  const kill = (): void => void child.kill("SIGKILL");
  process.prependOnceListener("exit", kill);
  return {
    addresses,
    processes: [{ name, pid: child.pid ?? 0 }],
    async [Symbol.asyncDispose]() {
      process.removeListener("exit", kill);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const late = setTimeout(kill, END_MS);
      await gone;
      clearTimeout(late);
    },
  };
}

async function goneOf(child: ChildProcess, what: string): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`${what} ended with ${code}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function answers(port: number): Promise<void> {
  for (const startedAt = performance.now(); ; ) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (answered) return;
    if (performance.now() - startedAt > READY_MS) throw new Error(`nobody answers at port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
