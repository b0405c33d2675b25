import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../../examples/notes/notes.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "notes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function said(...words: readonly string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...words], {
    encoding: "utf8",
    env: { ...process.env, NOTES: join(folder, "notes.tqi") },
  });
  return stdout + stderr;
}

it("the example of notes keeps them over restarts, finds them by their words, and forgets them", () => {
  expect(said("keep", "The key lies under the blue pot.")).toBe("1 note.\n");
  expect(said("keep", "Bread needs two hundred grams of rye flour.")).toBe("2 notes.\n");
  expect(said("keep", "The key lies under the blue pot.")).toBe("2 notes.\n");
  expect(said("find", "where is the key?").split("\n")[0]).toMatch(/^0\.\d\d {2}The key lies under the blue pot\.$/);
  expect(said("find", "how much flour").split("\n")[0]).toContain("Bread");
  expect(said("find", "xylophon")).toBe("Nothing like it.\n");
  expect(said("forget", "The key lies under the blue pot.")).toBe("1 note.\n");
  expect(said("forget", "The key lies under the blue pot.")).toBe("There is no such note.\n");
  expect(said("find", "where is the key?")).not.toContain("key lies");
  expect(said("keep")).toBe("Say: keep, find or forget, and a text.\n");
}, 90_000);
