/** All contestants in all scenarios: what came of each over all seeds, and who is ahead of whom. */
import type { Contestant } from "./contestant.ts";
import { CONTESTANTS, OURS } from "./contestants.ts";
import type { Crew } from "./crew.ts";
import { type FigureName, type Figures, rounded, type Summary, summary } from "./figures.ts";
import { type Scenario, tellsLevels } from "./scenarios.ts";

export interface Row {
  readonly contestant: string;
  readonly figures: Readonly<Partial<Record<FigureName, Summary>>>;
  readonly interactive?: { readonly calmP99Ms: Summary; readonly troubledP99Ms: Summary };
  /** Of each seed. */
  readonly goodputs: readonly number[];
  /** Goodput x (1 - lost): what all are ranked by. */
  readonly score: Summary;
  /** Seeds in which this one is ahead of ours. */
  readonly aheadOfOurs: number;
}

export interface ScenarioFigures {
  readonly scenario: string;
  readonly what: string;
  readonly instances: number;
  readonly seeds: number;
  readonly rows: readonly Row[];
  /** Opponents whose median is above ours. */
  readonly behind: readonly string[];
}

const MUCH_IS_GOOD: Readonly<Record<FigureName, boolean>> = {
  goodput: true,
  refusalsPerSuccess: false,
  overloadsPerSuccess: false,
  lost: false,
  turnedAway: false,
  late: false,
  fairness: true,
  mostRetriesPerSecond: false,
  retryWave: false,
  recovered: true,
  p50Ms: false,
  p99Ms: false,
  heartbeats: true,
  foreign: true,
};

/** Within this nobody is ahead: half of a thousandth. */
const EVEN = 0.0005;

export async function contestIn(
  scenario: Scenario,
  contestants: readonly Contestant[],
  seeds: readonly number[],
  crew: Crew,
  played: Map<string, Promise<readonly Figures[]>>,
): Promise<ScenarioFigures> {
  const all = await Promise.all(
    contestants
      .filter(({ needsLevels }) => needsLevels === undefined || tellsLevels(scenario))
      .map(async (one) => ({ one, figures: await playedBy(scenario, one, seeds, crew, played) })),
  );
  const ours = all.find(({ one }) => one.name === OURS)?.figures;
  const rows = all.map(({ one, figures }) => rowOf(one.name, figures, ours));
  const own = rows.find(({ contestant }) => contestant === OURS)?.score.median ?? Number.POSITIVE_INFINITY;
  return {
    scenario: scenario.name,
    what: scenario.what,
    instances: scenario.instances,
    seeds: seeds.length,
    rows: [...rows].sort((one, other) => other.score.median - one.score.median),
    behind: rows.filter(({ score }) => score.median > own + EVEN).map(({ contestant }) => contestant),
  };
}

/** Who listens to no levels plays the same where they are told and where not, to the last bit: once is enough. */
function playedBy(
  { name, unheard }: Scenario,
  { name: contestant, hearsLevels }: Contestant,
  seeds: readonly number[],
  crew: Crew,
  played: Map<string, Promise<readonly Figures[]>>,
): Promise<readonly Figures[]> {
  const scenario = hearsLevels === undefined && unheard !== undefined ? unheard : name;
  const key = `${scenario}: ${contestant}`;
  const before = played.get(key);
  if (before !== undefined) return before;
  const now = crew.play({ scenario, contestant, seeds });
  played.set(key, now);
  return now;
}

function scoreOf({ goodput, lost }: Figures): number {
  return goodput * (1 - lost);
}

function rowOf(contestant: string, all: readonly Figures[], ours: readonly Figures[] | undefined): Row {
  const summaries: Partial<Record<FigureName, Summary>> = {};
  for (const [name, isMuchGood] of Object.entries(MUCH_IS_GOOD) as [FigureName, boolean][]) {
    // Who got nothing done has no times.
    const values = all.flatMap((one) => one[name] ?? []).filter(Number.isFinite);
    if (values.length > 0) summaries[name] = summary(values, isMuchGood);
  }
  const interactive = all.flatMap((one) => one.interactive ?? []);
  return {
    contestant,
    figures: summaries,
    ...(interactive.length === 0
      ? {}
      : {
          interactive: {
            calmP99Ms: summary(
              interactive.map(({ calmP99Ms }) => calmP99Ms),
              false,
            ),
            troubledP99Ms: summary(
              interactive.map(({ troubledP99Ms }) => troubledP99Ms),
              false,
            ),
          },
        }),
    goodputs: all.map(({ goodput }) => rounded(goodput)),
    score: summary(all.map(scoreOf), true),
    aheadOfOurs: all.filter((one, nth) => ours?.[nth] !== undefined && scoreOf(one) > scoreOf(ours[nth]) + EVEN).length,
  };
}

export function contestantsNamed(names: readonly string[] | undefined): readonly Contestant[] {
  return names === undefined ? CONTESTANTS : CONTESTANTS.filter(({ name }) => name === OURS || names.includes(name));
}
