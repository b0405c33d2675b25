/** In what two runs of one scenario must agree, whatever the timing: the invariant that broke, how many messages were promised, how they ended. */
import type { Scenario } from "../scenario.ts";
import type { SeedResult } from "../seed.ts";
import type { RealResult } from "./real-run.ts";

/** Ends that the recipient itself brought about; which of them is up to its handlers. */
const DEALT_WITH = new Set(["done", "refused", "failed"]);
/** Real processes take a second to start, and the machine may have something else to do. */
const LATER_MS = 30_000;

/** What cannot be put down to timing, for people. */
export function differences(scenario: Scenario, simulated: SeedResult, real: RealResult): readonly string[] {
  const [there, here] = [simulated.broken, real.broken];
  if (there?.invariant !== here?.invariant)
    return [
      `real: ${here?.what.split("\n", 6).join(" / ") ?? "nothing broke"}; simulated: ${there?.what.split("\n", 1)[0] ?? "nothing broke"}`,
    ];
  if (there !== undefined) return [];
  const found: string[] = [];
  const dealtWith = (ends: Readonly<Record<string, number>>): number =>
    Object.entries(ends).reduce((sum, [state, count]) => sum + (DEALT_WITH.has(state) ? count : 0), 0);
  const determined = scenario.traffic?.every(({ expiresInMs }) => expiresInMs === undefined) === true;
  const [simulatedEnds, realEnds] = [simulated.counts.byEnd, real.counts.byEnd];
  if (determined && simulated.counts.promised === real.counts.promised && dealtWith(simulatedEnds) !== dealtWith(realEnds))
    found.push(`real: ends ${JSON.stringify(realEnds)}; simulated: ${JSON.stringify(simulatedEnds)}`);
  if (real.settledMs > Math.max(0, simulated.virtualMs - simulated.beginMs - scenario.minutes * 60_000) + LATER_MS)
    found.push(
      `real: the last message ended ${real.settledMs} ms after the weather; simulated: all was over ${Math.round(simulated.virtualMs - simulated.beginMs - scenario.minutes * 60_000)} ms after it`,
    );
  return found;
}
