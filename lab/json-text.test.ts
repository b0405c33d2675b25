import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { jsonText } from "./json-text.ts";
import { FOUND_FILE } from "./planted.ts";

test("a file that the formatter has been at is written as it is", () => {
  const text = readFileSync(FOUND_FILE, "utf8");
  expect(jsonText(JSON.parse(text))).toBe(text);
});

test("what fits into a line stands in one, comma included, and what is empty always does", () => {
  const name = "n".repeat(123);
  expect(jsonText([{ [name]: [1, 2] }, {}])).toBe(`[\n  { "${name}": [1, 2] },\n  {}\n]\n`);
  expect(jsonText([{ [`${name}n`]: [1, 2] }, {}])).toBe(`[\n  {\n    "${name}n": [1, 2]\n  },\n  {}\n]\n`);
  expect(jsonText({ left: undefined, kept: "a\nb" })).toBe('{ "kept": "a\\nb" }\n');
});
