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
    it(`${name}: ${bytes.length} bytes through a relay that is killed`, { timeout: TRIAL_MS }, async () => {
      await writeFile(join(folder, name), bytes);
      const said = await run(["try", join(folder, name), "--json"], Readable.from([]));
      const report = lines(said).at(-1) as Line & {
        readonly killed: { readonly pid: number; readonly partsAcknowledged: number };
        readonly relayPids: readonly number[];
      };
      expect(report, said.stdout + said.stderr).toMatchObject({ type: "report", ok: true, name, bytes: bytes.length, handled: 1, lost: 0 });
      expect(report["sha256Out"]).toBe(report["sha256In"]);
      expect(midStream(report.killed.partsAcknowledged), JSON.stringify(report.killed)).toBe(true);
      expect(report.relayPids[0]).toBe(report.killed.pid);
      expect(new Set(report.relayPids).size).toBe(2);
      expect(said.exit).toBe(0);
    });
  }

  it("a pipe, told to a person: the report on stdout, the way on stderr", { timeout: TRIAL_MS }, async () => {
    const said = await run(["try"], Readable.from([Buffer.from("pi"), Buffer.from("ped")]));
    expect(said.exit, said.stderr).toBe(0);
    expect(said.stdout).toMatch(/^sent +stdin, 5 bytes in 1 part\n/);
    expect(said.stdout).toMatch(/\nhandled +1\nlost +0\n/);
    expect(said.stderr).toMatch(/world {2}kill -9 \d+/);
    expect(said.stderr).toMatch(/@desk {2}done: handled; signed receipt/);
  });

  it("--keep leaves the folder, otherwise nothing is left", { timeout: TRIAL_MS }, async () => {
    const said = await run(["try", "--keep", "--json"], Readable.from([Buffer.from("x")]));
    const kept = String(lines(said).at(-1)?.["folder"]);
    expect(existsSync(join(kept, "relay"))).toBe(true);
    await rm(kept, { recursive: true, force: true });
  });
});

describe("the trial, on a terminal", () => {
  it("sends what is typed; keys put @desk to sleep and kill the relay, and nothing is lost", { timeout: TRIAL_MS }, async () => {
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
    await until(/relay up, @desk awake > /);
    stdin.write("\u0013");
    await until(/relay up, @desk asleep > /);
    stdin.write("for later\r");
    await until(/relay {2}#1 stored: on the relay's disk; signed statement/);
    stdin.write("\u000b");
    const [, killed] = await until(/kill -9 (\d+): the relay is gone/);
    await until(/relay dead, @desk asleep > /);
    stdin.write("while dead\r");
    await until(/@me {4}#2 queued/);
    stdin.write("\u000b");
    const [, again] = await until(/relay {2}runs again as process (\d+), same folder and port/);
    expect(again).not.toBe(killed);
    stdin.write("/wake\r");
    await until(/@desk {2}#1 got "for later"/);
    await until(/@desk {2}#1 done: handled; signed receipt/);
    await until(/@desk {2}#2 done: handled; signed receipt/);
    stdin.write("\u0003");
    expect(await running).toBe(0);
    const [, folder = ""] = await until(/Everything is stopped; (\S+) is removed/);
    expect(existsSync(folder)).toBe(false);
  });
});
