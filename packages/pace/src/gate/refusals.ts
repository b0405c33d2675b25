/** How calls are refused by a gate: what is said to them, and what may be done about it. */
import { PaceError } from "../error.ts";
import type { Account } from "../quota/account.ts";
import type { HeldLimit } from "../quota/pool.ts";
import type { Cost } from "../quota/reading.ts";

const HOUR_MS = 3_600_000;

export function wasClosed(): PaceError {
  return new PaceError("closed", "the pace was closed", "Make another with createPace().");
}

export function queueFull(waiting: number): PaceError {
  return new PaceError("queue-full", `${waiting} calls wait already`, "Ask for less at once, or raise mostWaiting.");
}

/** `whole`: that is too small for it. */
export function tooLarge(takes: Cost, whole?: Account | HeldLimit): PaceError {
  const [message, hint] = wordsOfTooLarge(takes, whole);
  return new PaceError("quota-spent", message, hint, { availableInMs: Number.POSITIVE_INFINITY });
}

function wordsOfTooLarge(takes: Cost, whole: Account | HeldLimit | undefined): readonly [message: string, hint: string] {
  if (whole === undefined) return ["it takes more than a whole quota has", "Ask for less in one call."];
  const { unit, limit } = whole;
  // A call under way is one of those, whatever else it takes.
  const { [unit]: units = 1 } = takes;
  const rounded = Number(units.toPrecision(3));
  const what = `it may take ${rounded > limit ? rounded : units} ${unit}`;
  if (!("name" in whole)) return [`${what}, and this process has ${limit} in all`, `Ask for less in one call, or raise ${unit} in "here".`];
  // Of other units a guess of it is not refused.
  const [so, or] = [unit === "usd" ? " (max_tokens counts in full)" : "", whole.source === "policy" ? ", or raise the quota" : ""];
  return [`${what}, and the quota "${whole.name}" has ${limit} in all`, `Ask for less in one call${so}${or}.`];
}

export function itsDeadline(availableInMs: number): PaceError {
  return new PaceError("deadline", "its deadline came while it waited", "Give it more time, or another class.", { availableInMs });
}

export function tooLate(now: number, deadlineMs: number, leavesMs: number, spent?: Account): PaceError {
  const availableInMs = leavesMs - now;
  const why = spent === undefined ? "" : `: of the quota "${spent.name}" of ${spent.limit} ${spent.unit} too little is left`;
  return new PaceError(
    "too-late",
    `it could leave in ${inWords(availableInMs)} and has ${inWords(Math.max(0, deadlineMs - now))}${why}`,
    "Give it more time, another class, or do without.",
    { availableInMs },
  );
}

function inWords(ms: number): string {
  if (ms >= 2 * HOUR_MS) return `${(ms / HOUR_MS).toFixed(1)} h`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
