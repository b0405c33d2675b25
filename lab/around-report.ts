/** `--around N`: a bundle or a scenario, and N variants of it, until one breaks. */
import { countText } from "../packages/perdure/src/cli/quantity.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { lookAround } from "./around.ts";
import { fileToWrite, readFile, writeFile } from "./files.ts";
import { writeScenario } from "./scenario.ts";
import { describeSize } from "./shrink.ts";
import { sayFault } from "./story/words.ts";
import { readWish } from "./wishes.ts";

const MAX_VARIANTS = 100_000;
const SHOWN_FAULTS = 30;

/** Exit code 0 when nothing broke, or what the file expects. */
export async function runAround(words: readonly string[], say: (line: string) => void): Promise<number> {
  const at = words.findIndex((word, index) => /^\d+$/.test(word) && !(words[index - 1] ?? "").startsWith("--"));
  const count = Number(words[at]);
  const { scenario, replay, out } = readWish(
    words.filter((_, index) => index !== at),
    readFile,
  );
  if (at < 0 || count > MAX_VARIANTS || replay === undefined)
    throw new PerdureError("bad-argument", "--around takes how many, and goes around a file", {
      hint: "npm run lab -- --replay relay.bundle.json --around 100",
    });
  const pathOf = (number: number): string =>
    out ?? `${replay.path.replace(/(\.bundle|\.scenario)?\.json$/, "")}.around-${number}.scenario.json`;
  // Before the first of them runs: all these files would lie in the same folder.
  fileToWrite(pathOf(0));
  const { expect } = scenario;
  say(`around ${replay.path}: ${describeSize(scenario)}`);
  for (const fault of (scenario.faults ?? []).slice(0, SHOWN_FAULTS))
    say(`  ${(fault.atMs / 1000).toFixed(3).padStart(9)} s ! ${fault.host.padEnd(8)} ${sayFault(fault)}`);
  const { tried, found } = await lookAround(scenario, count, { invariant: expect?.invariant });
  if (found === undefined) {
    say(`nothing broke in it and ${countText(count, "variant")}`);
    return expect?.invariant === undefined ? 0 : 1;
  }
  const path = pathOf(found.number);
  const { broken } = found.result;
  writeFile(path, writeScenario({ ...found.scenario, expect: { invariant: broken?.invariant } }));
  say(
    `variant ${found.number} of ${countText(tried, "run")} is broken after ${((broken?.atMs ?? 0) / 1000).toFixed(3)} s: ${broken?.what.split("\n", 1)[0]}`,
  );
  say(`  npm run lab -- --replay ${path} --trace`);
  say(`  npm run lab -- --replay ${path} --shrink`);
  return broken?.invariant === expect?.invariant ? 0 : 1;
}
