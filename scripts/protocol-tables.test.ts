import { describe, expect, it } from "vitest";
import { listShapes } from "../packages/perdure/src/wire/shapes.ts";
import { pageNames, readPage, renderPage, tablesOf } from "./protocol-tables.ts";

describe("the specification", () => {
  it.each(pageNames())("%s has the tables the wire has (run `node scripts/protocol-tables.ts`)", (name) => {
    expect(readPage(name)).toBe(renderPage(readPage(name)));
  });

  it("shows every shape, each once", () => {
    const shown = pageNames().flatMap((name) => tablesOf(readPage(name)));
    expect(shown.filter((name) => listShapes().some((shape) => shape.name === name)).sort()).toEqual(
      listShapes()
        .map((shape) => shape.name)
        .sort(),
    );
  });

  it("a page that is behind would be found out", () => {
    const page = readPage("identity.md").replace("| notBeforeMs |", "| notBefore |");
    expect(renderPage(page)).not.toBe(page);
  });
});
