/** One campaign as a file that can be kept and made again: of which commit, by which words, what was noticed, and every mutant that was not. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { jsonText } from "../json-text.ts";
import { PRODUCT_FOLDER } from "../planting.ts";
import type { Finding } from "./campaign.ts";
import type { Mutant } from "./generate.ts";
import { lineOf, readSurvivors, survivorOf } from "./reasons.ts";
import type { Report } from "./report.ts";
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
  const notReached = findings.filter(({ outcome }) => outcome === "not reached");
  const killed = findings.filter(({ outcome }) => outcome === "killed");
  const left = findings.filter(({ outcome }) => outcome === "survived" || outcome === "open");
  const about = ({ id, ran, different }: Finding) => {
    const mutant = byId.get(id) as Mutant;
    const source = readFileSync(new URL(mutant.file, PRODUCT_FOLDER), "utf8");
    const known = survivorOf(mutant, source, reasons);
    return {
      id,
      code: lineOf(mutant, source),
      was: mutant.was,
      put: mutant.put,
      seedsRun: ran,
      otherHistories: different,
      ...(units?.has(id) ? { tests: units.get(id) ? "notice it" : "do not notice it" } : {}),
      ...(known === undefined ? {} : { reason: known.reason, why: known.why }),
    };
  };
  const asked = left.filter(({ id }) => units?.has(id));
  const measured = {
    command: `npm run mutants -- ${words.join(" ")}`,
    commit: execFileSync("git", ["rev-parse", "HEAD"], { cwd: new URL(".", import.meta.url), encoding: "utf8" }).trim(),
    seedsAtMost: seeds,
    all: { mutants: all, reached: reachedOfAll },
    sample: {
      mutants: findings.length,
      notReached: notReached.length,
      notGivenAllSeeds: findings.filter(({ outcome }) => outcome === "open").length,
    },
    lab: {
      ofSample: {
        noticed: killed.length,
        of: findings.length,
        interval95: wilson(killed.length, findings.length).map((each) => Number(each.toFixed(3))),
      },
      by: Object.fromEntries([...Map.groupBy(killed, (each) => each.by ?? "")].map(([name, those]) => [name, those.length])),
    },
    ...(units === undefined ? {} : { tests: { asked: asked.length, noticed: asked.filter(({ id }) => units.get(id)).length } }),
    notNoticed: left.map(about),
    notReached: notReached.map(({ id }) => id),
  };
  return jsonText(measured);
}
