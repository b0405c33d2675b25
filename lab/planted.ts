/**
 * How many seeds it takes to notice each mistake of `lab/mistakes`. The towns are the same for all of them: half a minute of bad weather of
 * one of a few kinds, by the seed; the rest is drawn by the seed as ever.
 */
import { type Hunted, hunt, huntedLine } from "./hunt.ts";
import { MISTAKES } from "./mistakes/index.ts";
import { type Mistake, plantedSources } from "./planting.ts";
import type { SweepOptions } from "./pool.ts";
import type { FaultKind } from "./weather.ts";

/** By the seed, in turn. Without kinds the seed draws them. */
const WEATHERS: readonly (readonly FaultKind[] | undefined)[] = [
  ["brownout", "agent-kill", "relay-kill", "call-crash", "relapse"],
  ["cut", "partition", "stall", "one-way", "relay-dead", "agent-power"],
  undefined,
  ["sync-fails", "write-fails", "disk-full", "slow-disk", "relay-power", "agent-power", "relapse"],
  ["brownout", "partition", "agent-kill", "relay-kill", "cut", "call-crash"],
];

/** The town in which a mistake is looked for. The one whose weather is drawn lives longer, so that shares and budgets fill. */
export function plantedTown(seed: number): SweepOptions {
  const kinds = WEATHERS[seed % WEATHERS.length];
  if (kinds === undefined) return { minutes: 2, calmMs: 6000 };
  return { minutes: 0.5, calmMs: 2500, kinds };
}

export interface PlantedOptions {
  readonly seeds: number;
  /** Only those. */
  readonly only?: readonly Mistake[] | undefined;
  readonly jobs?: number | undefined;
  readonly print: (line: string) => void;
}

/** Hunts them and prints a table. Throws before that when one of them no longer fits its source. */
export async function huntPlanted({ seeds, only = MISTAKES, jobs, print }: PlantedOptions): Promise<readonly Hunted[]> {
  for (const mistake of only) plantedSources(mistake);
  const quarries = only.map((planted) => ({ id: planted.id, planted, optionsOf: plantedTown }));
  const all = await hunt(quarries, { seeds, jobs, onHunted: (hunted) => print(huntedLine(hunted)) });
  const found = all.filter((each) => each.found !== undefined);
  const needed = found.map((each) => each.found?.seeds ?? 0).sort((a, b) => a - b);
  print(
    `${found.length} of ${all.length} found within ${seeds} seeds (${((100 * found.length) / all.length).toFixed(1)} %); ` +
      `half of them within ${needed[Math.floor(needed.length / 2)] ?? "-"}, the last within ${needed.at(-1) ?? "-"}`,
  );
  const left = all.filter((each) => each.found === undefined).map(({ id }) => id);
  if (left.length > 0) print(`not found: ${left.join(", ")}`);
  return all;
}
