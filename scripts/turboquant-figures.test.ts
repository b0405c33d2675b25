import { expect, test } from "vitest";
import { newestResults, readBenchReadme, renderFigures } from "./turboquant-figures.ts";

test("bench/README.md shows the newest results of searching among vectors (run `node scripts/turboquant-figures.ts`)", () => {
  const shown = newestResults();
  expect(shown).not.toEqual([]);
  const readme = readBenchReadme();
  expect(readme).toContain("<!-- turboquant figures -->");
  expect(readme).toBe(renderFigures(readme, shown));
  const other = readme.replace("| usearch-exact-f32 |", "| another |");
  expect(other).not.toBe(readme);
  expect(renderFigures(other, shown)).toBe(readme);
});
