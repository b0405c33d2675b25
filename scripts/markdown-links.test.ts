import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { anchorsOf, hasScheme, linkTargets } from "./markdown.ts";
import { ROOT } from "./tool.ts";

const OTHERS = /(^|[\\/])(node_modules|dist|\.runtime|coverage|results)([\\/]|$)/;
const PAGES = globSync("**/*.md", { cwd: ROOT, exclude: (path) => OTHERS.test(String(path)) }).sort();

describe("links of our pages", () => {
  test("there are pages", () => {
    expect(PAGES).toContain("README.md");
    expect(PAGES).toContain(join("docs", "architecture.md"));
  });

  test.each(PAGES)("%s", (page) => {
    expect(brokenLinks(join(ROOT, page))).toEqual([]);
  });

  test("a link to what is not there is found, and a heading that is not there", () => {
    const text = "# A title\n[x](nowhere.md) [y](#a-title) [z](#other) [w](https://example.org/x.md)\n```\n[v](code.md)\n```\n";
    expect(brokenIn(text, join(ROOT, "README.md"))).toEqual(["nowhere.md", "#other"]);
  });
});

function brokenLinks(path: string): readonly string[] {
  return brokenIn(readFileSync(path, "utf8"), path);
}

/** Targets in this clone that are not there; what lies on the network is not asked. */
function brokenIn(text: string, path: string): readonly string[] {
  return linkTargets(text).filter((target) => {
    if (hasScheme(target)) return false;
    const [file = "", anchor] = target.split("#");
    const there = file === "" ? path : resolve(dirname(path), decodeURI(file));
    if (!existsSync(there)) return true;
    if (anchor === undefined || !there.endsWith(".md")) return false;
    return !anchorsOf(there === path ? text : readFileSync(there, "utf8")).includes(anchor);
  });
}
