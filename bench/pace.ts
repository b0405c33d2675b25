/**
 * @perdure/pace beside what else there is for Node, at one service with limits that is played in virtual time: the same traces, the same seeds, the same
 * number of attempts. What gets through, what is refused, what is lost, and who is served.
 */

import { contestantsNamed, contestIn, type ScenarioFigures } from "./pace/contest.ts";
import { CONTESTANTS } from "./pace/contestants.ts";
import { hireCrew } from "./pace/crew.ts";
import type { Figures } from "./pace/figures.ts";
import { SCENARIOS } from "./pace/scenarios.ts";
import { scenarioLines } from "./pace/table.ts";
import { peerVersion } from "./peer.ts";

export interface PaceOptions {
  /** All of them where it is absent. */
  readonly scenarios?: readonly string[] | undefined;
  readonly peers?: readonly string[] | undefined;
  readonly seeds?: number | undefined;
  readonly quick: boolean;
}

/** Names before the number of processes. */
export const PACE_SCENARIOS: readonly string[] = [...new Set(SCENARIOS.map(({ name }) => traceOf(name)))];
export const PACE_PEERS: readonly string[] = CONTESTANTS.slice(1).map(({ name }) => name);

export interface PaceResult {
  readonly scenarios: readonly ScenarioFigures[];
  readonly settings: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
}

const SEEDS = 30;
const QUICK_SEEDS = 3;

function traceOf(scenario: string): string {
  return scenario.slice(0, scenario.search(/,|$/));
}

export async function benchPace(options: PaceOptions, say: (line: string) => void): Promise<PaceResult> {
  const contestants = contestantsNamed(options.peers);
  const scenarios = SCENARIOS.filter(({ name, isQuick }) =>
    options.scenarios === undefined ? isQuick === true || !options.quick : options.scenarios.includes(traceOf(name)),
  );
  const seeds = Array.from({ length: options.seeds ?? (options.quick ? QUICK_SEEDS : SEEDS) }, (_, nth) => nth + 1);
  for (const { name, told } of contestants) say(`${name.padEnd(19)} ${told}`);
  say(`${scenarios.length} scenarios, ${seeds.length} seeds of each`);

  const startedAt = performance.now();
  const found: ScenarioFigures[] = [];
  await using crew = hireCrew();
  const played = new Map<string, Promise<readonly Figures[]>>();
  // All are ordered at once, so that no hand is idle; they are told in their order.
  const contests = scenarios.map((scenario) => contestIn(scenario, contestants, seeds, crew, played));
  await Promise.all(
    contests.map(async (contest, nth) => {
      await Promise.allSettled(contests.slice(0, nth));
      const figures = await contest;
      found.push(figures);
      say("");
      for (const line of scenarioLines(figures)) say(line);
      say(`  ${nth + 1} of ${scenarios.length}, ${Math.round((performance.now() - startedAt) / 1000)} s`);
    }),
  );
  const behind = found.flatMap(({ scenario, behind: names }) => names.map((name) => `${name} in "${scenario}"`));
  say("");
  say(behind.length === 0 ? "no opponent is ahead in any scenario" : `ahead of ours: ${behind.join("; ")}`);
  return {
    scenarios: found,
    settings: Object.fromEntries(contestants.map(({ name, told }) => [name, told])),
    versions: Object.fromEntries(
      contestants.flatMap(({ from }) => (from === undefined ? [] : [[from, peerVersion(from) ?? "not installed"]])),
    ),
  };
}
