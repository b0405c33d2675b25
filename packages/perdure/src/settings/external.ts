/**
 * Limits nobody of Perdure sets and that are in force all the same: of the system, of Node, of its libraries, of the browser, of what
 * stands on the way. Declared with what was found right when it was reviewed; the value in force is read on the machine.
 *
 * Who chose a value: `operator`, when a flag or variable says so; `reviewed`, when it is inherited and within what was found right;
 * `declared`, when it cannot be read from here and its maker's word stands for it; `nobody`, when it is inherited and otherwise than
 * reviewed; `unknown`, when this machine does not tell.
 */
import { BLAST_RADII, type BlastRadius, type ExternalDefinition, type ExternalOrigin, type ExternalUnit } from "./external-definition.ts";
import type { MACHINE } from "./machine.ts";
import { MIDDLEBOXES, type MiddleboxDefinition, type MiddleboxName } from "./middleboxes.ts";
import type { PAGE } from "./page.ts";

export type MachineName = keyof typeof MACHINE | keyof typeof PAGE;
/** Rows of the limits of one kind of host. */
export type Declared = Readonly<Partial<Record<MachineName, ExternalDefinition>>>;
export type ExternalName = MachineName | MiddleboxName;

/** What the machine says: a value, or why there is none. */
export interface ExternalReading {
  readonly name: MachineName;
  readonly value?: number;
  /** `absent`: there is no such limit here. */
  readonly unknown?: string;
  readonly absent?: true;
  /** By which flag or variable somebody chose it. */
  readonly operator?: string;
}

/** A limit on a live server, socket or request that no listed row explains. */
export interface LiveLimit {
  /** What kind of object it is on. */
  readonly on: string;
  /** Of its property; a symbol by its description. */
  readonly name: string;
  readonly value: number;
  /** The row it should have its value from, that value, and the unit of both. */
  readonly row?: string;
  readonly expected?: number;
  readonly unit?: ExternalUnit;
}

export type ChosenBy = "operator" | "reviewed" | "declared" | "nobody" | "unknown";

export interface ExternalRow {
  readonly name: string;
  readonly unit: ExternalUnit;
  readonly origin: ExternalOrigin;
  readonly source: string;
  readonly blast: BlastRadius;
  /** Absent where it is not known. */
  readonly value?: number;
  readonly chosenBy: ChosenBy;
  readonly reviewed?: number;
  readonly reason: string;
  /** What to do about it; with `unknown`, why it is. */
  readonly advice: string;
}

/** Stands for "no limit". */
export const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** The rows of a machine: what it says of itself, by the rows its host has, what is on the way, what is alive. */
export function listExternal(
  declared: Declared,
  readings: readonly ExternalReading[],
  live: readonly LiveLimit[] = [],
): readonly ExternalRow[] {
  const onTheWay = Object.entries(MIDDLEBOXES).map(([name, definition]) => middleboxRow(name, definition));
  const present = readings.filter(({ absent }) => absent !== true);
  return [...present.flatMap((reading) => machineRow(declared[reading.name], reading)), ...onTheWay, ...live.map(liveRow)];
}

/** Those that nobody chose, the one that would end most first. */
export function unchosen(rows: readonly ExternalRow[]): readonly ExternalRow[] {
  const rank = ({ blast }: ExternalRow): number => BLAST_RADII.indexOf(blast);
  return rows.filter(({ chosenBy }) => chosenBy === "nobody").toSorted((one, other) => rank(other) - rank(one));
}

function machineRow(declared: ExternalDefinition | undefined, { name, value, unknown, operator }: ExternalReading): readonly ExternalRow[] {
  if (declared === undefined) return [];
  const { unit, origin, source, blast, reviewed, least, most, reason, advice } = declared;
  const row = { name, unit, origin, blast, reviewed, reason };
  if (value === undefined) return [{ ...row, source, chosenBy: "unknown", advice: unknown ?? "this machine does not tell" }];
  if (operator !== undefined) return [{ ...row, source: operator, value, chosenBy: "operator", advice }];
  const good = value >= (least ?? Number.NEGATIVE_INFINITY) && value <= (most ?? Number.POSITIVE_INFINITY);
  return [{ ...row, source, value, chosenBy: good ? "reviewed" : "nobody", advice }];
}

function middleboxRow(name: string, { value, cuts, source, reason }: MiddleboxDefinition): ExternalRow {
  return {
    name,
    unit: "ms",
    origin: "middlebox",
    source,
    blast: "connection",
    value,
    chosenBy: "declared",
    reviewed: value,
    reason,
    advice:
      cuts === "idle"
        ? "pingEveryMs must stay below it; where one stands before your relay, its own setting may be raised."
        : "Raise it where one stands before your relay: no keep-alive helps against a greatest age.",
  };
}

function liveRow({ on, name, value, row, expected, unit }: LiveLimit): ExternalRow {
  const should = `it should be ${expected}${row === undefined ? "" : `, from ${row}`}`;
  const explained = expected === undefined ? "no listed row explains it" : should;
  return {
    name: `${on}: ${name}`,
    unit: unit ?? "of its own",
    origin: /WebSocket/.test(on) ? "library" : "node",
    source: "read off the live object",
    blast: /request/i.test(on) ? "request" : /server/.test(on) ? "process" : "connection",
    value,
    chosenBy: "nobody",
    ...(expected === undefined ? {} : { reviewed: expected }),
    reason: `A limit is in force on a live ${on}: ${explained}.`,
    advice: "Something in this process set it, or a new version of Node or a library did: please report it with the versions.",
  };
}
