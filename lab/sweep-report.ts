/** Many seeds, told as they come: what broke with the words that show it, progress, and the sum of it all. */
import { countText } from "../packages/perdure/src/cli/quantity.ts";
import { findMistake } from "./mistakes/index.ts";
import type { Swept } from "./pool.ts";
import type { Difference, LoggedEvent } from "./story/event-log.ts";
import { seconds } from "./story/words.ts";
import { sweep } from "./sweep.ts";
import { describeFault } from "./weather.ts";
import { type Wish, wordsFor } from "./wishes.ts";

export interface Voice {
  /** A line of what was asked for. */
  say(line: string): void;
  /** A line about how far it is. */
  progress(line: string): void;
  nowMs(): number;
}

/** Real milliseconds between two lines about how far it is. */
const PROGRESS_EVERY_MS = 5000;

/** Runs the seeds of a wish; exit code 0 when nothing broke and every history came twice. */
export async function reportSweep(wish: Wish, { say, progress, nowMs }: Voice): Promise<number> {
  const { scenario, seeds, twice, json } = wish;
  const { format: _, seed: __, expect, ...options } = scenario;
  const begunMs = nowMs();
  const total = createTotal();
  const broken: object[] = [];
  const different: object[] = [];
  let unexpected = 0;
  let toldMs = begunMs;
  const planted = scenario.plant === undefined ? undefined : findMistake(scenario.plant);
  for await (const swept of sweep(seeds, options, { twice, planted })) {
    const { result } = swept;
    total.add(swept);
    if (swept.different) {
      different.push({ seed: result.seed, difference: swept.difference });
      if (!json) for (const line of differenceLines(result.seed, swept.difference)) say(line);
    }
    if (result.broken !== undefined) {
      broken.push({ seed: result.seed, ...result.broken, historyHash: result.historyHash });
      if (!json) for (const line of brokenLines(wish, swept, seeds.length === 1)) say(line);
    } else if (seeds.length === 1 && !json) say(`seed ${result.seed}: ${JSON.stringify(result.counts)}`);
    const why = expect === undefined ? undefined : unlikeExpected(expect, swept);
    if (why !== undefined) {
      unexpected++;
      if (!json) say(`not as the file expects: ${why}`);
    }
    if (nowMs() - toldMs < PROGRESS_EVERY_MS || total.seeds === seeds.length) continue;
    toldMs = nowMs();
    const share = total.seeds / seeds.length;
    const leftMs = ((toldMs - begunMs) / share) * (1 - share);
    progress(
      `${total.seeds} of ${seeds.length} seeds, ${broken.length} broken, ${different.length} not repeatable, about ${seconds(leftMs)} left`,
    );
  }
  const tookS = (nowMs() - begunMs) / 1000;
  if (json) say(JSON.stringify({ scenario, twice, ...total.sums(), broken, different, seconds: tookS }, undefined, 1));
  else {
    say(total.line(tookS));
    say(`${broken.length} broken, ${different.length} not repeatable`);
    if (expect !== undefined && unexpected === 0) say("as the file expects");
  }
  if (expect !== undefined) return unexpected + different.length === 0 ? 0 : 1;
  return broken.length + different.length === 0 ? 0 : 1;
}

/** What is unlike what a file expects; `undefined` when nothing is. */
function unlikeExpected({ invariant, historyHash }: NonNullable<Wish["scenario"]["expect"]>, { result }: Swept): string | undefined {
  if (result.broken?.invariant !== invariant)
    return `${invariant ?? "nothing"} was to break, and ${result.broken?.invariant ?? "nothing"} did`;
  if (historyHash !== undefined && result.historyHash !== historyHash)
    return `its history was ${historyHash} and is ${result.historyHash}, which any change of the code may make`;
  return undefined;
}

/** What broke, and the words that show it. */
function brokenLines(wish: Wish, { result }: Swept, withFaults: boolean): readonly string[] {
  const { seed, broken, faults } = result;
  const again = wordsFor(wish, seed);
  return [
    `seed ${seed}: broken after ${((broken?.atMs ?? 0) / 1000).toFixed(3)} s: ${withFaults ? broken?.what : broken?.what.split("\n", 1)[0]}`,
    ...(withFaults ? faults.map((fault) => `  ${describeFault(fault)}`) : []),
    `  ${again} --trace`,
    `  ${again} --html seed-${seed}.html`,
    `  ${again} --shrink`,
  ];
}

/** The first event in which two runs part, with those before. */
export function differenceLines(seed: number, difference: Difference | undefined): readonly string[] {
  if (difference === undefined) return [`seed ${seed}: two runs had two histories; two further ones had the same`];
  const { before, first, second, inTheEventBefore } = difference;
  const line = (mark: string, event: LoggedEvent | undefined): string =>
    event === undefined
      ? `  ${mark} the run is over`
      : `  ${mark} ${String(event.number).padStart(8)}  ${(event.atMs / 1000).toFixed(6).padStart(12)} s  ${(event.process ?? "-").padEnd(8)} ${event.label}  ${event.historyHash}`;
  return [
    `seed ${seed}: two runs have two histories; the first event in which they differ:`,
    ...before.map((event) => line(" ", event)),
    line("1", first),
    line("2", second),
    ...(inTheEventBefore ? ["  the hash is of everything before an event: what the one before it did was not the same"] : []),
  ];
}

function createTotal() {
  const sums = {
    seeds: 0,
    virtualMinutes: 0,
    events: 0,
    faults: 0,
    crashes: 0,
    promised: 0,
    completed: 0,
    repeats: 0,
    relayed: 0,
    liesSeen: 0,
    clonesSeen: 0,
  };
  return {
    get seeds() {
      return sums.seeds;
    },
    sums: () => sums,
    add: ({ result: { counts, faults, events, virtualMs } }: Swept): void => {
      sums.seeds++;
      sums.virtualMinutes += virtualMs / 60_000;
      sums.events += events;
      sums.faults += faults.length;
      for (const name of ["crashes", "promised", "completed", "repeats", "relayed", "liesSeen", "clonesSeen"] as const)
        sums[name] += counts[name];
    },
    line: (tookS: number): string =>
      `${countText(sums.seeds, "seed")}, ${countText(Math.round(sums.virtualMinutes), "virtual minute")}, ${countText(sums.events, "event")}, ` +
      `${countText(sums.faults, "fault")}, ${countText(sums.crashes, "crash", "crashes")}; ` +
      `${countText(sums.promised, "message")} promised, ${sums.completed} completed, ${sums.repeats} started again; ` +
      `${countText(sums.relayed, "envelope")} between relays, ${countText(sums.liesSeen, "contradiction")} of a relay noticed, ` +
      `${countText(sums.clonesSeen, "folder")} found to live twice; ${tookS.toFixed(1)} s`,
  };
}
