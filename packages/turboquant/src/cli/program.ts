/** The words of the command: every verb with its argument, options and help. What a verb does is in `verbs/`. */
import { Command, InvalidArgumentError, Option } from "commander";
import { METRICS } from "../measuring/metric.ts";
import { VECTOR_FORMATS } from "../reading/vector-file.ts";
import type { Dispatch } from "./invocation.ts";
import type { BenchWords, CompressWords, InspectWords } from "./words.ts";

const ABOUT_FILES = `
Files of vectors:
  .npy          an array with one row per vector, of any kind of number
  .f32          raw 32-bit floats, little-endian; needs --dim
  .fvecs        rows with their length in front
  .csv .tsv .txt
                numbers, one row per vector, with a header or without, with an id
                in front or without; or an array in one cell: "[0.1, -0.2]".
                Among other columns: --columns 3-386 --id-column 1, or names
A file is read piece by piece and may be larger than memory.

Exit codes: 0 done, 1 a file is not there or not right, 2 the call is not understood,
3 (inspect) the file of an index is right but for its end, which is not whole.`;

export function createProgram(version: string, dispatch: Dispatch): Command {
  const program = new Command("turboquant")
    .description("Vectors at one to eight bits a coordinate.")
    .version(version, "-V, --version", "print the version")
    .helpCommand(false)
    .addHelpText("after", ABOUT_FILES);
  reading(program.command("inspect").argument("<file>", "vectors, or the file of an index (.tqi)"))
    .summary("what the vectors in a file are like, and what each number of bits does to them; or what an index holds")
    .addOption(metricOption())
    .option(
      "--sample <vectors>",
      "how many to measure with, drawn at random (by the dimension: 6,500 of 384)",
      whole(MIN_SAMPLE, 1_000_000),
    )
    .option("--queries <vectors>", "how many of these to ask for instead of storing them (200)", whole(1, 10_000))
    .option("--seed <number>", "of the draw and of the rotation (0)", whole(0, Number.MAX_SAFE_INTEGER))
    .addHelpText(
      "after",
      `
--json: {type: "inspection", file, says, count, dim, bytes, norms, normalised,
zeroRows, duplicates, centreSaves, sample, queries, qualities: [{bits, bytes,
error, recall, recallLookedAt, expectedError, expectedRecall, …}], centred,
choice}; of an index {type: "index", file, vectors, widths, bytes, deadBytes, ok,
damage: [{at, bytes, segment, why}], tail: {at, bytes, vectors}, keptTails:
[{path, at, bytes}], …}. Damage is exit code 1. A tail, bytes at the end that are
no whole record, is 3: a crash left it, a copy that broke off did, or somebody
writes now. Whoever opens the file for writing puts it beside the file first.`,
    )
    .action((file: string, words: InspectWords) =>
      dispatch(`cannot inspect ${file}`, async () => {
        const { inspect } = await import("./verbs/inspect.ts");
        return (invocation) => inspect(file, words, invocation);
      }),
    );
  addCompress(program, dispatch);
  addBench(program, dispatch);
  return program;
}

function addCompress(program: Command, dispatch: Dispatch): void {
  reading(program.command("compress").argument("<file>", "vectors"))
    .summary("write vectors as the file of an index (.tqi)")
    .requiredOption("-o, --out <file>", "the file to write")
    .addOption(bitsOption())
    .addOption(metricOption())
    .option("--seed <number>", "of the rotation (0)", whole(0, Number.MAX_SAFE_INTEGER))
    .option("--center", "take the mean of all vectors off each before it is encoded; reads the file twice")
    .option("--originals", "keep the vectors as well, for the last word in searches")
    .option("--force", "replace a file that is there")
    .addHelpText(
      "after",
      `
Ids are those of the file, or the numbers of rows from 0 on. Where an id is in
several rows, the last counts. What was written is read back before it takes its
name, and the error is measured on a sample of it.
--json: {type: "compression", file, out, vectors, dim, bits, bytesBefore,
bytesAfter, bytesPerVector, replaced, error, expectedError, readBack, tookMs}.`,
    )
    .action((file: string, words: CompressWords) =>
      dispatch(`cannot compress ${file}`, async () => {
        const { compress } = await import("./verbs/compress.ts");
        return (invocation) => compress(file, words, invocation);
      }),
    );
}

function addBench(program: Command, dispatch: Dispatch): void {
  reading(program.command("bench").argument("<file>", "vectors"))
    .summary("how fast these vectors are encoded and found on this machine, beside an exact scan")
    .addOption(bitsOption())
    .addOption(metricOption())
    .option("--queries <vectors>", "how many to ask for instead of storing them (200)", whole(1, 10_000))
    .option("--limit <vectors>", "how many to take at most (what 1.5 GB hold as floats)", whole(MIN_SAMPLE, 1e9))
    .addOption(new Option("--kernels <kind>", "the arithmetic to use (the fastest that runs here)").choices(["relaxed", "simd", "plain"]))
    .addHelpText(
      "after",
      `
One search at a time, one thread, everything in memory. The exact scan is a loop
in JavaScript over float32, which is what one would write without a library.
--json: {type: "bench", file, vectors, dim, bits, kernels, node, processor,
encodedPerSecond, bytesPerVector, searches: [{how, asked, recall, expected,
candidates, medianMs, worstOfTwentyMs}]}.`,
    )
    .action((file: string, words: BenchWords) =>
      dispatch(`cannot bench ${file}`, async () => {
        const { bench } = await import("./verbs/bench.ts");
        return (invocation) => bench(file, words, invocation);
      }),
    );
}

/** Ten nearest, forty looked at, and somebody to ask. */
const MIN_SAMPLE = 100;

function reading(command: Command): Command {
  return command
    .option("--dim <coordinates>", "of each vector", whole(1, 1_000_000))
    .addOption(new Option("--format <format>", "what the file is, whatever its name says").choices(VECTOR_FORMATS))
    .option("--id-column <column>", "of a table: where the ids are, by name or place from 1 on")
    .option("--vector-column <column>", "of a table with arrays in cells: where they are")
    .option("--columns <columns>", 'of a table: where the coordinates are, as "3-386" or "x-z"')
    .option("--json", "print JSON, for programs");
}

function metricOption(): Option {
  return new Option("--metric <metric>", "what makes vectors near").choices(METRICS).default("cosine");
}

function bitsOption(): Option {
  return new Option("--bits <bits>", "per coordinate, 1 to 8, also between whole numbers").default(4).argParser((text) => {
    const bits = Number(text);
    if (text.trim() === "" || !(bits >= 1 && bits <= 8)) throw new InvalidArgumentError("It is a number from 1 to 8.");
    return bits;
  });
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
    return value;
  };
}
