/**
 * What the command says and where: data on stdout, everything else on stderr. Progress is only for terminals. With
 * `--json` each piece of data is one line of JSON, and nothing is said to people.
 */
import type { Writable } from "node:stream";
import { createPaint, type Environment, type Paint, wantsColour } from "./paint.ts";

export interface TerminalStream {
  readonly isTerminal: boolean;
  /** Letters in a line; 80 where nobody says. */
  readonly columns: () => number;
  readonly paint: Paint;
}

export interface Terminal {
  readonly json: boolean;
  readonly stdin: { readonly isTerminal: boolean };
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  /** One line of data for people and pipes; silent with `--json`. */
  line(text: string): void;
  /** One JSON line of data; silent without `--json`. */
  object(value: object): void;
  /** Bytes of data as they are. */
  bytes(data: Uint8Array): void;
  /** One line beside the data; silent with `--json`. */
  note(text: string): void;
  /** One line beside the data that is also said with `--json`. */
  trouble(text: string): void;
  /** A line that the next one replaces; only on terminals. */
  progress(text: string): void;
  /** Resolves when everything said has left this process. */
  flush(): Promise<void>;
}

export interface TerminalStreams {
  readonly stdin: { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

export function createTerminal(streams: TerminalStreams, environment: Environment, json: boolean): Terminal {
  const view = (stream: TerminalStreams["stdout"]): TerminalStream => {
    const isTerminal = stream.isTTY === true;
    return { isTerminal, columns: () => stream.columns ?? 80, paint: createPaint(wantsColour(environment, isTerminal)) };
  };
  const stdout = view(streams.stdout);
  const stderr = view(streams.stderr);
  const movesCursor = stderr.isTerminal && environment["TERM"] !== "dumb" && !json;
  let progressShown = false;
  const clearProgress = (): void => {
    if (progressShown) streams.stderr.write("\r\u001b[K");
    progressShown = false;
  };
  const toStderr = (text: string): void => {
    clearProgress();
    streams.stderr.write(`${text}\n`);
  };
  return {
    json,
    stdin: { isTerminal: streams.stdin.isTTY === true },
    stdout,
    stderr,
    line: (text) => {
      if (json) return;
      clearProgress();
      streams.stdout.write(`${text}\n`);
    },
    object: (value) => {
      if (json) streams.stdout.write(`${JSON.stringify(value)}\n`);
    },
    bytes: (data) => {
      clearProgress();
      streams.stdout.write(data);
    },
    note: (text) => {
      if (!json) toStderr(text);
    },
    trouble: toStderr,
    progress: (text) => {
      if (!movesCursor) return;
      clearProgress();
      const room = Math.max(10, stderr.columns() - 1);
      streams.stderr.write(stderr.paint.faint(text.length > room ? `${text.slice(0, room - 1)}…` : text));
      progressShown = true;
    },
    flush: async () => {
      clearProgress();
      await Promise.all([drained(streams.stdout), drained(streams.stderr)]);
    },
  };
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableEnded) return resolve();
    stream.write("", () => resolve());
  });
}
