/** What the command says and where: what was asked for on stdout, all else on stderr. With `--json` stdout has lines of JSON and nothing else. */
import type { Writable } from "node:stream";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Streams {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

export interface Terminal {
  readonly json: boolean;
  /** Whether a line on stderr can be written over, and how many letters it has. */
  readonly movesCursor: boolean;
  readonly columns: () => number;
  strong(text: string): string;
  faint(text: string): string;
  /** A line for people; silent with `--json`. */
  line(text?: string): void;
  /** A line of JSON; silent without `--json`. */
  object(value: object): void;
  /** A line on stderr. */
  note(text: string): void;
  /** Raw, on stderr. */
  draw(text: string): void;
}

const DEFAULT_COLUMNS = 80;

export function createTerminal(streams: Streams, environment: Environment, json: boolean): Terminal {
  const dumb = environment["TERM"] === "dumb";
  const coloured = !environment["NO_COLOR"] && streams.stdout.isTTY === true && !dumb;
  const style =
    (on: number, off: number) =>
    (text: string): string =>
      coloured ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return {
    json,
    movesCursor: streams.stderr.isTTY === true && !dumb && !json,
    columns: () => streams.stderr.columns ?? DEFAULT_COLUMNS,
    strong: style(1, 22),
    faint: style(2, 22),
    line: (text = "") => {
      if (!json) streams.stdout.write(`${text}\n`);
    },
    object: (value) => {
      if (json) streams.stdout.write(`${JSON.stringify(value)}\n`);
    },
    note: (text) => void streams.stderr.write(`${text}\n`),
    draw: (text) => void streams.stderr.write(text),
  };
}
