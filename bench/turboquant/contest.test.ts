import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CATALOGUE, type CatalogueEntry } from "./catalogue.ts";
import { contestOn } from "./contest.ts";
import { noise } from "./data.ts";
import { contestTable } from "./table.ts";

test("a system that cannot be had is told with its reason, and the others are measured", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "perdure-contest-"));
  try {
    const ours = CATALOGUE.find(({ name }) => name === "turboquant-4") as CatalogueEntry;
    const nobody = { ...ours, name: "nobody" };
    const set = { name: "few", what: "few", seconds: 1, make: () => noise("few", 32, 400) };
    const said: string[] = [];
    const found = await contestOn(set, [nobody, ours], folder, (line) => said.push(line));
    const [absent, measured] = found?.systems ?? [];
    expect(absent?.failed).toBe("there is no system nobody");
    expect(said.join("\n")).toContain("absent: there is no system nobody");
    expect(measured?.ways[1]?.recallAt10).toBeGreaterThan(0.6);
    expect(measured?.ways[0]?.turns).toHaveLength(10);
    expect(measured?.ways[0]?.ms.best).toBeGreaterThan(0);
    expect(measured?.bytesPerVector?.told).toBeGreaterThan(20);
    expect(measured?.ways[1]?.asked).toBe(0.95);
    expect(measured?.ways[1]?.expected).toBeGreaterThan(0.5);
    expect(measured?.added?.visible).toBe(true);
    if (found !== undefined) expect(contestTable(found, () => true).join("\n")).toContain("turboquant-4");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
