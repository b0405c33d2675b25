import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { readScenario, writeScenario } from "./scenario.ts";

const PATIENCE_MS = 3 * 60_000;
const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const TWIN = fileURLToPath(new URL("./real/twin.ts", import.meta.url));
const SCENARIO = fileURLToPath(new URL("./scenarios/handed-over-twice.json", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "perdure-lab-"));
afterAll(() => rmSync(folder, { recursive: true }));

const lab = (...words: readonly string[]) => script(MAIN, ...words);

function script(...words: readonly string[]): Promise<{ readonly code: unknown; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: PATIENCE_MS, maxBuffer: 1 << 26 };
    execFile(process.execPath, words, options, (error, out, err) => resolve({ code: error?.code ?? 0, out, err }));
  });
}

test("help tells every word, and where more is written", { timeout: PATIENCE_MS }, async () => {
  const { code, out } = await lab("--help");
  expect(code).toBe(0);
  for (const word of ["--seeds", "--replay", "--trace", "--html", "--shrink", "--planted", "docs/lab.md"]) expect(out).toContain(word);
});

test.each([
  [["--kinds", "flood"], 2, /^bad-argument: kinds\[0\] is "flood"\n {2}It takes one of /],
  [["--replay", "nowhere.json"], 3, /^not-found: nowhere\.json cannot be read/],
  [["--seed", "1", "--plant", "nothing"], 2, /^bad-argument: there is no mistake "nothing"\n {2}There are /],
  [["--controls", "--sedes", "1"], 2, /^bad-argument: Unknown option '--sedes'/],
  [["--controls", "--only", "dedupes"], 2, /^bad-argument: there is no control "dedupes"\n {2}There are /],
  [["--planted", "--seeds", "ten"], 2, /^bad-argument: --seeds is "ten"\n {2}It takes a whole number from 1/],
  [["--port-crash", "--only", "nohost"], 2, /^bad-argument: there is no host "nohost"\n {2}There are relay-0, anna\./],
  [["--days", "0.01", "--relays", "99"], 2, /^bad-argument: --relays is "99"\n {2}It takes a whole number from 1 to 16\./],
  [["--seed", "1", "--seeds", "5"], 2, /^bad-argument: --seeds and --seed do not go together\n/],
  [["--seed", "1", "--trace", "--about", "zzz"], 2, /^bad-argument: --about is "zzz"\n {2}It takes the id of a message/],
  [["--seed", "1", "--shrink", "--budget-seconds", "0"], 2, /^bad-argument: --budget-seconds is "0"\n {2}It takes a number from 1/],
  [["--seed", "1", "--shrink", "--out", "no/x.json"], 3, /^not-found: no\/x\.json cannot be written: .*\n {2}Make the folder no first/],
  [["--seed", "1", "--html", "no/x.html"], 3, /^not-found: no\/x\.html cannot be written: /],
  [["--seed", "1", "--html", "."], 2, /^bad-argument: \. cannot be written: it is a folder\n {2}Name a file in it\./],
  [["--replay", SCENARIO, "--around", "5", "--out", "no/x.json"], 3, /^not-found: no\/x\.json cannot be written: /],
] as const)("wrong words %j end with %i, a code and a hint", { timeout: PATIENCE_MS }, async (words, wanted, why) => {
  const { code, out, err } = await lab(...words);
  expect(err).toMatch(why);
  expect([code, out]).toEqual([wanted, ""]);
});

test("twins of a file that is not there", { timeout: PATIENCE_MS }, async () => {
  const { code, err } = await script(TWIN, SCENARIO, "nowhere.json");
  expect([code, err]).toEqual([3, expect.stringMatching(/^not-found: nowhere\.json cannot be read: .*\n {2}/)]);
});

test.each(["--planted", "--controls", "--port-crash", "--rooms", "--days"])(
  "%s --help is the help",
  { timeout: PATIENCE_MS },
  async (mode) => {
    const { code, out } = await lab(mode, "--help");
    expect([code, out]).toEqual([0, expect.stringContaining("docs/lab.md")]);
  },
);

test.each([
  ["a word that clears the screen", { "\u001b[2J": 1 }, /^bad-argument: a scenario has no field "\\u001b\[2J"\n/],
  ["a setting that moves the cursor", { settings: { "\u009b2J": 1 } }, /^unknown-setting: there is no setting "\ufffd2J"\n/],
  ["somebody who is not there", { traffic: [{ atMs: 0, from: "\u202e", to: "anna", sizeBytes: 1 }] }, /names "\ufffd", who does not live/],
  ["a word without end", { hostile: "x".repeat(1 << 20) }, /^bad-argument: hostile is "x{80}"\n/],
  ["a list without end", { relays: Array(1 << 18).fill(1) }, /^bad-argument: relays is a list of 262144\n/],
] as const)("a file of somebody else: %s is shown as text, in few words", { timeout: PATIENCE_MS }, async (_, more, why) => {
  writeFileSync(join(folder, "foreign.json"), JSON.stringify({ format: "perdure-scenario/1", seed: 1, minutes: 1, ...more }));
  const { code, err } = await lab("--replay", "foreign.json");
  expect(err).toMatch(why);
  expect([2, 3]).toContain(code);
  expect(err.length).toBeLessThan(1000);
});

test("a file of somebody else: what is nested without end is refused", { timeout: PATIENCE_MS }, async () => {
  writeFileSync(
    join(folder, "deep.json"),
    `{"format":"perdure-scenario/1","seed":1,"minutes":1,"relays":${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
  );
  expect(await lab("--replay", "deep.json")).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^bad-argument: relays is a list of 1\n/),
  });
});

test("a replay that shows what its file expects ends with 0, another one with 1", { timeout: PATIENCE_MS }, async () => {
  const shown = await lab("--replay", SCENARIO);
  expect(shown.out).toMatch(/^seed 6: broken after .* s: 3 completion: /);
  expect(shown.out).toContain(`  npm run lab -- --replay ${SCENARIO} --shrink\n`);
  expect(shown.out).toMatch(/1 broken, 0 not repeatable\nas the file expects\n$/);
  expect(shown.code).toBe(0);
  const { without: _, ...defended } = readScenario(readFileSync(SCENARIO, "utf8"));
  writeFileSync(join(folder, "defended.json"), writeScenario(defended));
  const other = await lab("--replay", "defended.json", "--once", "--json");
  expect(other.code).toBe(1);
  expect(JSON.parse(other.out)).toMatchObject({ seeds: 1, broken: [], different: [] });
});

test("a page and a timeline come from one run", { timeout: PATIENCE_MS }, async () => {
  const { code, out } = await lab("--replay", SCENARIO, "--trace", "--html", "run.html");
  expect(code).toBe(0);
  expect(out).toMatch(/ X BROKEN +3 completion: /);
  expect(readFileSync(join(folder, "run.html"), "utf8")).toMatch(/^<!doctype html>/);
});
