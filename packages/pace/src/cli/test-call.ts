/** A call of the command over streams that keep what is said. */
import { PassThrough } from "node:stream";
import { runCommand } from "./command.ts";
import type { Environment } from "./terminal.ts";

export interface Calling {
  out(): string;
  err(): string;
  readonly exit: Promise<number>;
  stop(): void;
  press(key: string): void;
}

/** `columns`: of a terminal, "0" of one that does not know its size; without them nobody looks. */
export function call(words: readonly string[], { columns, ...environment }: Environment = {}): Calling {
  const kept = { stdout: "", stderr: "" };
  const stopped = new AbortController();
  const stream = (name: "stdout" | "stderr"): PassThrough => {
    const through = new PassThrough();
    through.setEncoding("utf8").on("data", (text: string) => {
      kept[name] += text;
    });
    return Object.assign(through, columns === undefined ? {} : { isTTY: true, columns: Number(columns), rows: columns === "0" ? 0 : 24 });
  };
  const stdin = Object.assign(new PassThrough(), {
    isTTY: columns !== undefined,
    isRaw: false,
    setRawMode: (isRaw: boolean) => {
      kept.stderr += isRaw ? "<raw>" : "<cooked>";
    },
  });
  const streams = { stdin, stdout: stream("stdout"), stderr: stream("stderr") };
  return {
    out: () => kept.stdout,
    err: () => kept.stderr,
    exit: runCommand(words, streams, environment, stopped.signal),
    stop: () => stopped.abort(),
    press: (key) => void stdin.write(key),
  };
}
