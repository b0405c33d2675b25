/** What a verb is called with. */
import type { Terminal } from "./terminal.ts";

export interface Invocation {
  readonly terminal: Terminal;
  /** The program is to end, in order. */
  readonly signal: AbortSignal;
}

/** Runs a verb, loaded when it is called; `what` is said when it fails. Its result is the exit code. */
export type Dispatch = (what: string, load: () => Promise<(invocation: Invocation) => Promise<number>>) => Promise<void>;
