import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWork } from "./open.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pace-work-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("the folder of work", () => {
  it("is nobody else's to read, nor are its files: those of a damaged journal neither", async () => {
    const path = join(folder, "deep", "work");
    const work = await openWork(path);
    await work.defer("note", "private", { key: "a" });
    await work.close();
    expect(readFileSync(join(path, "journal"), "utf8")).toContain('"private"');
    truncateSync(join(path, "journal"), 10);
    const again = await openWork(path);
    expect(again.found.keptAs).toBe("damaged-1");
    await again.defer("note", "private", { key: "b" });
    const names = readdirSync(path).sort();
    await again.close();
    expect(names).toEqual(expect.arrayContaining(["damaged-1", "holder", "journal", "lock"]));
    expect([join(folder, "deep"), path].map(modeOf)).toEqual(["700", "700"]);
    expect(names.map((name) => [name, modeOf(join(path, name))])).toEqual(names.map((name) => [name, "600"]));
  });
});
