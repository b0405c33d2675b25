import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { expect, test } from "vitest";
import { PRODUCT_FOLDER, plantedSources } from "../planting.ts";
import { MISTAKES } from "./index.ts";

test("every mistake has a name of its own", () => {
  expect(new Set(MISTAKES.map(({ id }) => id)).size).toBe(MISTAKES.length);
});

test.each(MISTAKES.map((mistake) => [mistake.id, mistake] as const))(
  "%s fits the source, changes it, and is still a program",
  (_, mistake) => {
    const sources = plantedSources(mistake);
    for (const [file, source] of sources) expect(source).not.toBe(readFileSync(new URL(file, PRODUCT_FOLDER), "utf8"));
    for (const source of sources.values()) expect(() => stripTypeScriptTypes(source)).not.toThrow();
  },
);
