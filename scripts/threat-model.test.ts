import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const PAGE = new URL("../docs/threat-model.md", import.meta.url);

interface Claim {
  readonly text: string;
  readonly tests: readonly { readonly path: string; readonly titles: readonly string[] }[];
}

/** Rows of "What holds": the claim, and what shows it: [`file`](path) “title”, “title”; … */
function claims(): readonly Claim[] {
  const page = readFileSync(PAGE, "utf8");
  const holds = page.slice(page.indexOf("## What holds"), page.indexOf("## What does not hold"));
  return holds
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| claim"))
    .map((line) => {
      const [text = "", , shown = ""] = line.replace(/^\| | \|$/g, "").split(" | ");
      return { text, tests: testsIn(shown) };
    });
}

function testsIn(cell: string): Claim["tests"] {
  return [...cell.matchAll(/\[`[^`]+`\]\(([^)]+)\)([^[]*)/g)].map(([, path = "", after = ""]) => ({
    path,
    titles: [...after.matchAll(/“([^”]+)”/g)].map(([, title = ""]) => title),
  }));
}

describe("the threat model", () => {
  it("says what holds", () => {
    expect(claims().length).toBeGreaterThan(30);
  });

  it.each(claims().map((claim) => [claim.text, claim] as const))("%s: shown by tests that are there under that name", (_, { tests }) => {
    expect(tests).not.toEqual([]);
    for (const { path, titles } of tests) {
      const url = new URL(path, PAGE);
      expect(existsSync(url), path).toBe(true);
      const source = readFileSync(url, "utf8");
      expect(titles, path).not.toEqual([]);
      expect(
        titles.filter((title) => !source.includes(title)),
        path,
      ).toEqual([]);
    }
  });
});
