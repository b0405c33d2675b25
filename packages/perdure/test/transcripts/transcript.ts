/**
 * Transcripts: what a person types and what the command answers, kept as text and run as tests.
 *
 *   # words for the reader
 *   $ perdure relay --at ./relay --listen 0 &          a line for the shell; `&` leaves it running as job %1, %2, …
 *   <address:relay>                                     what it says, stdout and stderr in the order they are written
 *   $ perdure init --relay <relay> --at ./me            names bound above stand in later lines
 *   $ kill -KILL %1                                     sends a signal to a job and waits for its end
 *   $ wait %1                                           waits for a job to say the lines that follow
 *   [exit 3]                                            the exit code, when it is not 0
 *   ...                                                 any lines, or none
 *
 * `<kind>` matches one thing of that kind and `<kind:name>` also remembers it; `<here>` is the folder the transcript runs in.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
/** How long one line of a transcript may take on a loaded machine. */
const LINE_MS = 45_000;

const KINDS: Readonly<Record<string, string>> = {
  agent: "ag1[a-z2-7]{52}",
  short: "ag1[a-z2-7]{8}…",
  message: "[0-9a-f]{16}\\.\\d+",
  address: "ws://127\\.0\\.0\\.1:\\d+/#ag1[a-z2-7]{52}",
  url: "(?:ws|http)://127\\.0\\.0\\.1:\\d+/?",
  port: "\\d{1,5}",
  number: "\\d[\\d,]*",
  time: "(?:\\d{4}-\\d{2}-\\d{2} )?\\d{2}:\\d{2}:\\d{2}\\.\\d{3}",
  day: "\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}",
  ms: "[\\d.]+ (?:ms|s|min|h|d)",
  size: "[\\d.]+ (?:bytes?|KB|MB|GB)",
  sha256: "[0-9a-f]{64}",
  any: ".*?",
};

interface Exchange {
  readonly line: number;
  readonly command: string;
  readonly expected: readonly string[];
  readonly exit: number;
}

export function parseTranscript(text: string): readonly Exchange[] {
  const exchanges: { line: number; command: string; expected: string[]; exit: number }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const current = exchanges.at(-1);
    const exit = /^\[exit (\d+)\]$/.exec(line);
    if (line.startsWith("$ ")) exchanges.push({ line: index + 1, command: line.slice(2), expected: [], exit: 0 });
    else if (line.startsWith("#") || current === undefined) continue;
    else if (exit !== null) current.exit = Number(exit[1]);
    else current.expected.push(line);
  }
  for (const exchange of exchanges) while (exchange.expected.at(-1) === "") exchange.expected.pop();
  return exchanges;
}

/** Lines of `actual` against patterns; what was bound, or the first expected line that does not fit. */
export function matchLines(
  expected: readonly string[],
  actual: readonly string[],
  bound: ReadonlyMap<string, string>,
): { readonly bound: ReadonlyMap<string, string> } | { readonly failed: string } {
  const [first, ...rest] = expected;
  if (first === undefined) return actual.length === 0 ? { bound } : { failed: `nothing more was expected, but there is: ${actual[0]}` };
  if (first === "...") {
    for (let skipped = 0; skipped <= actual.length; skipped++) {
      const result = matchLines(rest, actual.slice(skipped), bound);
      if ("bound" in result) return result;
    }
    return { failed: `nothing fits what follows "...": ${rest[0] ?? "the end"}` };
  }
  const [line, ...more] = actual;
  if (line === undefined) return { failed: `missing: ${first}` };
  const names: string[] = [];
  const pattern = first
    .split(/(<[a-z0-9]+(?::[a-z0-9]+)?>)/)
    .map((piece) => {
      const [, kind = "", name] = /^<([a-z0-9]+)(?::([a-z0-9]+))?>$/.exec(piece) ?? [];
      const known = bound.get(kind);
      if (known !== undefined && name === undefined) return literally(known);
      if (KINDS[kind] === undefined) return literally(piece);
      names.push(name ?? "");
      return `(${KINDS[kind]})`;
    })
    .join("");
  const found = new RegExp(`^${pattern}$`).exec(line);
  if (found === null) return { failed: `expected: ${first}\n     got: ${line}` };
  const next = new Map(bound);
  for (const [index, name] of names.entries()) if (name !== "") next.set(name, found[index + 1] ?? "");
  return matchLines(rest, more, next);
}

