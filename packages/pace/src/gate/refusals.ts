/** How calls are refused by a gate: what is said to them, and what may be done about it. */
import { PaceError } from "../error.ts";
import type { Account } from "../quota/account.ts";
import type { Cost } from "../quota/reading.ts";

const HOUR_MS = 3_600_000;

export function wasClosed(): PaceError {
  return new PaceError("closed", "the pace was closed", "Make another with createPace().");
}

export function queueFull(waiting: number): PaceError {
  return new PaceError("queue-full", `${waiting} calls wait already`, "Ask for less at once, or raise mostWaiting.");
}

export function tooLarge(wants: Cost, whole?: Account): PaceError {
  const what =
    whole === undefined
      ? "it takes more than a whole quota has"
      : `it may take ${String(Number((wants[whole.unit] ?? 0).toPrecision(3)))} ${whole.unit}, and the quota "${whole.name}" has ${whole.limit} in all`;
  const isPaid = whole?.unit === "usd";
  return new PaceError("quota-spent", what, isPaid ? "Set max_tokens lower, or raise the quota." : "Ask for less in one call.");
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
