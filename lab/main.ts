/** The lab: whole towns in simulated time, from one seed each. `npm run lab -- --help` tells the words. */
import { safeText } from "../packages/perdure/src/cli/foreign-text.ts";
import { runCommand } from "./command.ts";
import { fileToWrite, readFile } from "./files.ts";
import { MODES } from "./modes.ts";
import { showRun, shrinkRun } from "./one-run.ts";
import { reportSweep, type Voice } from "./sweep-report.ts";
import { HELP, HELP_END, readWish } from "./wishes.ts";

async function main(words: readonly string[]): Promise<number> {
  // Before the modes, which have no words for it of their own: there is one help for all.
  if (words.includes("--help") || words.includes("-h")) {
    process.stdout.write(`${HELP}\nwhat else\n${MODES.map(({ help }) => help).join("")}${HELP_END}`);
    return 0;
  }
  const mode = MODES.find(({ word }) => words.includes(word));
  if (mode !== undefined)
    return await mode.run(
      words.filter((word) => word !== mode.word),
      voice.say,
    );
  const wish = readWish(words, readFile);
  if (wish.shrink) return await shrinkRun(wish, voice, fileToWrite);
  if (wish.trace || wish.html !== undefined) return await showRun(wish, voice, fileToWrite);
  return await reportSweep(wish, voice);
}

/** What comes from a file is shown, and moves no cursor. */
const voice: Voice = {
  say: (line) => void process.stdout.write(`${safeText(line)}\n`),
  progress: (line) => void process.stderr.write(`${safeText(line)}\n`),
  nowMs: () => performance.now(),
};

runCommand("lab", main);
