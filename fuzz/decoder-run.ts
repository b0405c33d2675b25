/** A campaign over the decoders, told line by line. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type DecoderTally, runCampaign } from "./campaign.ts";
import { isOurs, openCoverage } from "./coverage.ts";
import { FAMILIES, listDecoders } from "./decoders.ts";
import { startWatchdog } from "./watchdog.ts";

const CRASHES = fileURLToPath(new URL("crashes/", import.meta.url));
const LONGEST_INPUT_BYTES = 32 * 1024;
const SAY_EVERY_MS = 10_000;

/** How many findings there were. `only`: what the names of the decoders must contain. */
export async function runDecoders(inputs: number, seed: number, only: string): Promise<number> {
  using coverage = openCoverage(isOurs);
  const families =
    only === "" ? FAMILIES : [{ part: 1, list: async () => (await listDecoders()).filter(({ name }) => name.includes(only)) }];
  mkdirSync(CRASHES, { recursive: true });
  // Most inputs end in an error, whose stack nobody reads; a finding is shown with the place it was thrown at.
  Error.stackTraceLimit = 2;
  await using watchdog = startWatchdog(CRASHES, LONGEST_INPUT_BYTES);
  const startedAt = performance.now();
  const perSecond = (count: number): string => Math.round((1000 * count) / (performance.now() - startedAt)).toLocaleString("en");
  const startedBytes = process.memoryUsage().rss;
  let saidAt = startedAt;
  let mostBytes = startedBytes;
  const tallies: DecoderTally[] = [];
  let over = 0;
  for (const { part, list } of families) {
    const decoders = await list();
    if (decoders.length === 0) throw new RangeError(`no decoder is called "${only}"`);
    const ofFamily = await runCampaign({
      decoders,
      inputs: Math.ceil(inputs * part),
      seed,
      coverage,
      watching: watchdog.watching,
      onBatch: (tried) => {
        if (performance.now() - saidAt < SAY_EVERY_MS) return;
        saidAt = performance.now();
        mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
        process.stderr.write(
          `${(over + tried).toLocaleString("en")} of ${inputs.toLocaleString("en")} inputs, ${perSecond(over + tried)}/s\n`,
        );
      },
    });
    over += ofFamily.reduce((sum, tally) => sum + tally.inputs, 0);
    tallies.push(...ofFamily);
  }

  const findings = tallies.flatMap((tally) => tally.findings);
  for (const { decoder, kind, why, input } of findings) {
    const path = `${CRASHES}${decoder.replaceAll(/\W+/g, "-")}-${createHash("sha256").update(input).digest("hex").slice(0, 12)}.bin`;
    writeFileSync(path, input);
    process.stdout.write(`FOUND ${kind} in ${decoder}: ${why}\n      ${path}\n`);
  }
  process.stdout.write(`${table(tallies)}\n`);
  const done = tallies.reduce((sum, tally) => sum + tally.inputs, 0);
  const reached = tallies.reduce((sum, tally) => sum + tally.reach.count().reached, 0);
  const known = tallies.reduce((sum, tally) => sum + tally.reach.count().known, 0);
  const corpus = tallies.reduce((sum, tally) => sum + tally.corpus.length, 0);
  process.stdout.write(
    [
      `${done.toLocaleString("en")} inputs over ${tallies.length} decoders, seed ${seed}, ${perSecond(done)}/s`,
      `${reached} of ${known} blocks reached in the functions that ran, summed over the decoders; corpus ${corpus}`,
      `memory of the process ${megabytes(startedBytes)} at the start, at most ${megabytes(mostBytes)}`,
      `${findings.length} findings`,
      "",
    ].join("\n"),
  );
  return findings.length;
}

function table(all: readonly DecoderTally[]): string {
  const row = (cells: readonly string[]): string =>
    (cells[0] as string).padEnd(34) +
    cells
      .slice(1)
      .map((cell) => cell.padStart(12))
      .join("");
  const rows = all.map((tally) =>
    row([
      tally.name,
      tally.inputs.toLocaleString("en"),
      `${((100 * tally.read) / Math.max(1, tally.inputs)).toFixed(1)} %`,
      `${tally.reach.count().reached}/${tally.reach.count().known}`,
      String(tally.corpus.length),
      tally.slowestMs.toFixed(1),
      `${Math.round(tally.mostAllocatedBytes / 1024)} KB`,
      String(tally.findings.length),
    ]),
  );
  return [row(["decoder", "inputs", "read", "blocks", "corpus", "slowest ms", "allocated", "findings"]), ...rows].join("\n");
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}
