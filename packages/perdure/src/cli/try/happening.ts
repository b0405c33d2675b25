/** What happens in the trial's small world, as data, and as the line a person reads: when, who, what. */
import type { Paint } from "../paint.ts";
import { clockText } from "../quantity.ts";
import type { Terminal } from "../terminal.ts";

export type Who = "world" | "relay A" | "relay B" | "@me" | "@desk";

export interface Happening {
  readonly atMs: number;
  readonly who: Who;
  readonly text: string;
  /** Of which message, when it is of one. */
  readonly id?: string;
  readonly tone?: "good" | "bad" | "warning";
}

export type Tell = (who: Who, text: string, more?: Omit<Happening, "atMs" | "who" | "text"> & { readonly atMs?: number }) => void;

/** `label` is what the message is called here, as "#2". */
export function happeningLine(happening: Happening, paint: Paint, label: string | undefined = undefined): string {
  const { who, text, tone } = happening;
  const colour = { world: paint.warning, "relay A": paint.accent, "relay B": paint.accent, "@me": paint.strong, "@desk": paint.strong }[
    who
  ];
  const number = label === undefined ? "" : `${paint.faint(label)} `;
  return `${paint.faint(clockText(happening.atMs))}  ${colour(who.padEnd(7))}  ${number}${tone === undefined ? text : paint[tone](text)}`;
}

export function happeningObject({ atMs, who, text, id }: Happening): object {
  return { type: "event", atMs, who, text, ...(id === undefined ? {} : { id }) };
}

/** Says what happens beside the data: a line for people, a JSON line for programs. */
export function sayHappening(terminal: Terminal, happening: Happening): void {
  terminal.note(happeningLine(happening, terminal.stderr.paint));
  terminal.object(happeningObject(happening));
}
