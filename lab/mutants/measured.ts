/** One campaign as a file that can be kept and made again: of which commit, by which words, what was noticed, and every mutant that was not. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { PRODUCT_FOLDER } from "../planting.ts";
import type { Finding } from "./campaign.ts";
import { lineOf, readSurvivors, survivorOf } from "./reasons.ts";
import { type Report, tally } from "./report.ts";
import { wilson } from "./sample.ts";

export interface Measured extends Report {
  /** What it was begun with. */
  readonly words: readonly string[];
  /** Seeds each mutant had at most, and places of all that they come to. */
  readonly seeds: number;
  readonly all: number;
  readonly reachedOfAll: number;
}

/** JSON, with a line break at its end. */
export function measuredText({ words, seeds, all, reachedOfAll, findings, mutants, units }: Measured): string {
  const byId = new Map(mutants.map((mutant) => [mutant.id, mutant]));
  const reasons = readSurvivors();
  const { sampled, reached, killed, open } = tally(findings);
  const share = (hits: number, of: number) => ({ noticed: hits, of, interval95: wilson(hits, of).map((each) => Number(each.toFixed(3))) });
  const testsToo = units === undefined ? undefined : [...units.values()].filter(Boolean).length;
  const left = findings.filter(({ outcome }) => outcome !== "killed");
  const about = ({ id, outcome, ran, different }: Finding) => {
    const mutant = byId.get(id);
    if (mutant === undefined) return { id, outcome };
    const source = readFileSync(new URL(mutant.file, PRODUCT_FOLDER), "utf8");
    const known = survivorOf(mutant, source, reasons);
    return {
      id,
      outcome,
      code: lineOf(mutant, source),
      was: mutant.was,
      put: mutant.put,
      ...(outcome === "not reached" ? {} : { ran, different }),
      ...(units?.has(id) ? { tests: units.get(id) ? "notice it" : "do not notice it" } : {}),
      ...(known === undefined ? {} : { reason: known.reason, why: known.why }),
    };
  };
  const by = Object.fromEntries(
    [
      ...Map.groupBy(
        findings.filter(({ outcome }) => outcome === "killed"),
        (each) => each.by ?? "",
      ),
    ].map(([name, those]) => [name, those.length]),
  );
  const measured = {
    command: `npm run mutants -- ${words.join(" ")}`,
    commit: execFileSync("git", ["rev-parse", "HEAD"], { cwd: new URL(".", import.meta.url), encoding: "utf8" }).trim(),
    seeds,
    all: { mutants: all, reached: reachedOfAll },
    sample: { mutants: sampled, reached, noNoticeBeforeAllSeeds: open },
    lab: { ofSample: share(killed, sampled), ofReached: share(killed, reached), by },
    ...(testsToo === undefined ? {} : { labOrTests: share(killed + testsToo, sampled) }),
    notNoticed: left.map(about),
  };
  return `${JSON.stringify(measured, null, 2)}\n`;
}
