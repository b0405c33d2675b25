/** One run, shown: as a timeline, as moments in JSON, as a page, as the least that still breaks. */
import { availableParallelism } from "node:os";
import { countText } from "../packages/perdure/src/cli/quantity.ts";
import type { OpenFile } from "./files.ts";
import { findMistake } from "./mistakes/index.ts";
import { createPool, type Swept } from "./pool.ts";
import type { RecordWish } from "./recorder.ts";
import { type Letter, type Scenario, writeScenario } from "./scenario.ts";
import { describeSize, shrink } from "./shrink.ts";
import { storyPage } from "./story/page.ts";
import { pageData } from "./story/page-data.ts";
import { timeline } from "./story/timeline.ts";
import { clock, sayFault, seconds } from "./story/words.ts";
import type { Voice } from "./sweep-report.ts";
import { type Wish, wordsFor } from "./wishes.ts";

/** Runs a scenario once, in a thread of its own, with what its mistake is planted as. */
export async function runOnce(scenario: Scenario, record: Omit<RecordWish, "events">): Promise<Swept> {
  const planted = scenario.plant === undefined ? undefined : findMistake(scenario.plant);
  await using pool = createPool({ planted, threads: 1 });
  const { format: _, seed, ...options } = scenario;
  return await pool.run({ seed, options, twice: false, record });
}

/** Shows the run of a wish; exit code 0 when nothing broke, or what its file expects. */
export async function showRun(wish: Wish, { say }: Voice, open: OpenFile): Promise<number> {
  const { scenario, trace, everything, about, html, json } = wish;
  const write = html === undefined ? undefined : open(html);
  const { result, recording } = await runOnce(scenario, { moments: true, flights: html !== undefined });
  if (recording === undefined) throw new Error("nothing was recorded");
  if (trace && json) for (const moment of recording.moments) say(JSON.stringify(moment));
  else if (trace) for (const line of timeline(recording, result, { everything, about })) say(line);
  if (write !== undefined) {
    const drawn = { ...scenario, ...result.drawn, faults: result.faults };
    write(storyPage(pageData({ recording, result, town: describeSize(drawn), again: wordsFor(wish, scenario.seed) })));
    say(`${html}: ${result.broken === undefined ? "nothing broke" : result.broken.what.split("\n", 1)[0]}`);
  }
  const { expect } = scenario;
  return result.broken?.invariant === expect?.invariant ? 0 : 1;
}

/** Shrinks the run of a wish, writes what is left, and tells it as a person reads it. */
export async function shrinkRun(wish: Wish, { say, progress }: Voice, open: OpenFile): Promise<number> {
  const { scenario, budgetMs } = wish;
  const path = wish.out ?? `${scenario.seed}.scenario.json`;
  const write = open(path);
  const threads = availableParallelism();
  const planted = scenario.plant === undefined ? undefined : findMistake(scenario.plant);
  await using pool = createPool({ planted, threads });
  const signal = AbortSignal.timeout(budgetMs);
  const {
    scenario: least,
    broken,
    beginMs,
    runs,
    complete,
  } = await shrink(scenario, {
    run: ({ format: _, seed, ...options }, letters, ended) =>
      pool.run({ seed, options, twice: false, record: letters ? { letters } : undefined }, ended),
    threads,
    signal,
    told: progress,
  });
  write(writeScenario(least));
  say(
    `${countText(runs, "run")}${complete ? "" : `; the ${budgetMs / 1000} s are over, --budget-seconds gives it more`}. What is left: ${describeSize(least)}`,
  );
  for (const fault of least.faults ?? []) say(`  ${clock(fault.atMs)} ! ${fault.host.padEnd(8)} ${sayFault(fault)}`);
  const letters = least.traffic ?? [];
  for (const letter of letters.slice(0, SHOWN_LETTERS)) say(`  ${clock(letter.atMs)}   ${letter.from.padEnd(8)} ${sayLetter(letter)}`);
  if (letters.length > SHOWN_LETTERS) say(`  and ${letters.length - SHOWN_LETTERS} letters more`);
  say(`  ${clock(broken.atMs - beginMs)} X ${broken.what}`);
  say(`  npm run lab -- --replay ${path}`);
  say(`  npm run lab -- --replay ${path} --trace`);
  return 1;
}

const SHOWN_LETTERS = 30;

function sayLetter({ to, sizeBytes, kind = "note", expiresInMs, keyed }: Letter): string {
  const expiry = expiresInMs === undefined ? "" : `, expires in ${seconds(expiresInMs)}`;
  return `writes a ${kind} of ${sizeBytes} bytes to ${to}${expiry}${keyed ? ", under a key" : ""}`;
}
