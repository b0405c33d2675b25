/** A project of somebody else's with a packed package of ours installed in it, and programs that run there. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { type PackageName, pack } from "../../../scripts/pack.ts";
import { npmError, runNpm } from "../bin/bring-node.mjs";

/** Installing, and whatever runs afterwards, on a loaded machine. */
export const SLOW_MS = 180_000;

export interface Started {
  readonly child: ChildProcess;
  /** The first line on its stdout; `""` when it ended without one. */
  readonly firstLine: Promise<string>;
  /** What it has said on stderr so far. */
  said(): string;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
}

export interface Consumer {
  readonly folder: string;
  /** Where the package lies in it. */
  readonly installed: string;
  readonly command: string;
  /** What the program printed on stdout; throws when it fails. `node` is found first in the PATH. */
  run(file: string, args: readonly string[], options?: { readonly node?: string; readonly cwd?: string }): string;
  start(file: string, args: readonly string[], options?: { readonly cwd?: string }): Started;
  /** A new folder in the project, from which the package is found. */
  subfolder(name: string): string;
  remove(): void;
}

export async function createConsumer(name: PackageName = "perdure"): Promise<Consumer> {
  const folder = mkdtempSync(join(tmpdir(), "perdure-consumer-"));
  const installed = join(folder, "node_modules", name === "perdure" ? name : `@perdure/${name}`);
  const command = join(folder, "node_modules/.bin", name);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const { code, output } = await runNpm(["install", "--prefer-offline", await pack(folder, name)], folder);
  if (code !== 0) throw npmError("the packed package could not be installed", output, "This test needs npm's registry.");

  const environment = (node = process.execPath): NodeJS.ProcessEnv => ({
    ...process.env,
    // A user starts with nothing compiled.
    NODE_COMPILE_CACHE: undefined,
    PATH: [dirname(node), dirname(command), process.env["PATH"]].join(delimiter),
    XDG_CACHE_HOME: join(folder, "cache"),
    XDG_DATA_HOME: join(folder, "data"),
    NO_COLOR: "1",
  });
  return {
    folder,
    installed,
    command,
    run: (file, args, { node, cwd = folder } = {}) =>
      execFileSync(file, args, { cwd, env: environment(node), encoding: "utf8", timeout: SLOW_MS, stdio: ["ignore", "pipe", "pipe"] }),
    start: (file, args, { cwd = folder } = {}) => {
      const child = spawn(file, args, { cwd, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        said += chunk;
      });
      const lines = createInterface(child.stdout);
      const closed = once(child, "close") as Promise<[number | null]>;
      const firstLine = Promise.race([once(lines, "line").then(([line]) => String(line)), closed.then(() => "")]);
      return {
        child,
        firstLine,
        said: () => said,
        stop: async () => {
          child.kill("SIGTERM");
          return (await closed)[0];
        },
      };
    },
    subfolder: (name) => {
      mkdirSync(join(folder, name));
      return join(folder, name);
    },
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** Compiler options of a strict project that uses the package under Node. */
export const CONSUMER_OPTIONS = {
  target: "es2024",
  lib: ["es2024", "esnext.disposable", "dom"],
  module: "nodenext",
  strict: true,
  noEmit: true,
  types: [],
} as const;
