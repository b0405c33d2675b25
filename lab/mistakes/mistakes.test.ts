import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { expect, test } from "vitest";
import { PRODUCT_FOLDER, plantedSources } from "../planting.ts";
import { MISTAKES } from "./index.ts";
import { PLACEBOS } from "./placebos.ts";

const ALL = [...MISTAKES, ...PLACEBOS];

test("every mistake and every placebo has a name of its own", () => {
  expect(new Set(ALL.map(({ id }) => id)).size).toBe(ALL.length);
});

test.each(ALL.map((mistake) => [mistake.id, mistake] as const))("%s fits the source, changes it, and is still a program", (_, mistake) => {
  const sources = plantedSources(mistake);
  for (const [file, source] of sources) expect(source).not.toBe(readFileSync(new URL(file, PRODUCT_FOLDER), "utf8"));
  for (const source of sources.values()) expect(() => stripTypeScriptTypes(source)).not.toThrow();
});
