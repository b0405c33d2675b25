/** The lab: whole towns in simulated time, from one seed each. `npm run lab -- --help` tells the words. */
import { ERROR_CODES, isPerdureError, PerdureError } from "../packages/perdure/src/wire/error.ts";
import { readFile, writeFile } from "./files.ts";
import { MODES } from "./modes.ts";
import { showRun, shrinkRun } from "./one-run.ts";
import { whyNot } from "./scenario.ts";
import { reportSweep, type Voice } from "./sweep-report.ts";
import { HELP, HELP_END, readWish } from "./wishes.ts";

async function main(words: readonly string[]): Promise<number> {
  const mode = MODES.find(({ word }) => words.includes(word));
  if (mode !== undefined)
    return await mode.run(
      words.filter((word) => word !== mode.word),
      voice.say,
    );
  const wish = readWish(words, readFile);
  if (wish === undefined) {
    process.stdout.write(`${HELP}\nwhat else\n${MODES.map(({ help }) => help).join("")}${HELP_END}`);
    return 0;
  }
  if (wish.shrink) return await shrinkRun(wish, voice, writeFile);
  if (wish.trace || wish.html !== undefined) return await showRun(wish, voice, writeFile);
  return await reportSweep(wish, voice);
}

const voice: Voice = {
  say: (line) => void process.stdout.write(`${line}\n`),
  progress: (line) => void process.stderr.write(`${line}\n`),
  nowMs: () => performance.now(),
};

/** What Node's own reader of arguments throws. */
function isAboutWords(error: unknown): error is Error {
  return error instanceof Error && String((error as { readonly code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
}

// Who reads only the beginning, as `| head` does, has what he wanted.
process.stdout.on("error", () => process.exit(0));

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (thrown: unknown) => {
    const error = isAboutWords(thrown)
      ? new PerdureError("bad-argument", thrown.message, { hint: "npm run lab -- --help lists every word." })
      : thrown;
    process.stderr.write(`${isPerdureError(error) ? whyNot(error) : error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = isPerdureError(error) ? ERROR_CODES[error.code] : 70;
  },
);
