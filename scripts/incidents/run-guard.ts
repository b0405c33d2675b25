/** One guard, with its mistake in the product or without, once or many times. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Mistake, PLANTED_VARIABLE } from "../../lab/planting.ts";
import { createPool } from "../../lab/pool.ts";
import { readScenario } from "../../lab/scenario.ts";
import { findMadeMistake, type ScenarioGuard, type TestGuard } from "./entries.ts";
import type { Repeated } from "./repeat-test.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Of one run; real milliseconds. */
const PATIENCE_MS = 300_000;
const NO_PROGRAM = /^(?:Type|Reference|Syntax)Error\b/;

export interface Verdict {
  /** `none`: no test of that name ran, or the program could not be loaded, or what is planted is no program at all. */
  readonly colour: "green" | "red" | "none";
  readonly says: string;
}

export interface Replayed {
  /** Of the first run. */
  readonly verdict: Verdict;
  /** How many runs were as the first: of a scenario its whole history, of a test what failed and how. */
  readonly same: number;
}

export async function runGuard(guard: TestGuard | ScenarioGuard, mistake: string | undefined): Promise<Verdict> {
  return (await replay(guard, mistake, 1)).verdict;
}

/** The same guard `times` times. */
export async function replay(guard: TestGuard | ScenarioGuard, mistake: string | undefined, times: number): Promise<Replayed> {
  const planted = plantedBy(mistake);
  return guard.kind === "test" ? await replayTest(guard, planted, times) : await replayScenario(guard, planted, times);
}

/** In one process: most of a single run is loading what all of them share. */
async function replayTest({ file, test }: TestGuard, planted: Mistake | undefined, times: number): Promise<Replayed> {
  const { printed, complained } = await run(["scripts/incidents/repeat-test.ts", file, test, String(times)], planted, times);
  const runs = printed
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Repeated);
  const [first] = runs;
  if (first === undefined) return { verdict: { colour: "none", says: complained }, same: 0 };
  const wanted = likeness(first);
  return { verdict: verdictOf(first), same: runs.filter((each) => likeness(each) === wanted).length };
}

function verdictOf({ passed, failed }: Repeated): Verdict {
  const says = failed[0]?.says.split("\n")[0] ?? "";
  // Whatever cannot run fails every test that comes to it, and shows nothing about this one.
  if (failed.length > 0) return { colour: failed.every((each) => NO_PROGRAM.test(each.says)) ? "none" : "red", says };
  return { colour: passed > 0 ? "green" : "none", says };
}

/** What two runs of one failure share: which tests failed and how, but for ids, times and numbers in their words. */
function likeness({ passed, failed }: Repeated): string {
  const words = failed.map(({ test, says }) => `${test}: ${says.replace(/\bag1[a-z2-7]+|\b[0-9a-f]{8,}\b|\d+/g, "#")}`);
  return JSON.stringify([passed, words.sort()]);
}

interface Ran {
  readonly printed: string;
  /** The end of what it wrote about itself. */
  readonly complained: string;
}

function run(words: readonly string[], planted: Mistake | undefined, times: number): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...words], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, [PLANTED_VARIABLE]: JSON.stringify(planted ?? null) },
      timeout: PATIENCE_MS * Math.ceil(times / 10),
    });
    let printed = "";
    let complained = "";
    child.stdout.on("data", (chunk) => {
      printed += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      complained = (complained + String(chunk)).slice(-2000);
    });
    child.on("error", reject);
    child.on("close", () => resolve({ printed, complained }));
  });
}

function plantedBy(mistake: string | undefined): Mistake | undefined {
  const found = mistake === undefined ? undefined : findMadeMistake(mistake);
  if (mistake !== undefined && found === undefined) throw new Error(`there is no mistake "${mistake}"`);
  return found;
}

/** In one thread. */
async function replayScenario({ file }: ScenarioGuard, planted: Mistake | undefined, times: number): Promise<Replayed> {
  const { format: _, plant: __, seed, ...options } = readScenario(await readFile(new URL(`../../${file}`, import.meta.url), "utf8"));
  await using pool = createPool({ planted, threads: 1 });
  const hashes: string[] = [];
  let verdict: Verdict | undefined;
  for (let at = 0; at < times; at++) {
    const { result } = await pool.run({ seed, options, twice: false });
    hashes.push(result.historyHash);
    verdict ??=
      result.broken === undefined ? { colour: "green", says: "" } : { colour: "red", says: result.broken.what.split("\n")[0] ?? "" };
  }
  return { verdict: verdict ?? { colour: "none", says: "" }, same: hashes.filter((hash) => hash === hashes[0]).length };
}
