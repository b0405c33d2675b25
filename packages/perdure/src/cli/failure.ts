/** How an error reaches a person: what was tried, why it did not work, what to do next. */
import { ERROR_CODES, type ErrorCode, isErrorCode, isPerdureError, type LimitHit } from "../wire/error.ts";
import { safeLine } from "./foreign-text.ts";
import { durationText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

/** Next steps for errors whose thrower could not know that a person at a command line reads them. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  "bad-argument": "Add --help to see how it is called.",
  "no-agent-here": "Make an agent with `perdure init --relay <address>`, or name its folder with --at <folder>.",
  "unknown-setting": "`perdure relay settings` lists every setting.",
  "expiry-out-of-range": "Write --expires with 1s to 30d; for an invite up to 366d.",
  "unknown-agent": "Check the name or id; names are known at one relay only.",
  "unknown-message": "`perdure inbox` and `perdure trace` list what there is.",
  "not-found": "Check the path.",
  "relay-unreachable": "Start a relay with `perdure relay`, or check the address and whether it runs.",
  "timed-out": "Try again, or wait longer with --timeout.",
  "address-in-use": "Choose another port with --listen 127.0.0.1:<port>, or stop who has it.",
  "disk-full": "Make room on the disk and try again; nothing was lost.",
  "disk-failed": "`perdure doctor` tells what the disk answers.",
  "folder-in-use": "Stop the other process, or name another folder with --at.",
  "agent-exists": "Use it as it is, or name another folder with --at.",
  "name-taken": "Choose another name with --name.",
  "wrong-relay": "Ask whoever runs the relay for its address; do not go on if the id should not have changed.",
  "log-damaged": "Restore the folder from a backup; nothing in it was changed.",
  "key-damaged": "Restore the folder from a backup; nothing in it was changed.",
  "needs-newer-version": "Update perdure.",
  "needs-older-version": "Use the perdure that wrote it; nothing in it was changed.",
  "needs-newer-verifier": "Update perdure.",
  "too-large": "A message holds at most 8 MB; split the file or send a link to it.",
  "read-only": "Choose a folder on a disk you may write to with --at.",
  "permission-denied": "Choose a folder that belongs to you with --at, or change its owner.",
  expired: "Send it again, with a longer --expires.",
  internal: "This is a mistake in perdure; please report it with the lines above.",
};

export interface Failure {
  readonly code: ErrorCode;
  readonly exit: number;
  readonly what: string;
  readonly why: string;
  readonly hint: string | undefined;
  readonly retry: string;
  readonly afterMs: number | undefined;
  readonly limit: LimitHit | undefined;
}

/** Here the thrower's own hint is for programmers. */
const OURS_FIRST: ReadonlySet<ErrorCode> = new Set(["no-agent-here", "unknown-setting", "expiry-out-of-range"]);

/** `what` is what the person wanted, as "could not send to @desk". */
export function describeFailure(error: unknown, what: string): Failure {
  if (isPerdureError(error)) {
    const code = isErrorCode(error.code) ? error.code : "internal";
    return {
      code,
      exit: ERROR_CODES[code],
      what,
      why: safeLine(error.message, 400),
      hint: OURS_FIRST.has(code) ? HINTS[code] : (error.hint ?? HINTS[code]),
      retry: error.retry,
      afterMs: error.afterMs,
      limit: error.limit,
    };
  }
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: "internal",
    exit: ERROR_CODES.internal,
    what,
    why: safeLine(why, 400),
    hint: HINTS.internal,
    retry: "never",
    afterMs: undefined,
    limit: undefined,
  };
}

/** Three short lines on stderr, or one JSON object with `--json`. */
export function reportFailure(terminal: Terminal, failure: Failure): void {
  if (terminal.json) {
    terminal.trouble(JSON.stringify({ type: "error", ...failure }));
    return;
  }
  const { bad, strong, faint } = terminal.stderr.paint;
  terminal.trouble(`${bad("error")} ${strong(failure.what)} ${faint(`(${failure.code})`)}`);
  terminal.trouble(`  why  ${failure.why}`);
  if (failure.limit !== undefined) terminal.trouble(`  limit ${limitText(failure.limit, failure.afterMs)}`);
  if (failure.hint !== undefined) terminal.trouble(`  hint ${failure.hint}`);
}

/** "agentMessagesPerSecond is 2000, 0 left; room again in 1s" */
function limitText({ name, value, remaining }: LimitHit, afterMs: number | undefined): string {
  const again = afterMs === undefined ? "" : `; room again in ${durationText(afterMs)}`;
  return `${safeLine(name, 64)} is ${value}, ${remaining} left${again}`;
}
