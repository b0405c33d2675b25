/** What went wrong, for programs. */
export type PaceErrorCode =
  /** Options that do not fit. */
  | "bad-argument"
  /** A call, or kept work, that cannot leave before its deadline, told as soon as that is known: before it waits, or while it does. */
  | "too-late"
  /** A call that waited until its deadline, by which it had to leave. */
  | "deadline"
  /** A quota that no waiting within reach gives back: money, a day's tokens, an account that ran out. */
  | "quota-spent"
  /** More calls wait than the gate was told to let wait. */
  | "queue-full"
  /** Every attempt that a call had was refused or failed. */
  | "attempts-spent"
  /** Work that is done without, by a rule or a strategy, while something is short. */
  | "shed"
  /** A gate, or kept work, that was closed. */
  | "closed"
  /** Kept work that was told to stop: it was cancelled, its deadline came, or all of it was closed. */
  | "stopped"
  /** Kept work that another process has. */
  | "in-use"
  /** Kept work of a task whose steps are others by now. */
  | "task-changed"
  /** An effect of a task of which nobody here can know whether it came about. */
  | "undecided"
  /** Nothing more can be kept, and nothing that was kept is lost. */
  | "disk-full"
  | "disk-failed";

const BRAND: unique symbol = Symbol.for("perdure.pace.error");

export interface PaceErrorDetails {
  readonly cause?: unknown | undefined;
  /** When such a call could leave, as far as is known: whole milliseconds from now, never below 0, which is now: what kept it may be over by the time that it is told. Infinity where no waiting helps. */
  readonly availableInMs?: number | undefined;
}

export class PaceError extends Error {
  override readonly name = "PaceError";
  readonly [BRAND] = true;
  readonly code: PaceErrorCode;
  /** What to do about it. */
  readonly hint: string;
  /** As in the details; none where nobody knows. */
  readonly availableInMs: number | undefined;

  constructor(code: PaceErrorCode, message: string, hint: string, { cause, availableInMs }: PaceErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
    // Who counts from a moment that has passed comes below zero.
    this.availableInMs = availableInMs === undefined || Number.isNaN(availableInMs) ? undefined : Math.max(0, Math.ceil(availableInMs));
  }
}

/** Also for errors of another copy of this package. */
export function isPaceError(error: unknown): error is PaceError {
  return typeof error === "object" && error !== null && BRAND in error;
}
