/** One guard, with its mistake in the product or without. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Mistake, PLANTED_VARIABLE } from "../../lab/planting.ts";
import { createPool } from "../../lab/pool.ts";
import { readScenario } from "../../lab/scenario.ts";
import { findMadeMistake, type ScenarioGuard, type TestGuard } from "./entries.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PATIENCE_MS = 300_000;
const NO_PROGRAM = /^(?:Type|Reference|Syntax)Error\b/;

export interface Verdict {
  /** `none`: no test of that name ran, or the program could not be loaded, or what is planted is no program at all. */
  readonly colour: "green" | "red" | "none";
  readonly says: string;
}

export async function runGuard(guard: TestGuard | ScenarioGuard, mistake: string | undefined): Promise<Verdict> {
  return guard.kind === "test" ? await runTest(guard, mistake) : (await replay(guard, mistake, 1)).verdict;
}

interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly failureMessages?: readonly string[] }[];
  }[];
}

async function runTest({ file, test }: TestGuard, mistake: string | undefined): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), "perdure-guard-"));
  try {
    const report = join(folder, "report.json");
    const name = test.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const words = ["run", "--config", "lab/planted-tests.config.ts", file, "-t", name, "--reporter=json", `--outputFile=${report}`];
    const said = await run(words, mistake);
    const text = await readFile(report, "utf8").catch(() => "");
    if (text === "") return { colour: "none", says: said };
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(text) as TestReport;
    const failures = testResults.flatMap(({ assertionResults }) => assertionResults.flatMap(({ failureMessages = [] }) => failureMessages));
    // Whatever cannot run fails every test that comes to it, and shows nothing about this one.
    if (numFailedTests > 0)
      return { colour: failures.every((each) => NO_PROGRAM.test(each)) ? "none" : "red", says: failures[0]?.split("\n")[0] ?? "" };
    return numPassedTests > 0 ? { colour: "green", says: "" } : { colour: "none", says: said };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(words: readonly string[], mistake: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", ...words], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, [PLANTED_VARIABLE]: JSON.stringify(plantedBy(mistake) ?? null) },
      timeout: PATIENCE_MS,
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        said = (said + String(chunk)).slice(-2000);
      });
    child.on("error", reject);
    child.on("close", () => resolve(said));
  });
}

function plantedBy(mistake: string | undefined): Mistake | undefined {
  const found = mistake === undefined ? undefined : findMadeMistake(mistake);
  if (mistake !== undefined && found === undefined) throw new Error(`there is no mistake "${mistake}"`);
  return found;
}

export interface Replayed {
  readonly verdict: Verdict;
  /** Of how many runs each had the history of the first. */
  readonly same: number;
}

/** The scenario `times` times in one thread. */
export async function replay({ file }: ScenarioGuard, mistake: string | undefined, times: number): Promise<Replayed> {
  const { format: _, plant: __, seed, ...options } = readScenario(await readFile(new URL(`../../${file}`, import.meta.url), "utf8"));
  await using pool = createPool({ planted: plantedBy(mistake), threads: 1 });
  const hashes: string[] = [];
  let verdict: Verdict = { colour: "none", says: "" };
  for (let run = 0; run < times; run++) {
    const { result } = await pool.run({ seed, options, twice: false });
    hashes.push(result.historyHash);
    verdict =
      result.broken === undefined ? { colour: "green", says: "" } : { colour: "red", says: result.broken.what.split("\n")[0] ?? "" };
  }
  return { verdict, same: hashes.filter((hash) => hash === hashes[0]).length };
}