export async function runTranscript(path: string): Promise<void> {
  const here = await realpath(await mkdtemp(join(tmpdir(), "perdure-transcript-")));
  const jobs: { readonly child: ChildProcess; readonly output: string; readonly ended: Promise<number | null> }[] = [];
  try {
    await mkdir(join(here, "bin"));
    await mkdir(join(here, "work"));
    writeFileSync(join(here, "bin", "perdure"), `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
    chmodSync(join(here, "bin", "perdure"), 0o755);
    const cwd = join(here, "work");
    let bound: ReadonlyMap<string, string> = new Map([["here", cwd]]);

    const start = (
      command: string,
      number: number,
      exec: boolean,
    ): { child: ChildProcess; output: string; ended: Promise<number | null> } => {
      const output = join(here, `output-${number}`);
      const file = openSync(output, "w");
      const env: NodeJS.ProcessEnv = {
        ...process.env,
        PATH: `${join(here, "bin")}:${process.env["PATH"]}`,
        HOME: cwd,
        TZ: "UTC",
        NO_COLOR: "1",
      };
      for (const name of ["FORCE_COLOR", "PERDURE_HOME", "XDG_DATA_HOME", "NODE_OPTIONS"]) delete env[name];
      const child = spawn("/bin/sh", ["-c", exec ? `exec ${command}` : command], { cwd, env, stdio: ["ignore", file, file] });
      closeSync(file);
      return { child, output, ended: new Promise((resolve) => child.on("exit", (code) => resolve(code))) };
    };
    const linesOf = (output: string): readonly string[] =>
      readFileSync(output, "utf8")
        .replace(/\n$/, "")
        .split("\n")
        .filter((line, index, all) => all.length > 1 || line !== "" || index > 0);
    const fail = (exchange: Exchange, why: string, output: string): never => {
      throw new Error(`line ${exchange.line}: $ ${exchange.command}\n${why}\n--- it said:\n${readFileSync(output, "utf8")}`);
    };
    const untilMatched = async (exchange: Exchange, output: string): Promise<void> => {
      const endMs = performance.now() + LINE_MS;
      for (;;) {
        const result = matchLines([...exchange.expected, "..."], linesOf(output), bound);
        if ("bound" in result) {
          bound = result.bound;
          return;
        }
        if (performance.now() > endMs) fail(exchange, result.failed, output);
        await pause(20);
      }
    };

    for (const [number, exchange] of parseTranscript(await readFile(path, "utf8")).entries()) {
      let command = exchange.command;
      for (const [name, value] of bound) command = command.replaceAll(`<${name}>`, value);
      const signal = /^kill -([A-Z]+) %(\d+)$/.exec(command);
      const wait = /^wait %(\d+)$/.exec(command);
      const job = jobs[Number(signal?.[2] ?? wait?.[1] ?? 0) - 1];
      if (wait !== null && job !== undefined) await untilMatched(exchange, job.output);
      else if (signal !== null && job !== undefined) {
        job.child.kill(`SIG${signal[1]}` as NodeJS.Signals);
        const code = await job.ended;
        if (signal[1] !== "KILL" && code !== exchange.exit) fail(exchange, `exit ${code}, expected ${exchange.exit}`, job.output);
        if (exchange.expected.length > 0) await untilMatched(exchange, job.output);
      } else if (command.endsWith(" &")) {
        const started = start(command.slice(0, -2), number, true);
        jobs.push(started);
        await untilMatched(exchange, started.output);
      } else {
        const run = start(command, number, false);
        const timer = setTimeout(() => run.child.kill("SIGKILL"), LINE_MS);
        const code = await run.ended;
        clearTimeout(timer);
        const result = matchLines(exchange.expected, linesOf(run.output), bound);
        if ("failed" in result) fail(exchange, result.failed, run.output);
        else bound = result.bound;
        if (code !== exchange.exit) fail(exchange, `exit ${code}, expected ${exchange.exit}`, run.output);
      }
    }
  } finally {
    for (const { child, ended } of jobs) {
      child.kill("SIGKILL");
      await ended;
    }
    await rm(here, { recursive: true, force: true, maxRetries: 3 });
  }
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
