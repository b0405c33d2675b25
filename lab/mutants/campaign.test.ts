import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PRODUCT_FOLDER } from "../planting.ts";
import { campaign, type Finding } from "./campaign.ts";
import type { Mutant } from "./generate.ts";
import { REASONS, readSurvivors, survivorOf } from "./reasons.ts";
import { reportLines } from "./report.ts";
import { allMutants } from "./sources.ts";
import { survey } from "./survey.ts";
import { testsNotice } from "./units.ts";

const townOf = () => ({ minutes: 0.05, relays: 1, agents: 2, hostile: "nobody", disaster: "none", kinds: ["brownout"] }) as const;

function theOne(file: string, was: string, put: string): Mutant {
  const found = allMutants([file]).find((mutant) => mutant.was === was && mutant.put === put);
  if (found === undefined) throw new Error(`${file} has no such mutant`);
  return found;
}

test("a mutant is planted and noticed, one that changes nothing survives, one no town comes to is not run", {
  timeout: 240_000,
}, async () => {
  const killed = theOne("store/log/log-writer.ts", "lastBatch = batch.number;", ";");
  // What is planted is what stands there, so that no room notices it either.
  const unchanged = (mutant: Mutant): Mutant => ({ ...mutant, put: mutant.was });
  const harmless = unchanged(theOne("store/log/log-writer.ts", "restated = restatedBytes + manifest.length + RECORD_HEADER_BYTES;", ";"));
  const far = unchanged(theOne("protocol/incidents/dividend.ts", "===", "!=="));
  const mutants = [killed, harmless, far];
  const known = await survey({ mutants, seeds: 1, townOf, jobs: 1 });
  expect(known.seeds.map(({ broken }) => broken)).toEqual([undefined]);
  expect(mutants.map(({ id }) => known.reach[id])).toEqual(["1", "1", "0"]);
  const findings = await campaign({ mutants, survey: known, townOf, jobs: 1 });
  expect(findings.map(({ outcome }) => outcome)).toEqual(["killed", "survived", "not reached"]);
  expect(findings[1]).toMatchObject({ ran: 1, different: 0 });

  const lines = reportLines({ findings, mutants });
  expect(lines.find((line) => line.startsWith("of the whole sample"))).toContain("1 of 3 noticed, 33.3 %");
  expect(lines).toContain("not noticed: 1");

  const again: Finding[] = [];
  await campaign({
    mutants,
    survey: known,
    townOf,
    known: new Map(findings.map((finding) => [finding.id, finding])),
    told: (finding) => again.push(finding),
  });
  expect(again).toEqual([]);
});

test("the tests of a folder are run with the mutant in it", { timeout: 120_000 }, async () => {
  const loud = theOne("protocol/contacts/loop-guard.ts", "paused", "!(paused)");
  const silent = { ...loud, end: loud.start, put: "" };
  expect([await testsNotice(silent), await testsNotice(loud)]).toEqual([false, true]);
});

test("each reason in survivors.json is about a mutant of its line, as long as the line stands there", () => {
  for (const survivor of readSurvivors()) {
    const source = readFileSync(new URL(survivor.file, PRODUCT_FOLDER), "utf8");
    // Who changes a line need not know what was said of its mutants.
    if (!source.split("\n").some((line) => line.trim() === survivor.code)) continue;
    const about = allMutants([survivor.file]).some((mutant) => survivorOf(mutant, source, [survivor]) !== undefined);
    expect(about ? "" : `${survivor.file}: ${survivor.code}`).toBe("");
    expect(REASONS[survivor.reason]).toBeDefined();
  }
});
