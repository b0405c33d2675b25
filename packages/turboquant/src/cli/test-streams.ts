/** Streams that keep what is said, and a call of the command over them. */
import { PassThrough } from "node:stream";
import { runCommand } from "./command.ts";
import type { Environment, Streams } from "./terminal.ts";

export interface Kept {
  readonly streams: Streams;
  out(): string;
  err(): string;
}

/** `columns`: of a terminal; without them nobody looks. */
export function keepStreams(columns?: number): Kept {
  const kept = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr"): Streams["stdout"] => {
    const through = new PassThrough();
    through.setEncoding("utf8").on("data", (text: string) => {
      kept[name] += text;
    });
    return Object.assign(through, columns === undefined ? {} : { isTTY: true, columns });
  };
  return { streams: { stdout: stream("stdout"), stderr: stream("stderr") }, out: () => kept.stdout, err: () => kept.stderr };
}

export interface Called {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  /** What `--json` printed. */
  readonly objects: readonly Readonly<Record<string, unknown>>[];
}

export async function call(
  words: readonly string[],
  { columns, ...environment }: Environment & { readonly columns?: string } = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Called> {
  const kept = keepStreams(columns === undefined ? undefined : Number(columns));
  const exit = await runCommand(words, kept.streams, environment, signal);
  await new Promise((done) => setImmediate(done));
  const lines = kept
    .out()
    .split("\n")
    .filter((line) => line.startsWith("{"));
  return { exit, out: kept.out(), err: kept.err(), objects: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
