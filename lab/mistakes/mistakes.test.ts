import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { expect, test } from "vitest";
import { applyEdit, editsOf, PRODUCT_FOLDER } from "../planting.ts";
import { MISTAKES } from "./index.ts";

test("every mistake has a name of its own", () => {
  expect(new Set(MISTAKES.map(({ id }) => id)).size).toBe(MISTAKES.length);
});

test.each(MISTAKES.map((mistake) => [mistake.id, mistake] as const))(
  "%s fits the source, changes it, and is still a program",
  (_, mistake) => {
    const sources = new Map<string, string>();
    for (const edit of editsOf(mistake)) {
      const before = sources.get(edit.file) ?? readFileSync(new URL(edit.file, PRODUCT_FOLDER), "utf8");
      const after = applyEdit(before, edit);
      expect(after).not.toBe(before);
      sources.set(edit.file, after);
    }
    for (const source of sources.values()) expect(() => stripTypeScriptTypes(source)).not.toThrow();
  },
);
