/**
 * Searching among vectors: @perdure/turboquant beside what else there is for Node, on the same vectors, each system in a process of its
 * own, on one processor, in turns. What is measured of each: inserting, bytes, recall and time of a query, by every setting.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { peerVersion } from "./peer.ts";
import { CATALOGUE, type CatalogueEntry, OURS, PEERS, SETS, type SetEntry } from "./turboquant/catalogue.ts";
import { type Beside, compare } from "./turboquant/comparison.ts";
import { contestOn, type SetFigures } from "./turboquant/contest.ts";
import { contestTable } from "./turboquant/table.ts";

export interface TurboquantOptions {
  /** All of them where it is absent. */
  readonly sets?: readonly string[] | undefined;
  readonly peers?: readonly string[] | undefined;
  readonly quick: boolean;
}

export const TURBOQUANT_SETS: readonly string[] = SETS.map(({ name }) => name);
export const TURBOQUANT_PEERS: readonly string[] = PEERS;

interface LeftOut {
  readonly set: string;
  readonly system?: string;
  readonly why: string;
}

export interface TurboquantResult {
  readonly sets: readonly SetFigures[];
  /** Names of those that are from here. */
  readonly ours: readonly string[];
  readonly comparison: readonly Beside[];
  readonly leftOut: readonly LeftOut[];
  readonly versions: Readonly<Record<string, string>>;
}

export async function benchTurboquant(folder: string, options: TurboquantOptions, say: (line: string) => void): Promise<TurboquantResult> {
  const sets = SETS.filter(({ name, quickSeconds }) => options.sets?.includes(name) ?? (quickSeconds !== undefined || !options.quick));
  const seconds = sets.reduce((sum, each) => sum + ((options.quick ? each.quickSeconds : undefined) ?? each.seconds), 0);
  say(`about ${Math.ceil(seconds / 60)} minutes with all peers: ${sets.map(({ name }) => name).join(", ")}`);
  const found: SetFigures[] = [];
  const leftOut: LeftOut[] = [];
  for (const set of sets) {
    const { systems, without } = systemsFor(set, options);
    leftOut.push(...without);
    const figures = await contestOn(set, systems, folder, say);
    rmSync(join(folder, set.name), { recursive: true, force: true });
    if (figures === undefined) leftOut.push({ set: set.name, why: "its file is not beside the repository" });
    else {
      found.push(figures);
      for (const line of contestTable(figures, isOurs)) say(line);
      leftOut.push(...failuresOf(figures));
    }
  }
  for (const { set, system, why } of leftOut) say(`left out: ${system === undefined ? "" : `${system} on `}${set}: ${why}`);
  return {
    sets: found,
    ours: CATALOGUE.map(({ name }) => name).filter(isOurs),
    comparison: found.flatMap(({ systems }) => compare(systems, isOurs)),
    leftOut,
    versions: versionsOf(options),
  };
}

function systemsFor(
  { name, make }: SetEntry,
  { peers, quick }: TurboquantOptions,
): { readonly systems: readonly CatalogueEntry[]; readonly without: readonly LeftOut[] } {
  const set = make();
  const size = set === undefined ? 0 : set.dim * set.count;
  const wanted = CATALOGUE.filter(({ family }) => family === OURS || (peers?.includes(family) ?? true));
  const fits = ({ most, notOn }: CatalogueEntry): boolean =>
    notOn?.includes(name) !== true && (most === undefined || size <= (quick ? most.quick : most.full));
  return {
    systems: wanted.filter(fits),
    without: wanted.filter((entry) => !fits(entry)).map(({ name: system }) => ({ set: name, system, why: "it takes minutes there" })),
  };
}

function failuresOf({ set, systems }: SetFigures): readonly LeftOut[] {
  return systems.flatMap(({ system, failed }) => (failed === undefined ? [] : [{ set, system, why: failed }]));
}

function isOurs(system: string): boolean {
  return CATALOGUE.some(({ name, family }) => name === system && family === OURS);
}

function versionsOf({ peers }: TurboquantOptions): Readonly<Record<string, string>> {
  const packages = new Set(CATALOGUE.filter(({ family }) => peers?.includes(family) ?? true).flatMap(({ from }) => from ?? []));
  return Object.fromEntries([...packages].map((name) => [name, peerVersion(name) ?? "not installed"]));
}
