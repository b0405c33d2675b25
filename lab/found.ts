/**
 * What hunts found, kept as a table in a file: how many seeds each quarry took, and on which code that was measured. Hunting some anew
 * replaces their rows and no others.
 */
import { execFileSync } from "node:child_process";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { readFile, writeFile } from "./files.ts";
import type { Hunted } from "./hunt.ts";
import { jsonText } from "./json-text.ts";

export interface FoundRow {
  readonly id: string;
  /** How many seeds it took; absent when none of those tried noticed it. */
  readonly seeds?: number;
  readonly invariant?: string;
  /** Seeds 1 to this one were tried at most. */
  readonly tried: number;
  readonly commit: string;
  /** The checkout differed from that commit. */
  readonly changed: boolean;
}

export interface Measured {
  readonly commit: string;
  readonly changed: boolean;
}

/** The code that this checkout is; the table at `path` is no code. */
export function measuredOn(path: string): Measured {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const git = (...words: readonly string[]): string => execFileSync("git", words, { cwd, encoding: "utf8" }).trim();
  return {
    commit: git("rev-parse", "--short=12", "HEAD"),
    changed: git("status", "--porcelain", "--untracked-files=no", "--", ".", `:(exclude)${relative(cwd, path)}`) !== "",
  };
}

/** Rows of `known` in the order of `ids`, those that were hunted anew replaced. Rows of what is hunted no more go. */
export function joinedRows(
  known: readonly FoundRow[],
  ids: readonly string[],
  hunted: readonly Hunted[],
  tried: number,
  { commit, changed }: Measured,
): readonly FoundRow[] {
  const rows = new Map(known.map((row) => [row.id, row]));
  for (const { id, found } of hunted)
    rows.set(id, { id, ...(found === undefined ? {} : { seeds: found.seeds, invariant: found.invariant }), tried, commit, changed });
  return ids.flatMap((id) => rows.get(id) ?? []);
}

/** Throws `malformed` when it is not such a table. */
export function readRows(text: string): readonly FoundRow[] {
  const table = JSON.parse(text) as { readonly rows?: readonly FoundRow[] };
  if (!Array.isArray(table.rows)) throw new PerdureError("malformed", "this is no table of what was found");
  return table.rows;
}

/** Keeps them in the file at `path`. */
export function keepRows(path: string, command: string, rows: readonly FoundRow[]): void {
  writeFile(path, jsonText({ command, rows }));
}

export function rowsIn(path: string): readonly FoundRow[] {
  return readRows(readFile(path));
}

/** How many are found within so many seeds. */
export function foundWithin(rows: readonly FoundRow[], seeds: number): number {
  return rows.filter((row) => row.seeds !== undefined && row.seeds <= seeds).length;
}

/** The curve in words, and who is left. */
export function describeRows(rows: readonly FoundRow[]): readonly string[] {
  const most = Math.max(0, ...rows.map(({ tried }) => tried));
  const steps = [1, 10, 60, 300, 2000, 10_000].filter((step) => step < most);
  const share = (step: number): string => `${foundWithin(rows, step)} (${((100 * foundWithin(rows, step)) / rows.length).toFixed(1)} %)`;
  const left = rows.filter(({ seeds }) => seeds === undefined).map(({ id, tried }) => `${id} (${tried} tried)`);
  return [
    `of ${rows.length} found: ${[...steps, most].map((step) => `within ${step} ${step === 1 ? "seed" : "seeds"} ${share(step)}`).join(", ")}`,
    ...(left.length === 0 ? [] : [`not found: ${left.join(", ")}`]),
  ];
}
