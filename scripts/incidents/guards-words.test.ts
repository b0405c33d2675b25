/** Words of `npm run guards` that mean nothing are said to, and nothing runs. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../guards.ts", import.meta.url));

test.each([
  ["an incident that is not there", ["nowhere"], 'there is no incident "nowhere"'],
  ["no number", ["--replays", "x"], '--replays is "x"'],
  ["none at all", ["--replays", "0"], '--replays is "0"'],
  ["a word nobody knows", ["--bogus"], "npm run guards -- --help lists every word."],
])("%s", { timeout: 60_000 }, (_, words, said) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...words], { encoding: "utf8" });
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(said);
  expect(stderr).not.toContain("    at ");
});
