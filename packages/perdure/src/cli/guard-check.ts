/** Whether a command is a guard: red in a folder that still has the mistake, green in one that has it no more. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { spawnProcess } from "../host/node/processes.ts";
import { PerdureError } from "../wire/error.ts";
import { safeLine } from "./foreign-text.ts";
import { PASSPHRASE_VARIABLE } from "./passphrase-source.ts";

export interface GuardCheck {
  readonly host: Host;
  readonly command: readonly string[];
  /** A folder in which the command must not end with 0. */
  readonly before: string;
  /** One in which it must. */
  readonly after: string;
  /** Of each of both runs. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const OUTPUT_KEPT = 64 * 1024;
const WORDS_LETTERS = 200;
/** What shells end with for a program that is not there, or may not be run. */
const NO_PROGRAM: ReadonlySet<number> = new Set([126, 127]);

/** A command that was red in one folder and green in the other. */
export interface Guard {
  /** In which a ledger keeps that. */
  readonly words: string;
  /** What it ended with where the mistake is, and its last line there, for people: a test that is named without its file may not be there, and red. */
  readonly red: string;
}

interface Ran {
  readonly folder: string;
  readonly code: number;
  /** The last line it printed. */
  readonly lastWords: string;
}

/**
 * Runs it in both. Throws `bad-argument` when one of them has the wrong colour or none,
 * `timed-out` after the command was killed, `not-found` when it cannot be started, `aborted`.
 */
export async function checkGuard({ host, command, before, after, timeoutMs, signal }: GuardCheck): Promise<Guard> {
  const [red, green] = [resolve(before), resolve(after)];
  if (red === green)
    throw new PerdureError("bad-argument", "--before and --after are one folder", {
      hint: "--before has the mistake still, as a checkout of the commit before the fix; --after is this folder unless it is named.",
    });
  const missing = await missingIn(red, green, command);
  if (missing !== undefined)
    throw new PerdureError("bad-argument", `there is no ${safeLine(missing)} in ${red}: it is red there whatever it tests`, {
      hint: "Bring the test there first, without the fix.",
    });
  const run = (folder: string): Promise<Ran> => runIn({ host, command, folder, timeoutMs, signal });
  const noticed = await run(red);
  if (noticed.code === 0) throw wrong(noticed, "green", "it does not notice the mistake, or that folder does not have it");
  if (NO_PROGRAM.has(noticed.code)) throw wrong(noticed, "not run", "a program that is not there notices nothing");
  const passed = await run(green);
  if (passed.code !== 0) throw wrong(passed, "red", "it does not end with 0 where the mistake is no more");
  return {
    words: `${command.join(" ")}: exit ${noticed.code} in ${red}, exit 0 in ${green}`,
    red: `red in ${red} (exit ${noticed.code}). ${lastWordsText(noticed.lastWords)}`,
  };
}

/** The first word of the command that names a file in the one folder and nothing in the other; a folder that is not there is told by who runs in it. */
async function missingIn(red: string, green: string, command: readonly string[]): Promise<string | undefined> {
  const lookAt = (...path: readonly string[]) => stat(resolve(...path)).catch(() => undefined);
  if ((await lookAt(red)) === undefined) return undefined;
  for (const word of command) if ((await lookAt(green, word))?.isFile() && (await lookAt(red, word)) === undefined) return word;
  return undefined;
}

function lastWordsText(lastWords: string): string {
  return lastWords === "" ? "It printed nothing." : `Its last words: ${lastWords}`;
}

function wrong({ folder, code, lastWords }: Ran, colour: string, why: string): PerdureError {
  return new PerdureError("bad-argument", `the guard is ${colour} in ${folder} (exit ${code}): ${why}`, {
    hint: lastWordsText(lastWords),
  });
}

interface RunIn extends Pick<GuardCheck, "host" | "command" | "timeoutMs" | "signal"> {
  readonly folder: string;
}

async function runIn({ host, command, folder, timeoutMs, signal }: RunIn): Promise<Ran> {
  const [program = "", ...args] = command;
  let exit: Promise<unknown> | undefined;
  const untilEnd = async (within: AbortSignal): Promise<Ran> => {
    const env = { ...process.env, [PASSPHRASE_VARIABLE]: undefined };
    const child = spawnProcess({ command: program, args, env, folder, stdin: new Uint8Array(), signal: within });
    exit = child.exit;
    let tail = "";
    const read = async (stream: AsyncIterable<Uint8Array>): Promise<void> => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) tail = (tail + decoder.decode(chunk, { stream: true })).slice(-OUTPUT_KEPT);
    };
    const [{ code, signal: endedBy }] = await Promise.all([child.exit, read(child.stdout), read(child.stderr)]);
    const lastWords = safeLine(tail.trimEnd().split("\n").at(-1) ?? "", WORDS_LETTERS);
    if (code === undefined)
      throw new PerdureError("bad-argument", `the guard was ended in ${folder} by ${endedBy}, and has no colour`, {
        hint: lastWordsText(lastWords),
      });
    return { folder, code, lastWords };
  };
  try {
    return await withDeadline(host.clock, { timeoutMs, what: `${program} in ${folder} to finish`, signal }, untilEnd);
  } finally {
    // Only as long as this process is there is one killed that does not end when it is asked to.
    await exit;
  }
}
