/** Three of the guards by machine, and every scenario; `npm run guards` does all, and each as often as one likes. */
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { guardOf, INCIDENTS_FOLDER, readEntries, scenarioOf } from "./entries.ts";
import { replay, runGuard } from "./run-guard.ts";

const TAKEN = ["killed-process-left-bytes-unsynced", "empty-contact-list-untold", "file-name-leads-away"];
const TEST_MS = 240_000;

const entries = readEntries().filter(({ name }) => TAKEN.includes(name));

test("they are there", () => expect(entries.map(({ name }) => name).sort()).toEqual(TAKEN.toSorted()));

test.each(entries.map((entry) => [entry.name, entry] as const))(
  "%s: the guard is red with the mistake, each time in the same way, and green without",
  { timeout: TEST_MS },
  async (_, entry) => {
    const guard = guardOf(entry);
    if (guard === undefined || entry.mistake === null) throw new Error("there is nothing to plant, or no guard");
    const [{ verdict, same }, clean] = [await replay(guard, entry.mistake, 3), await runGuard(guard, undefined)];
    expect([verdict.colour, same, clean.colour], `${verdict.says} / ${clean.says}`).toEqual(["red", 3, "green"]);
  },
);

const told = readEntries().flatMap((entry) => {
  const scenario = scenarioOf(entry);
  return scenario === undefined || entry.mistake === null ? [] : [[entry.name, scenario, entry.mistake] as const];
});

test("every scenario is that of an entry whose mistake can be made again", () => {
  const names = readdirSync(new URL("scenarios/", INCIDENTS_FOLDER)).map((file) => `incidents/scenarios/${file}`);
  expect(names.sort()).toEqual(told.map(([, { file }]) => file).sort());
});

test.each(told)(
  "%s: its scenario breaks with the mistake, by one history, and not without",
  { timeout: TEST_MS },
  async (_, scenario, mistake) => {
    const planted = await replay(scenario, mistake, 2);
    const clean = await replay(scenario, undefined, 1);
    expect([planted.verdict.colour, planted.same, clean.verdict], planted.verdict.says).toEqual(["red", 2, { colour: "green", says: "" }]);
  },
);

test("a guard that guards nothing is found out", { timeout: TEST_MS }, async () => {
  const guard = { kind: "test", file: "packages/perdure/src/cli/foreign-text.test.ts", test: "fits a line into its limit" } as const;
  expect((await runGuard(guard, "file-name-with-folders")).colour).toBe("green");
  expect((await runGuard({ ...guard, test: "no test of that name" }, undefined)).colour).toBe("none");
});
