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
  // Who is killed between taking a letter and hearing that it is kept promises nothing.
  const [tried, attempted] = [simulated, real].map(({ counts }) => counts.promised + counts.refusals) as [number, number];
  if (Math.abs(tried - attempted) > Math.max(simulated.counts.crashes, real.counts.crashes))
    found.push(`real: ${attempted} letters were promised or refused; simulated: ${tried}`);
  const dealtWith = (ends: Readonly<Record<string, number>>): number =>
    Object.entries(ends).reduce((sum, [state, count]) => sum + (DEALT_WITH.has(state) ? count : 0), 0);
  const determined = scenario.traffic?.every(({ expiresInMs }) => expiresInMs === undefined) === true;
  const [simulatedEnds, realEnds] = [simulated.counts.byEnd, real.counts.byEnd];
  if (determined && simulated.counts.promised === real.counts.promised && dealtWith(simulatedEnds) !== dealtWith(realEnds))
    found.push(`real: ends ${JSON.stringify(realEnds)}; simulated: ${JSON.stringify(simulatedEnds)}`);
  const overMs = Math.round(simulated.virtualMs - simulated.beginMs - scenario.minutes * 60_000);
  if (real.settledMs > Math.max(0, overMs) + LATER_MS)
    found.push(`real: the last message ended ${real.settledMs} ms after the weather; simulated: all was over ${overMs} ms after it`);
  return found;
}
