/** What somebody does wrong in the first hour, and what the command says then: real processes, in real folders. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStage, type Stage } from "./test-stage.ts";

const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const TEST_MS = 120_000;

interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

let stage: Stage;
let away = "";
beforeEach(async () => {
  stage = await openStage();
  away = await mkdtemp(join(tmpdir(), "perdure-first-"));
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
  await rm(away, { recursive: true, force: true, maxRetries: 3 });
});

const at = (name: string): string => join(stage.folder, name);

function perdure(...words: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...words], {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: away,
      env: { ...process.env, PERDURE_HOME: "" },
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => {
      out += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      err += String(chunk);
    });
    child.on("error", reject);
    child.on("close", (exit) => resolve({ exit: exit ?? -1, out, err }));
  });
}

describe("the first steps", () => {
  it("put the recovery file where it helps, or say why not, and make nothing", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    const init = (recovery: string): Promise<Ran> =>
      perdure("init", "--at", at("desk"), "--relay", stage.address(), "--custody", "split", "--recovery", recovery);
    const inside = await init(join(at("desk"), "desk.recovery"));
    expect(inside.exit, inside.err).toBe(2);
    expect(inside.err).toContain("which it protects");
    const unmounted = await init(join(away, "usb", "desk.recovery"));
    expect(unmounted.exit, unmounted.err).not.toBe(0);
    expect(unmounted.err).toContain("Is the disk mounted?");
    expect(await readdir(away)).toEqual([]);
    expect(await readdir(stage.folder)).toEqual(["relay"]);
    await mkdir(join(away, "usb"));
    const made = await init(join(away, "usb", "desk.recovery"));
    expect(made.exit, made.err).toBe(0);
    expect(await readdir(join(away, "usb"))).toEqual(["desk.recovery"]);
  });

  it("do not seal with a passphrase that is guessed at once", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    const secret = join(away, "secret");
    await writeFile(secret, "x\n");
    const short = await perdure("init", "--at", at("desk"), "--relay", stage.address(), "--passphrase", "--passphrase-file", secret);
    expect(short.exit, short.err).toBe(2);
    expect(short.err).toContain("at least 8 letters");
    expect(await readdir(stage.folder)).toEqual(["relay"]);
  });
});
