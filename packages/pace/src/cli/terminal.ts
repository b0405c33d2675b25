/** What the command says and where: what was asked for on stdout, all else on stderr. With `--json` stdout has lines of JSON and nothing else. */
import type { Readable, Writable } from "node:stream";
import type { ReadStream } from "node:tty";
import type { Style } from "../monitor/frame.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

type Out = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

export interface Streams {
  readonly stdin: Readable | ReadStream;
  readonly stdout: Out;
  readonly stderr: Out;
}

export interface Terminal extends Style {
  readonly json: boolean;
  /** Whether it can be drawn over. */
  readonly movesCursor: boolean;
  /** Keys, where they can be heard as they are pressed. */
  readonly keys: ReadStream | undefined;
  columns(): number;
  rows(): number;
  /** Calls when its size changed, until what is returned is called. */
  resized(call: () => void): () => void;
  /** A line for people; silent with `--json`. */
  line(text?: string): void;
  /** A line of JSON; silent without `--json`. */
  object(value: object): void;
  /** A line on stderr. */
  note(text: string): void;
  /** Raw, on stdout. */
  draw(text: string): void;
}

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

export function createTerminal({ stdin, stdout, stderr }: Streams, environment: Environment, json: boolean): Terminal {
  const dumb = environment["TERM"] === "dumb";
  const isPeople = stdout.isTTY === true && !dumb && !json;
  const coloured = !environment["NO_COLOR"] && isPeople;
  const style =
    (on: number, off: number) =>
    (text: string): string =>
      coloured && text !== "" ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return {
    json,
    movesCursor: isPeople,
    keys: isPeople && "setRawMode" in stdin && stdin.isTTY ? stdin : undefined,
    // Who opens a terminal without saying how large it is has one of nothing by nothing.
    columns: () => stdout.columns || DEFAULT_COLUMNS,
    rows: () => stdout.rows || DEFAULT_ROWS,
    resized: (call) => {
      stdout.on("resize", call);
      return () => void stdout.off("resize", call);
    },
    strong: style(1, 22),
    faint: style(2, 22),
    good: style(32, 39),
    warn: style(33, 39),
    bad: style(31, 39),
    line: (text = "") => {
      if (!json) stdout.write(`${text}\n`);
    },
    object: (value) => {
      if (json) stdout.write(`${JSON.stringify(value)}\n`);
    },
    note: (text) => void stderr.write(`${text}\n`),
    draw: (text) => void stdout.write(text),
  };
}
