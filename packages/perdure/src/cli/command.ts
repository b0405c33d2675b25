/** Runs one call of the command: words in, exit code out. */
import type { Readable } from "node:stream";
import { CommanderError } from "commander";
import type { Host } from "../host/host.ts";
import { createSettings } from "../settings/register.ts";
import { ERROR_CODES, PerdureError } from "../wire/error.ts";
import { describeFailure, reportFailure } from "./failure.ts";
import { type Dispatch, type Invocation, parseOverrides } from "./invocation.ts";
import { packageVersion } from "./package-version.ts";
import type { Environment } from "./paint.ts";
import { createPassphraseSource } from "./passphrase-source.ts";
import { createProgram } from "./program.ts";
import { createTerminal, type Terminal, type TerminalStreams } from "./terminal.ts";

export interface CommandStreams extends TerminalStreams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
}

/** `signal` calls the running verb off. Resolves with the exit code when everything said has left. */
export async function runCommand(
  words: readonly string[],
  streams: CommandStreams,
  environment: Environment,
  signal: AbortSignal,
): Promise<number> {
  const ours = words.indexOf("--") < 0 ? words : words.slice(0, words.indexOf("--"));
  const terminal = createTerminal(streams, environment, ours.includes("--json"));
  let exit = 0;
  const dispatch: Dispatch = async ({ what, options, serves, load }) => {
    try {
      const overrides = parseOverrides(options.set ?? []);
      // Words, help and version are told without what a verb stands on.
      const [verb, { createConsoleLog, createNodeHost }] = await Promise.all([load(), import("../host/node/index.ts")]);
      // Who waits for one thing is told in the end why it did not come; who watches, or serves, wants to know at once.
      const level = options.verbose === true ? "debug" : serves === true || terminal.stderr.isTerminal ? "warn" : "error";
      // Who collects lines of JSON wants to know what went well, too.
      const json = options.log === undefined ? terminal.json : options.log === "json";
      const log = createConsoleLog({ write: terminal.trouble, level: options.log === "json" && level === "warn" ? "info" : level, json });
      exit = await verb(
        createInvocation(createNodeHost({ log }), terminal, streams, environment, signal, overrides, options.passphraseFile),
      );
    } catch (error) {
      const failure = describeFailure(error, what);
      exit = failure.exit;
      if (!(signal.aborted && failure.code === "aborted")) reportFailure(terminal, failure);
    }
  };
  const program = createProgram(packageVersion(), dispatch);
  forEachCommand(program, (command) => {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
      outputError: () => {},
    });
  });
  try {
    if (words.length === 0) {
      program.outputHelp({ error: true });
      exit = ERROR_CODES["bad-argument"];
    } else {
      await program.parseAsync(words, { from: "user" });
    }
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) {
      const failure = describeFailure(
        new PerdureError("bad-argument", error.message.replace(/^error: /, "").replace(/\n/g, " "), followingHint(program, error, words)),
        "the call is not understood",
      );
      reportFailure(terminal, failure);
      exit = failure.exit;
    }
  }
  await terminal.flush();
  return exit;
}

/** A verb of verbs that got a word it does not know says which it does. */
function followingHint(program: ReturnType<typeof createProgram>, error: CommanderError, words: readonly string[]): { hint?: string } {
  const called = program.commands.find((command) => command.name() === words[0]);
  const known = called?.commands.map((command) => command.name()) ?? [];
  if (error.code !== "commander.excessArguments" || known.length === 0) return {};
  return { hint: `After \`perdure ${words[0]}\` can stand: ${known.join(", ")}.` };
}

function createInvocation(
  host: Host,
  terminal: Terminal,
  streams: CommandStreams,
  environment: Environment,
  signal: AbortSignal,
  overrides: Readonly<Record<string, number>>,
  passphraseFile: string | undefined,
): Invocation {
  return {
    host,
    terminal,
    environment,
    stdin: streams.stdin,
    stdout: streams.stdout,
    signal,
    overrides,
    settings: createSettings(overrides),
    passphrases: createPassphraseSource({ terminal, environment, stdin: streams.stdin, prompts: streams.stderr, file: passphraseFile }),
  };
}

function forEachCommand(command: ReturnType<typeof createProgram>, visit: (command: ReturnType<typeof createProgram>) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}
