import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createNodeHost } from "../host/node/index.ts";
import { checkGuard, type Guard } from "./guard-check.ts";

let place = "";
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "perdure-guard-"));
  for (const folder of ["before", "after"]) await mkdir(join(place, folder));
});
afterEach(() => rm(place, { recursive: true, force: true, maxRetries: 3 }));

const both = async (before: string, after: string): Promise<void> => {
  await writeFile(join(place, "before", "guard.cjs"), before);
  await writeFile(join(place, "after", "guard.cjs"), after);
};

interface Words {
  readonly timeoutMs?: number;
  readonly before?: string;
  readonly after?: string;
  readonly signal?: AbortSignal;
}

const check = (words: Words = {}): Promise<Guard> =>
  checkGuard({
    host: createNodeHost(),
    command: [process.execPath, "guard.cjs"],
    before: join(place, words.before ?? "before"),
    after: join(place, words.after ?? "after"),
    timeoutMs: words.timeoutMs ?? 60_000,
    signal: words.signal ?? new AbortController().signal,
  });

const PASSES = "process.exit(0)";

test("a guard that is red before and green after is told with both exit codes", async () => {
  const [before, after] = [join(place, "before"), join(place, "after")];
  await both('console.log("one was lost"); process.exit(3)', PASSES);
  expect(await check()).toEqual({
    words: `${process.execPath} guard.cjs: exit 3 in ${before}, exit 0 in ${after}`,
    red: `red in ${before} (exit 3). Its last words: one was lost`,
  });
});

test("a guard that does not notice is none, and neither is one that stays red", async () => {
  await both(PASSES, PASSES);
  await expect(check()).rejects.toMatchObject({ code: "bad-argument", message: expect.stringContaining("green in") });
  await both("process.exit(1)", 'console.error("two are left\\u001b[2J"); process.exit(1)');
  await expect(check()).rejects.toMatchObject({
    code: "bad-argument",
    hint: "Its last words: two are left\ufffd[2J",
  });
});

test("what could not run, was killed or does not end has no colour", async () => {
  await both("process.exit(127)", PASSES);
  await expect(check()).rejects.toMatchObject({ message: expect.stringContaining("not run") });
  await both('process.kill(process.pid, "SIGKILL")', PASSES);
  await expect(check()).rejects.toMatchObject({ message: expect.stringContaining("SIGKILL"), hint: "It printed nothing." });
  await both("setInterval(() => {}, 1000)", PASSES);
  await expect(check({ timeoutMs: 300 })).rejects.toMatchObject({ code: "timed-out" });
  await expect(check({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
});

test("who does not end when asked to is dead when the call ends", async () => {
  const stays =
    'process.on("SIGTERM", () => {}); require("node:fs").writeFileSync("pid", String(process.pid)); setInterval(() => {}, 1000)';
  await both(stays, PASSES);
  await expect(check({ timeoutMs: 3000 })).rejects.toMatchObject({ code: "timed-out" });
  const pid = await readFile(join(place, "before", "pid"), "utf8").catch(() => undefined);
  // Without one it was asked before it could refuse.
  if (pid !== undefined) expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
}, 30_000);

test("a test that is only in the folder of after is red before whatever it tests, and no guard", async () => {
  await both("process.exit(1)", PASSES);
  await rm(join(place, "before", "guard.cjs"));
  await expect(check()).rejects.toMatchObject({ code: "bad-argument", message: expect.stringContaining("there is no guard.cjs in") });
});

test("a folder that is not there is named", async () => {
  await both("process.exit(1)", PASSES);
  for (const words of [{ after: "nowhere" }, { before: "nowhere" }])
    await expect(check(words)).rejects.toMatchObject({ code: "not-found", message: expect.stringContaining("nowhere") });
});

test("one folder for both shows nothing", async () => {
  await both("process.exit(1)", PASSES);
  await expect(check({ after: "before" })).rejects.toMatchObject({ code: "bad-argument" });
});

test("whoever runs it is not shown the passphrase of the folder", async () => {
  await both(PASSES.replace("0", "process.env.PERDURE_PASSPHRASE === undefined ? 1 : 0"), PASSES);
  process.env["PERDURE_PASSPHRASE"] = "correct horse";
  try {
    expect((await check()).words).toContain("exit 1 in");
  } finally {
    delete process.env["PERDURE_PASSPHRASE"];
  }
});
