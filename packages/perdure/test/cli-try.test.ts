import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../src/cli/command.ts";

/** A trial starts five processes, one after the other, maybe on a busy machine. */
const TRIAL_MS = 180_000;

interface Said {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(words: readonly string[], stdin: Readable): Promise<Said> {
  const said = { stdout: "", stderr: "" };
  const into = (name: "stdout" | "stderr"): PassThrough =>
    new PassThrough().on("data", (chunk) => {
      said[name] += String(chunk);
    });
  const exit = await runCommand(words, { stdin, stdout: into("stdout"), stderr: into("stderr") }, {}, new AbortController().signal);
  return { exit, ...said };
}

interface Line {
  readonly type: string;
  readonly who?: string;
  readonly text?: string;
  readonly [field: string]: unknown;
}

function lines(said: Said): readonly Line[] {
  return said.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

describe("the trial, unattended", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "perdure-cli-try-"));
  });
  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  const bodies: readonly (readonly [string, Uint8Array, (acknowledged: number) => boolean])[] = [
    ["minutes.txt", Buffer.from("Grüße an alle.\n"), (acknowledged) => acknowledged <= 1],
    ["empty", Buffer.alloc(0), (acknowledged) => acknowledged <= 1],
    ["blob.bin", randomBytes(2_000_000), (acknowledged) => acknowledged === 4],
  ];
  for (const [name, bytes, midStream] of bodies) {
    it(`${name}: ${bytes.length} bytes over two relays that are killed`, { timeout: TRIAL_MS }, async () => {
      await writeFile(join(folder, name), bytes);
      const said = await run(["try", join(folder, name), "--json"], Readable.from([]));
      const report = lines(said).at(-1) as Line & {
        readonly killed: readonly { readonly relay: string; readonly pid: number; readonly moment: string; readonly nextPid: number }[];
      };
      expect(report, said.stdout + said.stderr).toMatchObject({ type: "report", ok: true, name, bytes: bytes.length, handled: 1, lost: 0 });
      expect(report["sha256Out"]).toBe(report["sha256In"]);
      expect(report.killed.map(({ relay }) => relay)).toEqual(["relay A", "relay B"]);
      expect(midStream(Number.parseInt(String(report.killed[0]?.moment), 10)), JSON.stringify(report.killed)).toBe(true);
      expect(new Set(report.killed.flatMap(({ pid, nextPid }) => [pid, nextPid])).size).toBe(4);
      expect(said.exit).toBe(0);
    });
  }

  it("a pipe, told to a person: the report on stdout, the way on stderr", { timeout: TRIAL_MS }, async () => {
    const said = await run(["try"], Readable.from([Buffer.from("pi"), Buffer.from("ped")]));
    expect(said.exit, said.stderr).toBe(0);
    expect(said.stdout).toMatch(/^sent +stdin, 5 bytes in 1 part\n/);
    expect(said.stdout).toMatch(/\nhandled +1\nlost +0\n/);
    expect(said.stderr).toMatch(/world {4}kill -9 \d+: relay A is gone/);
    expect(said.stderr).toMatch(/world {4}kill -9 \d+: relay B is gone/);
    expect(said.stderr).toMatch(/relay B {2}stored: .*signed statement/);
    expect(said.stderr).toMatch(/@desk {4}done: handled; signed receipt/);
  });

  it("--keep leaves the folder, otherwise nothing is left", { timeout: TRIAL_MS }, async () => {
    const said = await run(["try", "--keep", "--json"], Readable.from([Buffer.from("x")]));
    const kept = String(lines(said).at(-1)?.["folder"]);
    expect(existsSync(join(kept, "relay-b"))).toBe(true);
    await rm(kept, { recursive: true, force: true });
  });
});

describe("the trial, on a terminal", () => {
  it("sends what is typed; keys put @desk to sleep and kill both relays, and nothing is lost", { timeout: TRIAL_MS }, async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
    const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
    const stderr = Object.assign(new PassThrough(), { isTTY: true });
    let screen = "";
    stdout.on("data", (chunk) => {
      screen += String(chunk);
    });
    stderr.resume();
    const until = async (what: RegExp): Promise<RegExpExecArray> => {
      const endMs = performance.now() + 60_000;
      for (;;) {
        const found = what.exec(screen);
        if (found !== null) return found;
        if (performance.now() > endMs) throw new Error(`never saw ${what}\n${screen}`);
        await pause(20);
      }
    };
    const running = runCommand(["try"], { stdin, stdout, stderr }, { NO_COLOR: "1" }, new AbortController().signal);
    await until(/relay A up, relay B up, @desk awake > /);
    stdin.write("\u0013");
    await until(/relay A up, relay B up, @desk asleep > /);
    stdin.write("for later\r");
    await until(/relay B {2}#1 stored: .*signed statement/);
    stdin.write("\u000b");
    const [, killed] = await until(/kill -9 (\d+): relay A is gone/);
    await until(/relay A dead, relay B up, @desk asleep > /);
    stdin.write("\u0002");
    await until(/kill -9 (\d+): relay B is gone/);
    stdin.write("while dead\r");
    await until(/@me {6}#2 queued/);
    stdin.write("\u000b");
    const [, again] = await until(/relay A {2}runs again as process (\d+), same folder and port/);
    stdin.write("/restart b\r");
    await until(/relay B {2}runs again as process (\d+), same folder and port/);
    expect(again).not.toBe(killed);
    stdin.write("/wake\r");
    await until(/@desk {4}#1 got "for later"/);
    await until(/@desk {4}#1 done: handled; signed receipt/);
    await until(/@desk {4}#2 done: handled; signed receipt/);
    stdin.write("\u0003");
    expect(await running).toBe(0);
    const [, folder = ""] = await until(/Everything is stopped; (\S+) is removed/);
    expect(existsSync(folder)).toBe(false);
  });
});
