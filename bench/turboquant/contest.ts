/** Systems on one set, in turns: each answers some queries, then the next system the same ones, so that what the machine does besides hits all alike. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { median } from "../measure.ts";
import type { CatalogueEntry, SetEntry } from "./catalogue.ts";
import { type Settled, type SettledTruth, settle } from "./opened-set.ts";
import { recallAt } from "./recall.ts";
import type { Added, Built, Searched } from "./serve.ts";
import { onePlace, openStation, type Station } from "./station.ts";
import { K } from "./system.ts";

export interface WayFigures {
  readonly way: string;
  readonly asked?: number;
  /** What it said itself to expect, mean of all queries. */
  readonly expected?: number;
  readonly recallAt10: number;
  readonly recallAt1: number;
  /** Of one query, over all queries and passes. */
  readonly ms: { readonly median: number; readonly best: number; readonly p99: number };
  /** Of one query and all threads: mean of a turn, of which this is the median. */
  readonly processorMs: number;
  /** Median of each turn. */
  readonly turns: readonly number[];
}

export interface SystemFigures {
  readonly set: string;
  readonly system: string;
  readonly failed?: string;
  readonly told?: string;
  readonly insertMs?: number;
  readonly insertProcessorMs?: number;
  readonly vectorsPerSecond?: number;
  /** Of one core, however many others wanted it. */
  readonly vectorsPerCoreSecond?: number;
  readonly bytesPerVector?: { readonly resident: number; readonly disk?: number; readonly told?: number };
  readonly added?: Added;
  readonly ways: readonly WayFigures[];
}

export interface SetFigures {
  readonly set: string;
  readonly what: string;
  readonly dim: number;
  readonly count: number;
  readonly queries: number;
  /** Means of the exact inner products, by which somebody else's set can be compared. */
  readonly nearest: { readonly first: number; readonly tenth: number; readonly gapBehindTenth: number };
  readonly pinnedTo?: number;
  readonly systems: readonly SystemFigures[];
}

const TURNS = 10;

interface Contender {
  readonly entry: CatalogueEntry;
  readonly station: Station;
  built?: Built;
  failed?: string;
  added?: Added;
  readonly turns: (readonly Searched[])[];
}

/** `undefined` where the set is not to be had. */
export async function contestOn(
  { name, what, make }: SetEntry,
  systems: readonly CatalogueEntry[],
  folder: string,
  say: (line: string) => void,
): Promise<SetFigures | undefined> {
  const set = make();
  if (set === undefined) return undefined;
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  const startedAt = performance.now();
  const truth = settle(set, own);
  say(`${name}: ${what}; written and searched exactly in ${seconds(startedAt)}`);
  const pinnedTo = onePlace();
  const contenders: Contender[] = [];
  try {
    for (const entry of systems) contenders.push(await build(entry, truth.settled, pinnedTo, say));
    await searchInTurns(contenders, truth.settled.queries);
    for (const each of contenders) await attempt(each, async () => void (await addTo(each)));
  } finally {
    await Promise.all(contenders.map(({ station }) => station.end()));
  }
  return {
    set: name,
    what,
    dim: set.dim,
    count: set.count,
    queries: set.queries,
    nearest: nearestOf(truth),
    ...(pinnedTo === undefined ? {} : { pinnedTo }),
    systems: contenders.map((each) => figuresOf(each, truth)),
  };
}

async function build(entry: CatalogueEntry, set: Settled, pinnedTo: number | undefined, say: (line: string) => void): Promise<Contender> {
  const contender: Contender = { entry, station: openStation(entry.name, set, pinnedTo), turns: [] };
  await attempt(contender, async () => {
    contender.built = await contender.station.build();
  });
  const { built, failed } = contender;
  say(
    `  ${entry.name.padEnd(18)} ${built === undefined ? `absent: ${failed}` : `${Math.round(set.count / (built.insertMs / 1000))} vectors/s`}`,
  );
  return contender;
}

async function searchInTurns(contenders: readonly Contender[], queries: number): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    const [from, until] = [turn, turn + 1].map((each) => Math.round((each * queries) / TURNS)) as [number, number];
    for (const each of contenders)
      await attempt(each, async () => {
        each.turns.push(await each.station.search(from, until));
      });
  }
}

async function addTo(contender: Contender): Promise<void> {
  const added = await contender.station.add();
  if (added !== undefined) contender.added = added;
}

/** One that failed is asked nothing more. */
async function attempt(contender: Contender, act: () => Promise<void>): Promise<void> {
  if (contender.failed !== undefined) return;
  try {
    await act();
  } catch (error) {
    contender.failed = error instanceof Error ? error.message : String(error);
  }
}

function figuresOf({ entry, built, failed, added, turns }: Contender, truth: SettledTruth): SystemFigures {
  const begin = { set: truth.settled.name, system: entry.name };
  if (failed !== undefined || built === undefined) return { ...begin, failed: failed ?? "it was not built", ways: [] };
  const { count } = truth.settled;
  const each = (bytes: number): number => rounded(bytes / count);
  return {
    ...begin,
    told: built.told,
    insertMs: rounded(built.insertMs),
    insertProcessorMs: rounded(built.insertProcessorMs),
    vectorsPerSecond: rounded(count / (built.insertMs / 1000)),
    vectorsPerCoreSecond: rounded(count / (built.insertProcessorMs / 1000)),
    bytesPerVector: {
      resident: each(built.residentBytes),
      ...(built.diskBytes === undefined ? {} : { disk: each(built.diskBytes) }),
      ...(built.toldBytes === undefined ? {} : { told: each(built.toldBytes) }),
    },
    ...(added === undefined ? {} : { added: { ...added, ms: rounded(added.ms) } }),
    ways: built.ways.map(({ name, asked }, nth) => ({
      ...wayFigures(
        name,
        turns.map((turn) => turn[nth] as Searched),
        truth,
      ),
      ...(asked === undefined ? {} : { asked }),
    })),
  };
}

function wayFigures(way: string, turns: readonly Searched[], { nearest }: SettledTruth): WayFigures {
  const found = turns.flatMap(({ ids }) => ids);
  const recall = (k: number): number => mean(nearest.map((each, query) => recallAt(k, found[query] ?? [], each)));
  const all = turns.flatMap(({ ms }) => ms).sort((a, b) => a - b);
  const place = (share: number): number => rounded(all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? Number.NaN);
  const expected = turns.flatMap((turn) => turn.expected ?? []);
  return {
    way,
    ...(expected.length === 0 ? {} : { expected: rounded(mean(expected)) }),
    recallAt10: rounded(recall(K)),
    recallAt1: rounded(recall(1)),
    ms: { median: place(0.5), best: place(0), p99: place(0.99) },
    processorMs: median(turns.map(({ processorMs, ms }) => processorMs / ms.length)),
    turns: turns.map(({ ms }) => median(ms)),
  };
}

function nearestOf({ nearest }: SettledTruth): SetFigures["nearest"] {
  const at = (place: number): number => mean(nearest.map(({ scores }) => scores[place] ?? Number.NaN));
  return { first: rounded(at(0)), tenth: rounded(at(K - 1)), gapBehindTenth: rounded(at(K - 1) - at(K)) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
