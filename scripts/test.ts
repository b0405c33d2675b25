/**
 * Everything that must hold, in order, ending in one line: `N passed, N failed`. Each check counts as one, each test as
 * one. Exits with 1 when anything failed.
 *
 *   npm test                    everything
 *   npm test -- host/node       only the tests whose path contains this
 *   npm run check               everything but the tests
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { COUNTS_PATH, type Counts } from "./count-reporter.ts";
import { ROOT, runTool, toolPath } from "./tool.ts";

const CHECK_DEADLINE_MS = 180_000;
const TESTS_DEADLINE_MS = 22 * 60_000;
const REPORT = join(ROOT, ".runtime", `tests-${process.pid}.json`);

interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

const check = (name: string, script: string, args: readonly string[]) => async (): Promise<Outcome> => {
  const { code, output } = await runTool(script, args, { deadlineMs: CHECK_DEADLINE_MS });
  if (code !== 0) process.stdout.write(output.endsWith("\n") ? output : `${output}\n`);
  return { name, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: [] };
};

const checks = [
  check("format and lint", toolPath("@biomejs/biome", "biome"), ["check", "--error-on-warnings", "--max-diagnostics=50", "."]),
  check("types", toolPath("typescript", "tsc"), ["-b"]),
  check("house rules", join(ROOT, "scripts/house-check.ts"), []),
  check("dead code", toolPath("knip"), []),
];

const tests = (filters: readonly string[]) => async (): Promise<Outcome> => {
  mkdirSync(join(ROOT, ".runtime"), { recursive: true });
  process.env[COUNTS_PATH] = REPORT;
  const args = ["run", "--reporter=default", `--reporter=${join(ROOT, "scripts/count-reporter.ts")}`, ...filters];
  const { code, output } = await runTool(toolPath("vitest"), args, { deadlineMs: TESTS_DEADLINE_MS, live: true });
  process.stdout.write(output);
  const counts = existsSync(REPORT) ? (JSON.parse(readFileSync(REPORT, "utf8")) as Counts) : { passed: 0, failed: 0, skipped: [] };
  rmSync(REPORT, { force: true });
  return { name: "tests", ...counts, failed: counts.failed === 0 && code !== 0 ? 1 : counts.failed };
};

const args = process.argv.slice(2);
const onlyChecks = args.includes("--checks");
const filters = args.filter((one) => one !== "--checks");
const steps = [...(filters.length > 0 ? [] : checks), ...(onlyChecks ? [] : [tests(filters)])];

const lines: string[] = [];
const outcomes: Outcome[] = [];
for (const step of steps) {
  const startedAt = performance.now();
  const outcome = await step();
  outcomes.push(outcome);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const line = `${outcome.failed === 0 ? "ok    " : "FAILED"} ${outcome.name.padEnd(16)} ${seconds.padStart(6)} s`;
  lines.push(line);
  process.stdout.write(`${line}\n`);
}
const sum = (count: (outcome: Outcome) => number): number => outcomes.reduce((total, outcome) => total + count(outcome), 0);
const skipped = outcomes.flatMap((outcome) => outcome.skipped);
const failed = sum((outcome) => outcome.failed);
process.stdout.write(["", ...lines, ...skipped.map((name) => `skipped: ${name}`), ""].join("\n"));
process.stdout.write(
  `${sum((outcome) => outcome.passed)} passed, ${failed} failed${skipped.length === 0 ? "" : `, ${skipped.length} skipped`}\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
