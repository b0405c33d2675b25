/** Runs one call of the command: words in, exit code out. */
import { type Command, CommanderError } from "commander";
import { PaceError } from "../error.ts";
import { readText } from "../host/node/text-file.ts";
import { EXIT, failureOf, reportFailure } from "./failure.ts";
import { createProgram } from "./program.ts";
import { createTerminal, type Environment, type Streams } from "./terminal.ts";

/** `signal` asks the running verb to end. */
export async function runCommand(
  words: readonly string[],
  streams: Streams,
  environment: Environment,
  signal: AbortSignal,
): Promise<number> {
  const terminal = createTerminal(streams, environment, words.includes("--json"));
  let exit: number = EXIT.done;
  const program = createProgram(packageVersion(), async (what, load) => {
    try {
      exit = await (await load())({ terminal, signal });
    } catch (error) {
      if (signal.aborted) return;
      const failure = failureOf(error);
      reportFailure(terminal, what, failure);
      exit = failure.exit;
    }
  });
  for (const command of [program, ...program.commands]) speakThrough(command, streams);
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    exit = EXIT.misunderstood;
    // Called without words it prints its help, which says all there is to say.
    if (error.code === "commander.help") return exit;
    reportFailure(terminal, "the call is not understood", failureOf(misunderstood(error, program, words)));
  }
  return exit;
}

/** What commander says, with what may be meant as the hint. */
function misunderstood({ message, code }: CommanderError, program: Command, words: readonly string[]): PaceError {
  const [, why = message, meant] = /^(?:error: )?(.*?)(?:\s*\(Did you mean (.*)\?\))?$/s.exec(message) ?? [];
  const verbs = program.commands.map((each) => each.name());
  const verb = verbs.find((each) => words.includes(each));
  const there = code === "commander.unknownCommand" && meant === undefined ? `There are ${verbs.join(", ")}. ` : "";
  return new PaceError(
    "bad-argument",
    why.replaceAll("\n", " "),
    `${meant === undefined ? there : `Is ${meant.replace(/^one of /, "")} meant? `}See pace ${verb === undefined ? "" : `${verb} `}--help.`,
  );
}

function speakThrough(command: Command, streams: Streams): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => void streams.stdout.write(text),
    writeErr: (text) => void streams.stderr.write(text),
    outputError: () => {},
  });
}

function packageVersion(): string {
  return (JSON.parse(readText(new URL("../../package.json", import.meta.url))) as { readonly version: string }).version;
}
