/**
 * How many seeds it takes to notice each mistake of `lab/mistakes`. Rooms come first, with all seeds. The towns are the same for all of them: a third
 * of a minute of bad weather of one of a few kinds, by the seed, two of seven with an ordinary while behind it; the rest is drawn by the seed as ever.
 * Placebos are hunted beside them in the same way: what finds one would find anything.
 */
import { fileURLToPath } from "node:url";
import { countText } from "../packages/perdure/src/cli/quantity.ts";
import { describeRows, joinedRows, keepRows, measuredOn, rowsIn } from "./found.ts";
import { type Hunted, hunt, huntedLine } from "./hunt.ts";
import { MISTAKES } from "./mistakes/index.ts";
import { PLACEBOS } from "./mistakes/placebos.ts";
import { NARROW } from "./narrow.ts";
import { type Mistake, plantedSources } from "./planting.ts";
import type { SweepOptions } from "./pool.ts";
import { stormOf } from "./weather.ts";

/** Mailboxes and files that a few messages fill: who is away for a moment has mail refused. */
const CRAMPED = { mailboxMessages: 8, segmentBytes: 64 * 1024 };
/** By the seed, in turn. */
const SETTINGS: readonly Readonly<Record<string, number>>[] = [{}, NARROW, {}, CRAMPED, {}, { ...NARROW, ...CRAMPED }, {}];
/** A storm hides what a new session heals. Of so many seeds in turn these end with an ordinary while. */
const ORDINARY: ReadonlySet<number> = new Set([4, 6]);

/** The town in which a mistake is looked for. The one whose weather is drawn lives longer, so that shares and budgets fill. */
export function plantedTown(seed: number): SweepOptions {
  const kinds = stormOf(seed);
  const settings = SETTINGS[seed % SETTINGS.length] ?? {};
  if (kinds === undefined) return { minutes: 1, calmMs: 3500, settings };
  const ordinary = { hostile: "nobody", disaster: "none", routine: true } as const;
  return { minutes: 0.3, calmMs: 1800, kinds, settings, ...(ORDINARY.has(seed % SETTINGS.length) ? ordinary : {}) };
}

export interface PlantedOptions {
  readonly seeds: number;
  /** Only those, mistakes or placebos; all of both when it is left out. */
  readonly only?: readonly Mistake[] | undefined;
  readonly jobs?: number | undefined;
  /** Into the table in `lab/mistakes/found.json`. */
  readonly keep?: boolean;
  readonly print: (line: string) => void;
}

/** What was found so far. */
export const FOUND_FILE = fileURLToPath(new URL("mistakes/found.json", import.meta.url));
const COMMAND = "npm run lab -- --planted --seeds N --keep";

/** Hunts them and prints a table; true when every mistake is found, and no placebo. Throws before that when one no longer fits its source. */
export async function huntPlanted({
  seeds,
  only = [...MISTAKES, ...PLACEBOS],
  jobs,
  keep = false,
  print,
}: PlantedOptions): Promise<boolean> {
  for (const mistake of only) plantedSources(mistake);
  const quarries = only.map((planted) => ({ id: planted.id, planted, optionsOf: plantedTown }));
  const on = measuredOn(FOUND_FILE);
  const ids = MISTAKES.map(({ id }) => id);
  const all = await hunt(quarries, {
    seeds,
    jobs,
    rooms: true,
    onHunted: (each) => {
      print(huntedLine(each));
      // At once: what was found stays found when a long hunt is stopped.
      if (keep) keepRows(FOUND_FILE, COMMAND, joinedRows(rowsIn(FOUND_FILE), ids, [each], seeds, on));
    },
  });
  const placebos = new Set(PLACEBOS.map(({ id }) => id));
  const mistakes = all.filter(({ id }) => !placebos.has(id));
  if (mistakes.length > 0) for (const line of describeRows(joinedRows([], ids, mistakes, seeds, on))) print(line);
  const alarms = falseAlarms(all.filter(({ id }) => placebos.has(id)));
  for (const line of alarms.lines) print(line);
  return mistakes.every(({ found }) => found !== undefined) && alarms.count === 0;
}

/** What was made of placebos: each that was found, and how many those are. */
export function falseAlarms(placebos: readonly Hunted[]): { readonly count: number; readonly lines: readonly string[] } {
  const found = placebos.flatMap(({ id, found }) => (found === undefined ? [] : [`found, and breaks no promise: ${id}: ${found.what}`]));
  const all = countText(placebos.length, "placebo was", "placebos were");
  return { count: found.length, lines: placebos.length === 0 ? [] : [`${found.length} of ${all} found`, ...found] };
}
