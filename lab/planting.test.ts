import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { applyEdit, type Planted, PRODUCT_FOLDER } from "./planting.ts";
import { sweep } from "./sweep.ts";

const ON_LOADING = {
  file: "protocol/delivery/interval-set.ts",
  find: "export function createIntervalSet",
  put: "throw new Error('planted');\nexport function createIntervalSet",
};

test("an edit replaces what occurs exactly once, a cut what lies between two places", () => {
  expect(applyEdit("a < b", { file: "x.ts", find: "<", put: "<=" })).toBe("a <= b");
  expect(applyEdit("a < b", { file: "x.ts", start: 2, end: 3, put: ">" })).toBe("a > b");
});

test.each([
  ["is not there", { file: "x.ts", find: ">", put: "" }, 'x.ts does not contain ">"'],
  ["is there twice", { file: "x.ts", find: "a", put: "" }, 'x.ts contains more than once "a"'],
  ["lies outside", { file: "x.ts", start: 4, end: 9, put: "" }, "x.ts has no characters 4 to 9"],
])("what %s is refused", (_, edit, message) => {
  expect(() => applyEdit("a + a", edit)).toThrow(message);
});

async function seedOne(planted?: Planted): Promise<string | undefined> {
  for await (const { result } of sweep([1], { minutes: 0 }, { twice: false, planted })) return result.broken?.what;
  return "no result";
}

test("only threads of a sweep have the mistake, and the file is as it was", { timeout: 60_000 }, async () => {
  const before = await readFile(new URL(ON_LOADING.file, PRODUCT_FOLDER), "utf8");
  await expect(seedOne(ON_LOADING)).rejects.toThrow("planted");
  expect(await seedOne()).toBe(undefined);
  expect(await readFile(new URL(ON_LOADING.file, PRODUCT_FOLDER), "utf8")).toBe(before);
});
