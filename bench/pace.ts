/**
 * @perdure/pace beside what else there is for Node, at one service with limits that is played in virtual time: the same traces, the same seeds, the same
 * number of attempts. What gets through, what is refused, what is lost, and who is served.
 */

import { contestantsNamed, contestIn, type ScenarioFigures } from "./pace/contest.ts";
import type { Contestant } from "./pace/contestant.ts";
import { CONTESTANTS } from "./pace/contestants.ts";
import { hireCrew } from "./pace/crew.ts";
import type { Figures } from "./pace/figures.ts";
import { measureOverhead, type Overhead } from "./pace/overhead.ts";
import { measureRecovery, type Recovery } from "./pace/recovery.ts";
import { SCENARIOS, scenarioNamed, TWINS } from "./pace/scenarios.ts";
import { scenarioLines } from "./pace/table.ts";
import { playTwin, type TwinFigures } from "./pace/twin.ts";
import { peerVersion } from "./peer.ts";

export interface PaceOptions {
  /** Nothing else but so many seeds of recovery. */
  readonly recovery?: number | undefined;
  /** Calls by one gate, while memory is looked at. */
  readonly calls?: number | undefined;
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
  /** By the name of its scenario. */
  readonly twins: Readonly<Record<string, readonly TwinFigures[]>>;
  readonly recovery: readonly Recovery[];
  readonly overhead?: Overhead;
  readonly settings: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
}

const SEEDS = 30;
const QUICK_SEEDS = 3;
const RECOVERY_SEEDS = 30;
const CALLS = 10_000_000;
const QUICK_CALLS = 200_000;

function traceOf(scenario: string): string {
  return scenario.slice(0, scenario.search(/,|$/));
}

export async function benchPace(options: PaceOptions, say: (line: string) => void): Promise<PaceResult> {
  const contestants = contestantsNamed(options.peers);
  const settings = Object.fromEntries(contestants.map(({ name, told }) => [name, told]));
  const versions = versionsOf(contestants);
  if (options.recovery !== undefined)
    return { scenarios: [], twins: {}, recovery: await recovered(options.recovery, say), settings, versions };
  for (const { name, told } of contestants) say(`${name.padEnd(19)} ${told}`);
  const isPart = options.quick || options.scenarios !== undefined;

  // First what is of the machine's time, while nothing else is done.
  say("");
  say("what a call costs that nothing holds back");
  const overhead = await measureOverhead(options.calls ?? (isPart ? QUICK_CALLS : CALLS), say);
  const scenarios = await played(options, contestants, say);
  const twins: Record<string, readonly TwinFigures[]> = {};
  for (const name of TWINS) {
    const simulated = scenarios.find(({ scenario }) => scenario === name);
    if (simulated === undefined) continue;
    say("");
    twins[name] = await playTwin(scenarioNamed(name), contestants, simulated, say);
  }
  const recovery = isPart ? [] : await recovered(RECOVERY_SEEDS, say);
  const behind = scenarios.flatMap(({ scenario, behind: names }) => names.map((name) => `${name} in "${scenario}"`));
  say("");
  say(behind.length === 0 ? "no opponent is ahead in any scenario" : `ahead of ours: ${behind.join("; ")}`);
  return { scenarios, twins, recovery, overhead, settings, versions };
}

async function recovered(seeds: number, say: (line: string) => void): Promise<readonly Recovery[]> {
  say("");
  say(`the second minute after a collapse has 95 in 100 of the optimum, ${seeds} seeds`);
  await using crew = hireCrew();
  return await measureRecovery(seeds, crew, say);
}

async function played(
  options: PaceOptions,
  contestants: readonly Contestant[],
  say: (line: string) => void,
): Promise<readonly ScenarioFigures[]> {
  const scenarios = SCENARIOS.filter(({ name, isQuick }) =>
    options.scenarios === undefined ? isQuick === true || !options.quick : options.scenarios.includes(traceOf(name)),
  );
  const seeds = Array.from({ length: options.seeds ?? (options.quick ? QUICK_SEEDS : SEEDS) }, (_, nth) => nth + 1);
  const startedAt = performance.now();
  await using crew = hireCrew();
  const before = new Map<string, Promise<readonly Figures[]>>();
  // All are ordered at once, so that no hand is idle; they are told in their order.
  const contests = scenarios.map((scenario) => contestIn(scenario, contestants, seeds, crew, before));
  const all = Promise.all(contests);
  for (const [nth, contest] of contests.entries()) {
    // One that fails ends the run at once, and not when it is its turn.
    const figures = await Promise.race([contest, all.then(() => contest)]);
    say("");
    for (const line of scenarioLines(figures)) say(line);
    say(`  ${nth + 1} of ${scenarios.length}, ${Math.round((performance.now() - startedAt) / 1000)} s`);
  }
  return await all;
}

function versionsOf(contestants: readonly Contestant[]): Readonly<Record<string, string>> {
  return Object.fromEntries(contestants.flatMap(({ from }) => (from === undefined ? [] : [[from, peerVersion(from) ?? "not installed"]])));
}
