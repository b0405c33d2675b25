/** The command in a process of its own, as a person starts it. */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  /** The lines of `--json`. */
  readonly objects: readonly Readonly<Record<string, unknown>>[];
}

export interface Running {
  /** What it has said on stderr until now. */
  readonly err: () => string;
  /** ... and on stdout. */
  readonly out: () => string;
  readonly ended: Promise<Ran>;
  stop(): void;
  /** SIGKILL. */
  kill(): void;
}

const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

/** Started in the folder `cwd`, with nothing to read. */
export function startCommand(cwd: string, words: readonly string[], environment: Readonly<Record<string, string>> = {}): Running {
  const env = { ...process.env, PERDURE_HOME: "", ...environment };
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ["ignore", "pipe", "pipe"], cwd, env });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    err += String(chunk);
  });
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exit) => resolve({ exit: exit ?? -1, out, err, objects: objectsIn(out) }));
  });
  return { err: () => err, out: () => out, ended, stop: () => void child.kill("SIGTERM"), kill: () => void child.kill("SIGKILL") };
}

function objectsIn(out: string): Ran["objects"] {
  const lines = out.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
