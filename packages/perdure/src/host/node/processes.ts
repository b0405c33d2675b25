/**
 * Other programs, for the command line: started, fed, read, ended. Each has a process group of its own, except on Windows, so that what
 * it starts is ended with it: a shell that is killed leaves what it runs. Only what was started here can be ended here.
 */
import { spawn } from "node:child_process";
import process from "node:process";
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
  /** Asks the process and what it started to end (SIGTERM), and kills what does not, or what of it is left behind the process. */
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
  /** The process and what it started; nothing once it has ended and its outputs are read to their end. */
  kill(signal: "SIGKILL" | "SIGTERM"): void;
}

/** Starts a program, never through a shell; `not-found` when it cannot be started. */
export function spawnProcess({ command, args, env, folder, stdin, signal }: SpawnOptions): SpawnedProcess {
  const isGroup = process.platform !== "win32";
  const where = folder === undefined ? {} : { cwd: folder };
  const child = spawn(command, args, { env, stdio: "pipe", windowsHide: true, detached: isGroup, ...where });
  child.on("error", () => {});
  const { pid } = child;
  if (pid === undefined) {
    throw new PerdureError("not-found", `could not start "${command}"${folder === undefined ? "" : ` in ${folder}`}`, {
      hint: "Check the command's name, its folder and whether it may be run.",
    });
  }

  let [hasExited, isOver] = [false, false];
  const end = (endedBy: NodeJS.Signals): void => {
    // A group has its number as long as one of it lives: who holds an output does. Behind that it may be somebody else's.
    if (isOver) return;
    if (!isGroup) return void child.kill(endedBy);
    try {
      process.kill(-pid, endedBy);
    } catch {
      // Nobody of it is left.
    }
  };
  let killTimer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    if (hasExited) return end("SIGKILL");
    end("SIGTERM");
    killTimer = setTimeout(() => end("SIGKILL"), FIXED.processKillMs.value);
  };
  child.once("close", () => {
    isOver = true;
    signal?.removeEventListener("abort", onAbort);
  });
  const exit = new Promise<ProcessExit>((resolve) => {
    child.once("exit", (code, endedBy) => {
      clearTimeout(killTimer);
      hasExited = true;
      if (signal?.aborted) end("SIGKILL");
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
    kill: end,
  };
}

async function* chunksOf(stream: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield plainBytes(chunk as Uint8Array);
}
