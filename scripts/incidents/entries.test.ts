import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { editsOf, PRODUCT_FOLDER } from "../../lab/planting.ts";
import { readScenario } from "../../lab/scenario.ts";
import { createNodeHash } from "../../packages/perdure/src/host/node/hash.ts";
import { fingerprintOf } from "../../packages/perdure/src/protocol/incidents/fingerprint.ts";
import { findMadeMistake, guardOf, INCIDENTS_FOLDER, readEntries, readEntry, scenarioOf } from "./entries.ts";
import { MADE_MISTAKES } from "./mistakes.ts";
import { readmeTables, withTables } from "./readme.ts";

const ROOT = new URL("../../", import.meta.url);
const entries = readEntries();

test("there are entries, each of another incident, newest knowledge only once", () => {
  expect(entries.length).toBeGreaterThanOrEqual(25);
  expect(new Set(entries.map(({ incident }) => incident.fingerprint)).size).toBe(entries.length);
});

describe.each(entries.map((entry) => [entry.name, entry] as const))("%s", (_, entry) => {
  test("is what the product would call it, and its guard is there", () => {
    const { incident } = entry;
    expect(incident.fingerprint).toBe(fingerprintOf(createNodeHash(), incident.kind, incident.symptom));
    expect(incident.cause).not.toBe("");
    const scenario = scenarioOf(entry);
    if (scenario !== undefined) expect(() => readScenario(readFileSync(new URL(scenario.file, ROOT), "utf8"))).not.toThrow();
    const guard = guardOf(entry);
    if (guard === undefined) return expect(["open", "reproduced"]).toContain(incident.state);
    expect(incident.fix).not.toBe("");
    expect(existsSync(new URL(guard.file, ROOT)), guard.file).toBe(true);
    const content = readFileSync(new URL(guard.file, ROOT), "utf8");
    if (guard.kind === "test") expect(content).toContain(guard.test);
    else expect(() => readScenario(content)).not.toThrow();
  });
});

test("every mistake that was made fits the source exactly once, and belongs to an entry", () => {
  for (const mistake of MADE_MISTAKES) {
    for (const { file, ...edit } of editsOf(mistake)) {
      if (!("find" in edit)) continue;
      expect(readFileSync(new URL(file, PRODUCT_FOLDER), "utf8").split(edit.find), `${mistake.id} in ${file}`).toHaveLength(2);
    }
    expect(
      entries.some((entry) => entry.mistake === mistake.id),
      mistake.id,
    ).toBe(true);
  }
  expect(findMadeMistake("none of them")).toBeUndefined();
});

test("an entry without commit, or with a mistake nobody knows, is none", () => {
  const { name, incident } = entries[0] as (typeof entries)[number];
  const text = (project: object): string => JSON.stringify({ ...incident, project });
  expect(() => readEntry(name, text({ invariant: "x", commit: "", mistake: null, why: "x" }))).toThrow("commit");
  expect(() => readEntry(name, text({ invariant: "x", commit: "x", mistake: "none", why: "x" }))).toThrow("mistake");
  expect(() => readEntry(name, text({ invariant: "x", commit: "x", mistake: null }))).toThrow("mistake");
  expect(() =>
    readEntry(name, JSON.stringify({ ...incident, mood: 1, project: { invariant: "x", commit: "x", mistake: null, why: "x" } })),
  ).toThrow("mood");
});

test("the tables of incidents/README.md are those of the files: npm run incidents writes them", () => {
  const text = readFileSync(new URL("README.md", INCIDENTS_FOLDER), "utf8");
  expect(text).toBe(withTables(text, readmeTables(entries)));
});
