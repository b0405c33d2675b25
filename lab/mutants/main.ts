/** Mutation testing: `npm run mutants -- --help`. What was found is kept, so that the same words go on where they were stopped. */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import { runCommand, wholeNumber } from "../command.ts";
import { PRODUCT_FOLDER } from "../planting.ts";
import { campaign, type Finding } from "./campaign.ts";
import type { Mutant } from "./generate.ts";
import { mutantsInRooms } from "./in-rooms.ts";
import { measuredText } from "./measured.ts";
import { lineOf } from "./reasons.ts";
import { reportLines, tracesOf } from "./report.ts";
import { drawSample } from "./sample.ts";
import { openShelf, type Shelf } from "./shelf.ts";
import { allMutants } from "./sources.ts";
import { survey } from "./survey.ts";
import { mutantTown } from "./town.ts";
import { testsNotice } from "./units.ts";

const HELP = `npm run mutants -- [words]

One place of protocol/ or store/ is written differently, in memory, and the lab runs, its rooms first and then towns, until an invariant breaks.

  --sample N       so many mutants, each file with its share (300); --sample all takes every one
  --seed S         which sample (1)
  --seeds N        how many seeds each is given at most (200)
  --under PATH     only files whose name begins so, as protocol/link
  --only ID,ID     these and no others
  --rooms          no towns: only the rooms that have a reference (lab/rooms), a second or two for each mutant
  --in NAME,NAME   only these rooms
  --jobs N         threads; as many as there are cores
  --minutes N      no run begins after so many real minutes; what was found is kept, the same words go on
  --unit           what the lab does not notice is given to the tests of its folder
  --write FILE     what came of it, as JSON, with the commit and these words
  --list           names them and runs nothing
`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

const leftOut = (room: string, seed: number, what: string): void =>
  say(`left out, as it breaks without a mutant: room ${room}, seed ${seed}: ${what}`);

async function main(words: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      sample: { type: "string", default: "300" },
      seed: { type: "string", default: "1" },
      seeds: { type: "string", default: "200" },
      under: { type: "string", default: "" },
      only: { type: "string" },
      rooms: { type: "boolean", default: false },
      in: { type: "string" },
      jobs: { type: "string" },
      minutes: { type: "string" },
      unit: { type: "boolean", default: false },
      write: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const all = allMutants();
  const only = values.only?.split(",");
  const wanted = all.filter(({ id, file }) => file.startsWith(values.under) && (only?.includes(id) ?? true));
  const size = values.sample === "all" || only !== undefined ? wanted.length : wholeNumber("sample", values.sample);
  const sample = drawSample(wanted, size, wholeNumber("seed", values.seed));
  if (sample.length === 0) throw new PerdureError("bad-argument", "there is no such mutant", { hint: "--list names them." });
  if (values.list) {
    list(sample);
    return 0;
  }
  const seeds = wholeNumber("seeds", values.seeds);
  const jobs = values.jobs === undefined ? undefined : wholeNumber("jobs", values.jobs);
  const signal = values.minutes === undefined ? undefined : AbortSignal.timeout(wholeNumber("minutes", values.minutes) * 60_000);
  if (values.rooms || values.in !== undefined) {
    const told = (finding: Finding): void => progress(findingLine(finding));
    const findings = await mutantsInRooms({ mutants: sample, seeds, only: values.in?.split(","), jobs, signal, told, leftOut });
    for (const line of reportLines({ findings, mutants: sample })) say(line);
    return 0;
  }
  await hunt(sample, all, {
    seeds,
    jobs,
    signal,
    unit: values.unit,
    write: values.write,
    words,
  });
  return 0;
}

interface Wish {
  readonly seeds: number;
  readonly jobs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly unit: boolean;
  readonly write: string | undefined;
  readonly words: readonly string[];
}

async function hunt(sample: readonly Mutant[], all: readonly Mutant[], { seeds, jobs, signal, unit, write, words }: Wish): Promise<void> {
  const shelf = openShelf(seeds);
  progress(`kept in ${shelf.folder}`);
  let surveyed = 0;
  const told = (): void => {
    if (++surveyed % 20 === 0) progress(`${surveyed} of ${seeds} seeds without a mutant`);
  };
  const known = await shelf.survey(() => survey({ mutants: all, seeds, townOf: mutantTown, jobs, told }));
  const useless = known.seeds.filter(({ broken }) => broken !== undefined);
  if (useless.length > 0) say(`left out, as they break without a mutant: seeds ${useless.map(({ seed }) => seed).join(", ")}`);
  const reached = all.filter(({ id }) => known.reach[id]?.includes("1")).length;
  say(`${all.length} mutants in all; ${seeds} seeds come to ${reached} of them (${((100 * reached) / all.length).toFixed(1)} %)`);
  const findings = await campaign({
    mutants: sample,
    survey: known,
    townOf: mutantTown,
    known: shelf.findings(),
    jobs,
    signal,
    leftOut,
    told: (finding) => {
      shelf.keep(finding);
      progress(findingLine(finding));
    },
  });
  const units = unit ? await askTests(sample, findings, shelf) : undefined;
  if (write !== undefined)
    writeFileSync(write, measuredText({ findings, mutants: sample, units, words, seeds, all: all.length, reachedOfAll: reached }));
  for (const line of reportLines({ findings, mutants: sample, units })) say(line);
}

async function askTests(sample: readonly Mutant[], findings: readonly Finding[], shelf: Shelf): Promise<ReadonlyMap<string, boolean>> {
  const left = new Set(
    findings.filter(({ outcome, ran }) => outcome === "not reached" || (outcome !== "killed" && ran > 0)).map(({ id }) => id),
  );
  const units = new Map([...shelf.units()].filter(([id]) => left.has(id)));
  for (const mutant of sample) {
    if (!left.has(mutant.id) || units.has(mutant.id)) continue;
    const noticed = await testsNotice(mutant);
    units.set(mutant.id, noticed);
    shelf.keepUnit(mutant.id, noticed);
    progress(`${mutant.id}: ${noticed ? "a test fails" : "no test fails"}`);
  }
  return units;
}

function list(sample: readonly Mutant[]): void {
  for (const mutant of sample) {
    say(`${mutant.id}: ${mutant.was.replaceAll(/\s+/g, " ")} -> ${mutant.put.replaceAll(/\s+/g, " ")}`);
    say(`    ${lineOf(mutant, readFileSync(new URL(mutant.file, PRODUCT_FOLDER), "utf8"))}`);
  }
  say(`${sample.length}`);
}

function findingLine(finding: Finding): string {
  const { id, outcome, seed, by, seconds } = finding;
  const how = outcome === "killed" ? `seed ${seed}, ${by}` : tracesOf(finding);
  return `${id.padEnd(64)} ${outcome.padEnd(11)} ${how} (${seconds} s)`;
}

runCommand("mutants", main);
