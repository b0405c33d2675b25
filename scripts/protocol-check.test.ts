import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { caseIndex, countCases } from "./case-index.ts";
import type { Json } from "./case-value.ts";

const protocol = fileURLToPath(new URL("../protocol/", import.meta.url));
const cases = new URL("../protocol/cases/", import.meta.url);
const python = spawnSync("python3", ["--version"]).status === 0;
const check = (folder: string): { readonly status: number | null; readonly output: string } => {
  const { status, stdout, stderr } = spawnSync("python3", [join(folder, "check.py")], { encoding: "utf8" });
  return { status, output: stdout + stderr };
};

describe("the case files", () => {
  it("are at least 500, counted in their README", () => {
    expect(readFileSync(new URL("README.md", cases), "utf8")).toBe(caseIndex(cases));
    const shapes = countCases(JSON.parse(readFileSync(new URL("shapes-identity.json", cases), "utf8")) as Json);
    expect(shapes.valid + shapes.invalid).toBeGreaterThan(500);
  });

  it.skipIf(!python)("are read alike by the reader in Python, which shares nothing with ours", () => {
    const { status, output } = check(protocol);
    expect(output).toMatch(/[0-9]{4} valid and [0-9]{4} invalid cases read, 0 otherwise than they say/);
    expect(status).toBe(0);
  });

  it.skipIf(!python)("would not pass that reader with one byte, one value or one code changed", () => {
    const changes: readonly (readonly [file: string, change: (text: string) => string])[] = [
      ["shapes-invites", (text) => text.replace('"error": "malformed"', '"error": "not-deterministic"')],
      ["shapes-invites", (text) => text.replace('"version": 23', '"version": 22')],
      ["frames", (text) => text.replace('"counter": 3', '"counter": 4')],
      ["envelope", (text) => text.replace('"class": "mail"', '"class": "receipt"')],
    ];
    for (const [file, change] of changes) {
      const folder = mkdtempSync(join(tmpdir(), "perdure-cases-"));
      try {
        cpSync(protocol, folder, { recursive: true });
        const path = join(folder, "cases", `${file}.json`);
        const text = readFileSync(path, "utf8");
        expect(change(text)).not.toBe(text);
        writeFileSync(path, change(text));
        expect(check(folder).status, file).toBe(1);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  });
});
