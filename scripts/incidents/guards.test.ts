/** Three of the guards by machine; `npm run guards` does all. */
import { expect, test } from "vitest";
import { guardOf, readEntries } from "./entries.ts";
import { runGuard } from "./run-guard.ts";

const TAKEN = ["killed-process-left-bytes-unsynced", "empty-contact-list-untold", "file-name-leads-away"];
const TEST_MS = 240_000;

const entries = readEntries().filter(({ name }) => TAKEN.includes(name));

test("they are there", () => expect(entries.map(({ name }) => name).sort()).toEqual(TAKEN.toSorted()));

test.each(entries.map((entry) => [entry.name, entry] as const))(
  "%s: the guard is red with the mistake and green without",
  { timeout: TEST_MS },
  async (_, entry) => {
    const guard = guardOf(entry);
    if (guard === undefined || entry.mistake === null) throw new Error("there is nothing to plant, or no guard");
    const [planted, clean] = [await runGuard(guard, entry.mistake), await runGuard(guard, undefined)];
    expect([planted.colour, clean.colour], `${planted.says} / ${clean.says}`).toEqual(["red", "green"]);
  },
);

test("a guard that guards nothing is found out", { timeout: TEST_MS }, async () => {
  const guard = { kind: "test", file: "packages/perdure/src/cli/foreign-text.test.ts", test: "fits a line into its limit" } as const;
  expect((await runGuard(guard, "file-name-with-folders")).colour).toBe("green");
  expect((await runGuard({ ...guard, test: "no test of that name" }, undefined)).colour).toBe("none");
});
