/** A failed call as three lines, what, why, what to do, and as an exit code. */
import { isTurboQuantError } from "../error.ts";
import type { Terminal } from "./terminal.ts";

/** 1: a file is not there, cannot be read, or is not right. 2: the call is not understood. 3: what is in a file is right, and its end is not whole. */
export const EXIT = { done: 0, failed: 1, misunderstood: 2, cutShort: 3 } as const;

export interface Failure {
  readonly exit: number;
  readonly code: string;
  readonly why: string;
  readonly hint: string;
}

const SYSTEM_WHY: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "this user may not open it",
  EPERM: "this user may not open it",
  ENOSPC: "the disk is full",
};

export function failureOf(error: unknown): Failure {
  if (isTurboQuantError(error))
    return {
      exit: error.code === "bad-argument" ? EXIT.misunderstood : EXIT.failed,
      code: error.code,
      why: error.message,
      hint: error.hint,
    };
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? "") : "";
  const known = Object.hasOwn(SYSTEM_WHY, code) ? SYSTEM_WHY[code] : undefined;
  if (known !== undefined) return { exit: EXIT.failed, code: "no-file", why: known, hint: "Check the path and whose file it is." };
  throw error;
}

export function reportFailure(terminal: Terminal, what: string, { code, why, hint }: Failure): void {
  terminal.object({ type: "failure", code, what, why, hint });
  if (!terminal.json) terminal.note(`turboquant: ${what}\n   why: ${why}\n  hint: ${hint}`);
}
