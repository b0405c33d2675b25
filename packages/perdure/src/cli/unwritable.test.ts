import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { unwritable } from "./unwritable.ts";

const folder = mkdtempSync(join(tmpdir(), "perdure-unwritable-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "file"), "");

function writing(path: string): unknown {
  try {
    writeFileSync(path, "");
  } catch (error) {
    return error;
  }
  return undefined;
}

test.each([
  ["a folder that is missing", join(folder, "missing", "x.json"), "not-found", /^there is no folder .*missing to write /],
  ["a file where a folder is meant", join(folder, "file", "x.json"), "not-found", /^there is no folder .*file to write /],
  ["a folder where a file is meant", folder, "bad-argument", / is a folder$/],
] as const)("%s", (_, path, code, why) => {
  expect(unwritable(path, writing(path), "--export")).toMatchObject({
    code,
    message: expect.stringMatching(why),
    hint: expect.stringContaining("--export"),
  });
});

test("whatever else keeps it from being written", () => {
  const denied = Object.assign(new Error("EACCES"), { code: "EACCES" });
  expect(unwritable("/x\u001b[2J", denied, "--bundle")).toMatchObject({
    code: "permission-denied",
    message: expect.not.stringContaining("\u001b"),
  });
});
