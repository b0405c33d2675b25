/** One run, shown: as a timeline, as moments in JSON, as a page. */
import { findMistake } from "./mistakes/index.ts";
import { createPool, type Swept } from "./pool.ts";
import type { RecordWish } from "./recorder.ts";
import type { Scenario } from "./scenario.ts";
import { timeline } from "./story/timeline.ts";
import type { Voice } from "./sweep-report.ts";
import type { Wish } from "./wishes.ts";

/** Runs a scenario once, in a thread of its own, with what its mistake is planted as. */
export async function runOnce(scenario: Scenario, record: Omit<RecordWish, "events">): Promise<Swept> {
  const planted = scenario.plant === undefined ? undefined : findMistake(scenario.plant);
  await using pool = createPool({ planted, threads: 1 });
  const { format: _, seed, ...options } = scenario;
  return await pool.run({ seed, options, twice: false, record });
}

/** Shows the run of a wish; exit code 0 when nothing broke, or what its file expects. */
export async function showRun(
  { scenario, trace, everything, about, html, json }: Wish,
  { say }: Voice,
  _write: (path: string, text: string) => void,
): Promise<number> {
  const { result, recording } = await runOnce(scenario, { moments: true, flights: html !== undefined });
  if (recording === undefined) throw new Error("nothing was recorded");
  if (trace && json) for (const moment of recording.moments) say(JSON.stringify(moment));
  else if (trace) for (const line of timeline(recording, result, { everything, about })) say(line);
  const { expect } = scenario;
  return result.broken?.invariant === expect?.invariant ? 0 : 1;
}
