/** A failed call as three lines, what, why, what to do, and as an exit code. */
import { isPaceError } from "../error.ts";
import { isUpstreamError } from "../proxy/upstream-error.ts";
import type { Terminal } from "./terminal.ts";

/** 1: it could not be done. 2: the call is not understood, or names what is not there. */
export const EXIT = { done: 0, failed: 1, misunderstood: 2 } as const;

export interface Failure {
  readonly exit: number;
  readonly code: string;
  readonly why: string;
  readonly hint: string;
}

type Known = readonly [exit: number, why: string, hint: string];

const SYSTEM: Readonly<Record<string, Known>> = {
  EADDRINUSE: [EXIT.failed, "the port is taken", "Is a proxy running there already? Take another with --port, or --port 0 for any."],
  EADDRNOTAVAIL: [EXIT.misunderstood, "this machine has no such address", "Give one of its own with --host."],
  EACCES: [
    EXIT.misunderstood,
    "this user may not do that",
    "Ports below 1024 need rights; take another with --port. Of a file: whose is it?",
  ],
  EPERM: [EXIT.misunderstood, "this user may not do that", "Whose is it?"],
  ENOENT: [EXIT.misunderstood, "there is no such file", "Check the path."],
  ENOTDIR: [EXIT.misunderstood, "there is no such file", "Check the path: a part of it is no folder."],
  EISDIR: [EXIT.misunderstood, "it is a folder", "Check the path."],
  ENAMETOOLONG: [EXIT.misunderstood, "no file has so long a name", "Check the path."],
  ELOOP: [EXIT.misunderstood, "the path goes in a circle", "Check the links in it."],
  EROFS: [EXIT.misunderstood, "nothing can be written there", "Take another place."],
  ENOTFOUND: [EXIT.misunderstood, "there is no such host", "Check the address."],
  EAI_AGAIN: [EXIT.failed, "names of hosts are not answered for", "Check the address and the network."],
};

/** Throws what is none of these: a mistake in this program, which its stack helps to find. */
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
  const { code, path, syscall, message, port } = (error instanceof Error ? error : {}) as Partial<
    NodeJS.ErrnoException & { readonly port: number }
  >;
  if (code === undefined || syscall === undefined) throw error;
  const [exit, why, hint] = Object.hasOwn(SYSTEM, code)
    ? (SYSTEM[code] as Known)
    : [EXIT.failed, message ?? code, "It is the machine that says so."];
  const which = path ?? port;
  return { exit, code, why: which === undefined ? why : `${why}: ${which}`, hint };
}

export function reportFailure(terminal: Terminal, what: string, { code, why, hint }: Failure): void {
  terminal.object({ type: "failure", code, what, why, hint });
  if (!terminal.json) terminal.note(`pace: ${what}\n   why: ${why}\n  hint: ${hint}`);
}
