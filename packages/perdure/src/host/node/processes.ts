/** Other programs, for the command line: started, fed, read, ended. Only processes started here can be ended here. */
import { spawn } from "node:child_process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FIXED } from "../../settings/fixed.ts";
import { PerdureError } from "../../wire/error.ts";
import { plainBytes } from "./raw-bytes.ts";

export interface SpawnOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process; variables that are undefined are left out. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder?: string;
  /** What the process reads, then its input ends. Without it the input stays open until this process ends, however it ends. */
  readonly stdin?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Asks the process to end (SIGTERM), and kills it when it does not. */
  readonly signal?: AbortSignal;
}

/** One of the two is there: the exit code, or the signal that ended it. */
export interface ProcessExit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

export interface SpawnedProcess {
  readonly pid: number;
  /** What it writes. A process whose output nobody reads stops once the pipe (about 64 KB) is full. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  readonly exit: Promise<ProcessExit>;
  /** Does nothing after the exit. */
  kill(signal: "SIGKILL" | "SIGTERM"): void;
}

/** Starts a program, never through a shell; `not-found` when it cannot be started. */
export function spawnProcess({ command, args, env, folder, stdin, signal }: SpawnOptions): SpawnedProcess {
  const child = spawn(command, args, { env, stdio: "pipe", windowsHide: true, ...(folder === undefined ? {} : { cwd: folder }) });
  child.on("error", () => {});
  const { pid } = child;
  if (pid === undefined) {
    throw new PerdureError("not-found", `could not start "${command}"${folder === undefined ? "" : ` in ${folder}`}`, {
      hint: "Check the command's name, its folder and whether it may be run.",
    });
  }

  let killTimer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    child.kill("SIGTERM");
    killTimer = setTimeout(() => child.kill("SIGKILL"), FIXED.processKillMs.value);
  };
  const exit = new Promise<ProcessExit>((resolve) => {
    child.once("exit", (code, endedBy) => {
      clearTimeout(killTimer);
      signal?.removeEventListener("abort", onAbort);
      resolve({ code: code ?? undefined, signal: endedBy ?? undefined });
    });
  });
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });

  // A process may end, or close its input, without having read all of it.
  child.stdin.on("error", () => {});
  if (stdin !== undefined) pipeline(Readable.from(stdin instanceof Uint8Array ? [stdin] : stdin), child.stdin).catch(() => {});

  return {
    pid,
    stdout: chunksOf(child.stdout),
    stderr: chunksOf(child.stderr),
    exit,
    kill: (killSignal) => void child.kill(killSignal),
  };
}

async function* chunksOf(stream: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield plainBytes(chunk as Uint8Array);
}
