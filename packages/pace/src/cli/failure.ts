/** A failed call as three lines, what, why, what to do, and as an exit code. */
import { isPaceError } from "../error.ts";
import { isUpstreamError } from "../proxy/upstream-error.ts";
import type { Terminal } from "./terminal.ts";

/** 1: it could not be done. 2: the call is not understood. */
export const EXIT = { done: 0, failed: 1, misunderstood: 2 } as const;

export interface Failure {
  readonly exit: number;
  readonly code: string;
  readonly why: string;
  readonly hint: string;
}

const SYSTEM: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  EADDRINUSE: ["the port is taken", "Is a proxy running there already? Take another with --port, or --port 0 for any."],
  EADDRNOTAVAIL: ["this machine has no such address", "Give one of its own with --host."],
  EACCES: ["this user may not do that", "Ports below 1024 need rights; take another with --port. Of a file: whose is it?"],
  ENOENT: ["there is no such file", "Check the path."],
  EISDIR: ["it is a folder", "Check the path."],
  ENOTFOUND: ["there is no such host", "Check the address."],
  EAI_AGAIN: ["names of hosts are not answered for", "Check the address and the network."],
};

export function failureOf(error: unknown): Failure {
  if (isPaceError(error))
    return {
      exit: error.code === "bad-argument" ? EXIT.misunderstood : EXIT.failed,
      code: error.code,
      why: error.message,
      hint: error.hint,
    };
  if (isUpstreamError(error))
    return { exit: EXIT.failed, code: error.code, why: error.message, hint: "Check the address, and whether it can be reached from here." };
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? "") : "";
  const known = Object.hasOwn(SYSTEM, code) ? SYSTEM[code] : undefined;
  if (known === undefined) throw error;
  return { exit: EXIT.failed, code, why: known[0], hint: known[1] };
}

export function reportFailure(terminal: Terminal, what: string, { code, why, hint }: Failure): void {
  terminal.object({ type: "failure", code, what, why, hint });
  if (!terminal.json) terminal.note(`pace: ${what}\n   why: ${why}\n  hint: ${hint}`);
}
