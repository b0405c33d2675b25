/** A reporter for vitest that writes what `npm test` counts, with the reason of every test that did not run. */
import { writeFileSync } from "node:fs";
import process from "node:process";
import type { SerializedError, TestModule } from "vitest/node";

/** Names the file to write. */
export const COUNTS_PATH = "PERDURE_TEST_COUNTS";

export interface Counts {
  readonly passed: number;
  /** Tests, files that did not load, and errors outside every test. */
  readonly failed: number;
  /** "name: reason". */
  readonly skipped: readonly string[];
}

export default class CountReporter {
  onTestRunEnd(modules: readonly TestModule[], outside: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const broken = modules.flatMap((module) => [
      ...module.errors(),
      ...[...module.children.allSuites()].flatMap((suite) => suite.errors()),
    ]);
    const skipped = tests.flatMap((test) => {
      const result = test.result();
      return result.state === "skipped" ? [`${test.fullName}: ${result.note ?? "no reason given"}`] : [];
    });
    const counts: Counts = {
      passed: tests.filter((test) => test.result().state === "passed").length,
      failed: tests.filter((test) => test.result().state === "failed").length + broken.length + outside.length,
      skipped,
    };
    const path = process.env[COUNTS_PATH];
    if (path !== undefined) writeFileSync(path, JSON.stringify(counts));
  }
}
