import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ROOT } from "./tool.ts";

/** A clone with the real script and nothing to install, so that no registry is asked. */
let clone = "";
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "with-node-"));
  for (const path of ["scripts/with-node.mjs", "packages/perdure/bin"]) cpSync(join(ROOT, path), join(clone, path), { recursive: true });
  mkdirSync(join(clone, "elsewhere"));
  manifest({});
  lockfile({});
  writeFileSync(join(clone, "entry.mjs"), ENTRY);
});
afterEach(() => rmSync(clone, { recursive: true, force: true }));

const ENTRY = `
process.stdin.setEncoding("utf8");
let given = "";
for await (const chunk of process.stdin) given += chunk;
console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), given }));
if (process.argv[2] === "wait") {
  process.on("SIGTERM", () => process.exit(33));
  console.log("ready");
  setTimeout(() => {}, 60_000);
} else process.exitCode = Number(process.argv[2] ?? 0);
`;

function manifest(fields: object): void {
  writeFileSync(join(clone, "package.json"), JSON.stringify({ name: "clone", private: true, ...fields }));
}

function lockfile(root: object): void {
  writeFileSync(
    join(clone, "package-lock.json"),
    JSON.stringify({ name: "clone", lockfileVersion: 3, requires: true, packages: { "": { name: "clone", ...root } } }),
  );
}

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], { given = "", env = {} }: { readonly given?: string; readonly env?: NodeJS.ProcessEnv } = {}) {
  const child = spawn(process.execPath, [join(clone, "scripts/with-node.mjs"), ...args], {
    cwd: clone,
    env: { ...process.env, INIT_CWD: undefined, NODE_COMPILE_CACHE: undefined, ...env },
  });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      said[name] += chunk;
    });
  }
  child.stdin.end(given);
  const ended = new Promise<Ran>((resolve) => child.on("close", (code) => resolve({ code, ...said })));
  return { child, ended };
}

const run = (...given: Parameters<typeof start>): Promise<Ran> => start(...given).ended;

test("installs once and is silent afterwards", async () => {
  expect((await run(["entry.mjs"])).stderr).toMatch(/installing dependencies/);
  expect(await run(["entry.mjs"])).toMatchObject({ code: 0, stderr: "" });
});

test("installs again when what is wanted changed, not when a script changed", async () => {
  await run(["entry.mjs"]);
  manifest({ scripts: { start: "something else" } });
  expect((await run(["entry.mjs"])).stderr).toBe("");
  manifest({ overrides: { nothing: "1.0.0" } });
  expect((await run(["entry.mjs"])).stderr).toMatch(/installing dependencies/);
});

test("two at once install once", async () => {
  const both = await Promise.all([run(["entry.mjs"]), run(["entry.mjs"])]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(both.filter(({ stderr }) => stderr.includes("installing dependencies"))).toHaveLength(1);
});

test("takes over from an installation that was killed", async () => {
  const lock = join(clone, ".runtime/install.lock");
  mkdirSync(join(clone, ".runtime"));
  writeFileSync(lock, "1");
  utimesSync(lock, new Date(0), new Date(0));
  expect(await run(["entry.mjs"])).toMatchObject({ code: 0 });
  expect(existsSync(lock)).toBe(false);
});

test("an installation that fails is told as what, why and hint, and tried again next time", async () => {
  manifest({ dependencies: { nothing: "1.0.0" } });
  for (let tried = 1; tried <= 2; tried++) {
    const { code, stdout, stderr } = await run(["entry.mjs"]);
    expect([code, stdout]).toEqual([70, ""]);
    expect(stderr).toMatch(/could not be installed\n {3}why: (?:.|\n)*\n {2}hint: /);
  }
});

test("hands over arguments, standard input and the exit code", async () => {
  const { code, stdout } = await run(["entry.mjs", "7", "two words"], { given: "piped" });
  expect(code).toBe(7);
  expect(JSON.parse(stdout)).toMatchObject({ args: ["7", "two words"], given: "piped" });
});

test("--from-caller runs where npm was called", async () => {
  const elsewhere = join(clone, "elsewhere");
  const { stdout } = await run(["--from-caller", "entry.mjs"], { env: { INIT_CWD: elsewhere } });
  expect(JSON.parse(stdout).cwd).toBe(elsewhere);
});

test("passes a signal on and ends as the entry ends", async () => {
  const { child, ended } = start(["entry.mjs", "wait"]);
  await new Promise<void>((resolve) => child.stdout.on("data", (chunk: string) => void (chunk.includes("ready") && resolve())));
  child.kill("SIGTERM");
  expect(await ended).toMatchObject({ code: 33 });
});
