import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { anchorsOf, hasScheme, linkTargets } from "./markdown.ts";
import { PACKAGES, packedDocuments } from "./pack.ts";
import { publishedPage } from "./published-page.ts";

const at = { page: "packages/one/README.md", packed: new Map([["LICENSE", "LICENSE"]]) };

describe("a page in a package", () => {
  test.each([
    ["leads to the path of what is not in it", "see [why](../../docs/why.md#then)", "see why (`docs/why.md` in the repository)"],
    ["says a path once", "[docs/why.md](../../docs/why.md) says", "`docs/why.md` (in the repository) says"],
    ["shows no picture that is not in it", "![A curve](curve.svg)", "A curve (`packages/one/curve.svg` in the repository)"],
    ["keeps links to what is in it", "[terms](../../LICENSE#two)", "[terms](LICENSE#two)"],
    ["keeps links to itself", "[below](#below)", "[below](#below)"],
    ["keeps links to the network", "[x](https://example.org/x.md)", "[x](https://example.org/x.md)"],
    [
      "keeps code",
      "`[x](y.md)`\n```\n[x](y.md)\n```\n[`x`](y.md)",
      "`[x](y.md)`\n```\n[x](y.md)\n```\n`x` (`packages/one/y.md` in the repository)",
    ],
  ])("%s", (_name, text, published) => {
    expect(publishedPage(text, at)).toBe(published);
  });
});

describe.each(PACKAGES)("the pages of packages/%s as they are published", (name) => {
  const pages = new Map(packedDocuments(name).map(({ file, text }) => [file, text]));

  test.each([...pages.keys()])("%s has no link that leads nowhere", (page) => {
    const broken = linkTargets(pages.get(page) ?? "").filter((target) => {
      if (hasScheme(target)) return false;
      const [file = "", anchor] = target.split("#");
      const there = pages.get(file === "" ? basename(page) : file);
      return there === undefined || (anchor !== undefined && !anchorsOf(there).includes(anchor));
    });
    expect(broken).toEqual([]);
  });
});
