/**
 * `npm run guards`: whether what the ledger calls guarded is. Each mistake is planted again, and its guard must be red; without it, green.
 *
 *   npm run guards                        every entry whose mistake can be made again
 *   npm run guards -- NAME NAME           only those
 *   npm run guards -- --replays 100       each so often with its mistake, red every time and in the same way; a scenario, where there is one,
 *                                         by the same history
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { runCommand, wholeNumber } from "../lab/command.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { guardOf, readEntries, scenarioOf } from "./incidents/entries.ts";
import { replay, runGuard } from "./incidents/run-guard.ts";

const HELP = `npm run guards -- [NAME ...]

Plants the mistake of each of those entries of incidents/ again, of all where none is named: its guard must be red, and green without it.

  --replays N    each so often with its mistake: red every time and in the same way
`;

async function main(words: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { replays: { type: "string" }, help: { type: "boolean", default: false } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const entries = readEntries();
  for (const name of positionals)
    if (!entries.some((each) => each.name === name))
      throw new PerdureError("bad-argument", `there is no incident "${name}"`, { hint: "incidents/README.md lists them." });
  const wanted = entries.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  let wrong = 0;
  const say = (ok: boolean, name: string, text: string): void => {
    if (!ok) wrong++;
    process.stdout.write(`${ok ? "ok   " : "WRONG"}  ${name.padEnd(44)} ${text}\n`);
  };

  if (values.replays !== undefined) {
    const times = wholeNumber("replays", values.replays);
    let replayed = 0;
    for (const entry of wanted) {
      const guard = scenarioOf(entry) ?? guardOf(entry);
      if (guard === undefined || entry.mistake === null) continue;
      const begun = performance.now();
      const planted = await replay(guard, entry.mistake, times);
      const clean = await replay(guard, undefined, 1);
      const ok = planted.same === times && planted.verdict.colour === "red" && clean.verdict.colour === "green";
      if (ok) replayed++;
      const took = ((performance.now() - begun) / 1000).toFixed(1);
      say(
        ok,
        entry.name,
        `${guard.kind.padEnd(8)} ${planted.same} of ${times} the same; with the mistake ${planted.verdict.colour}, without ${clean.verdict.colour}, ${took} s${ok ? "" : `  ${planted.verdict.says} / ${clean.verdict.says}`.slice(0, 300)}`,
      );
    }
    process.stdout.write(`${replayed} of ${wanted.length} entries went the same way ${times} times of ${times}\n`);
  } else {
    for (const entry of wanted) {
      if (entry.mistake === null) continue;
      const guard = guardOf(entry);
      if (guard === undefined) continue;
      const begun = performance.now();
      const planted = await runGuard(guard, entry.mistake);
      const clean = await runGuard(guard, undefined);
      const took = ((performance.now() - begun) / 1000).toFixed(1);
      say(
        planted.colour === "red" && clean.colour === "green",
        entry.name,
        `with the mistake ${planted.colour}, without ${clean.colour}, ${took} s  ${(planted.colour === "red" && clean.colour === "green" ? "" : `${planted.says} / ${clean.says}`).slice(0, 300)}`,
      );
    }
    const without = wanted.filter(({ mistake }) => mistake === null).length;
    process.stdout.write(
      `${wanted.length - without} ${wanted.length - without === 1 ? "guard" : "guards"}, ${wrong} wrong; ${without} entries say why their mistake cannot be made again\n`,
    );
  }
  return wrong === 0 ? 0 : 1;
}

runCommand("guards", main);
