/** A process of the trial: this same command with another verb, spoken to in JSON lines. It ends when its stdin does. */
import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { withDeadline } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import { type ProcessExit, spawnProcess } from "../../host/node/processes.ts";
import { fromUtf8 } from "../../wire/bytes.ts";
import { isErrorCode, PerdureError } from "../../wire/error.ts";

/** A trial on a loaded machine may start slowly; after this it will not start at all. */
const START_MS = 30_000;
const STDERR_KEPT = 4000;

export interface ChildLine {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Child {
  readonly pid: number;
  readonly exit: Promise<ProcessExit>;
  isRunning(): boolean;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
  /** The first line of this type; the child's own error when it ends before. */
  first(type: string): Promise<ChildLine>;
}

export function spawnPerdure(
  host: Host,
  words: readonly string[],
  onLine: (line: ChildLine) => void,
  onExit: (exit: ProcessExit, said: string) => void,
): Child {
  const main = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));
  const child = spawnProcess({ command: process.execPath, args: [main, ...words, "--json"], env: process.env });
  const seen: ChildLine[] = [];
  const waiting = new Set<(line: ChildLine) => void>();
  let running = true;
  let said = "";
  readLines(child.stdout, (text) => {
    const line = JSON.parse(text) as ChildLine;
    seen.push(line);
    for (const each of [...waiting]) each(line);
    onLine(line);
  }).catch((error: unknown) => host.log.write("warn", "try.child-unreadable", { pid: child.pid, why: String(error) }));
  const stderrRead = readLines(child.stderr, (text) => {
    said = `${said}${text}\n`.slice(-STDERR_KEPT);
  }).catch(() => {});
  const exit = child.exit.then(async (how) => {
    running = false;
    await stderrRead;
    onExit(how, said);
    return how;
  });
  exit.catch(() => {});
  return {
    pid: child.pid,
    exit,
    isRunning: () => running,
    kill: (signal) => child.kill(signal),
    first: async (type) => {
      const there = seen.find((line) => line.type === type);
      if (there !== undefined) return there;
      return await withDeadline(
        host.clock,
        { timeoutMs: START_MS, what: `process ${child.pid} to say "${type}"` },
        () =>
          new Promise<ChildLine>((resolve, reject) => {
            const check = (line: ChildLine): void => {
              if (line.type !== type) return;
              waiting.delete(check);
              resolve(line);
            };
            waiting.add(check);
            exit.then(() => reject(errorOf(words[0] ?? "", said)), reject);
          }),
      );
    },
  };
}

/** The error a child reported as its last words, as if it had been thrown here. */
function errorOf(verb: string, said: string): PerdureError {
  for (const text of said.trim().split("\n").reverse()) {
    try {
      const line = JSON.parse(text) as { readonly type?: string; readonly code?: string; readonly why?: string; readonly hint?: string };
      if (line.type !== "error" || line.code === undefined || !isErrorCode(line.code)) continue;
      return new PerdureError(line.code, line.why ?? said, line.hint === undefined ? {} : { hint: line.hint });
    } catch {
      // Not a line of ours: a warning of the platform, or a stack.
    }
  }
  return new PerdureError("internal", `the process "perdure ${verb}" ended early: ${said.trim().split("\n").at(-1) ?? ""}`);
}

async function readLines(stream: AsyncIterable<Uint8Array>, onLine: (text: string) => void): Promise<void> {
  let rest: Uint8Array[] = [];
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = fromUtf8(Buffer.concat([...rest, chunk.subarray(from, end)]));
      rest = [];
      from = end + 1;
      if (line.trim() !== "") onLine(line);
    }
    rest.push(chunk.subarray(from));
  }
}
