/** Limits nobody chose and settings that do not go together, as somebody meets them: a real process with a poor environment. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startCommand } from "./test-command.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-limits-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const QUIET = { NODE_NO_WARNINGS: "1" };

test("an environment that takes TLS away is named, the worst first, and the exit code says so", async () => {
  const words = ["relay", "settings", "--unchosen", "--json", "--folder", folder];
  const poor = { ...QUIET, NODE_TLS_REJECT_UNAUTHORIZED: "0", NODE_OPTIONS: "--tls-min-v1.0" };
  const { exit, objects } = await startCommand(folder, words, poor).ended;
  const [first, second] = objects.filter(({ blast }) => blast === "data");
  expect([first, second]).toEqual([
    expect.objectContaining({ type: "external", name: "tlsVersion", value: 1, chosenBy: "nobody" }),
    expect.objectContaining({ type: "external", name: "tlsVerified", value: 0, chosenBy: "nobody" }),
  ]);
  expect(exit).toBe(1);
  const good = await startCommand(folder, words, QUIET).ended;
  expect(good.objects.filter(({ name }) => String(name).startsWith("tls"))).toEqual([]);
});

test("what this machine imposes is read here, and who chose it stands with it", async () => {
  const { exit, objects } = await startCommand(folder, ["relay", "settings", "--external", "--json", "--folder", folder], {
    ...QUIET,
    NODE_OPTIONS: "--max-old-space-size=700",
  }).ended;
  expect(exit).toBe(0);
  const heap = objects.find(({ name }) => name === "heapBytes");
  expect(heap).toMatchObject({ chosenBy: "operator", source: "--max-old-space-size=700" });
  expect(Number(heap?.["value"])).toBeLessThan(1024 * 1024 * 1024);
  expect(objects.find(({ name }) => name === "awsBalancerIdleMs")).toMatchObject({
    chosenBy: "declared",
    origin: "middlebox",
    value: 60_000,
  });
});

test("settings that contradict each other start nothing, wherever they come from", async () => {
  await writeFile(join(folder, "settings"), "redialMinMs=50000\n");
  const { exit, err } = await startCommand(folder, ["relay", "--folder", folder, "--set", "redialMaxMs=40000"], QUIET).ended;
  expect(exit).toBe(2);
  expect(err).toContain("redialMinMs (50000 ms, file) must be at most redialMaxMs (40000 ms, flag)");
  expect(err).toContain("hint");
  expect(await readdir(folder)).toEqual(["settings"]);
  const seen = await startCommand(folder, ["relay", "settings", "--json", "--folder", folder, "--set", "redialMaxMs=40000"], QUIET).ended;
  expect(seen.objects.find(({ type }) => type === "contradiction")).toMatchObject({ relation: "redial-grows", hard: true });
});

test("an agent's are refused before anything is made", async () => {
  const at = join(folder, "agent");
  const words = ["init", "--at", at, "--relay", "ws://127.0.0.1:9/", "--custody", "together", "--set", "pingEveryMs=50000"];
  const { exit, err } = await startCommand(folder, words, QUIET).ended;
  expect(exit).toBe(2);
  expect(err).toContain("pingEveryMs (50000 ms, set) must be less than silenceTimeoutMs (45000 ms, default)");
  expect(await readdir(folder)).toEqual([]);
});
