/**
 * A piece of work that was put off, from its being kept to its end.
 *
 * *waiting* → *running* → *done*, or *waiting* again: where it failed, was stopped by a budget, or its process ended. *waiting* or *running* → *missed* when its
 * deadline has passed or cannot be met, *cancelled* when somebody said so. *running* → *dead* when it failed too often or can never succeed, *undecided* where only
 * a person can know whether an effect came about. Missed, dead and undecided ones are kept until somebody says what of them; done and cancelled ones for a while.
 */
import type { PaceErrorCode } from "../error.ts";
import { isPaceError } from "../error.ts";
import { type RefusedError, refusedErrorOf } from "../wrappers/refused-error.ts";
import type { Json } from "./json.ts";

export type WorkState = "waiting" | "running" | "done" | "missed" | "dead" | "undecided" | "cancelled";

/** As it is kept; what it is about and what came of it are kept apart, for they are not written anew each time. */
export interface Piece {
  readonly key: string;
  readonly kind: string;
  readonly class: string;
  readonly requester: string;
  readonly state: WorkState;
  /** Dates, in milliseconds since 1970. */
  readonly deferredAt: number;
  readonly fromAt: number;
  readonly deadlineAt: number | null;
  readonly endedAt: number | null;
  /** Begun so often, without those times that a budget stopped. */
  readonly tries: number;
  /** Stopped by a budget so often since it last went on. */
  readonly stops: number;
  readonly isCancelled: boolean;
  /** Why it is where it is. */
  readonly reason: string | null;
  /** Under way, the last time that it came out of it. */
  readonly tookMs?: number | undefined;
}

export const OPEN_STATES: ReadonlySet<WorkState> = new Set(["waiting", "running"]);
/** Somebody has to say what of them. */
export const OWED_STATES: ReadonlySet<WorkState> = new Set(["missed", "dead", "undecided"]);
/** They are known for a while, and make room for new work. */
export const ENDED_STATES: ReadonlySet<WorkState> = new Set(["done", "cancelled"]);

export interface WorkSettings {
  /** Who begins first. */
  readonly classes: readonly string[];
  readonly usualClass: string;
  /** Pieces under way at once. Eight: the gate keeps the pace, this only bounds memory and connections. */
  readonly atOnce: number;
  /** Pieces that wait, run, or are owed an answer. */
  readonly most: number;
  /**
   * Of JSON, all together: it is in memory too. New work that would exceed it takes the place of what is done or cancelled, the oldest first, and is refused where that is not
   * enough. What accepted work brings, results of steps and its own, is never refused.
   */
  readonly mostCharacters: number;
  /** Of one payload or result. */
  readonly mostPieceBytes: number;
  /** Failures after which it is dead. Five, with doubling pauses: a service that restarts is back by then. */
  readonly tries: number;
  /** After the first failure; doubles with each. */
  readonly retryMs: number;
  /** After a budget stopped it and did not say for how long; doubles each time. */
  readonly parkMs: number;
  readonly mostParkMs: number;
  /**
   * So long before its deadline it is to be done, and begins in time for that, whatever room there is: to be missed for politeness helps nobody. Of a kind that never came to an end
   * one piece is taken to need as long.
   */
  readonly lastCallMs: number;
  /** So long its key and result are known after it was done or cancelled, unless new work needs the room: put off again under the same key, it is not done again until then. */
  readonly keepMs: number;
  /** Of those so many; the oldest is forgotten. */
  readonly mostKept: number;
}

export const WORK_SETTINGS: WorkSettings = {
  classes: ["heartbeat", "interactive", "normal", "background"],
  usualClass: "background",
  atOnce: 8,
  most: 10_000,
  mostCharacters: 64e6,
  mostPieceBytes: 1 << 20,
  tries: 5,
  retryMs: 1000,
  parkMs: 60_000,
  mostParkMs: 3_600_000,
  lastCallMs: 600_000,
  keepMs: 86_400_000,
  mostKept: 10_000,
};

/** Errors by which a call says that it did not leave, or was refused, and may be let in later. */
const STOPS: ReadonlySet<PaceErrorCode> = new Set(["too-late", "deadline", "quota-spent", "queue-full", "shed", "closed"]);
/** Errors that no other time cures. */
const ENDS: ReadonlySet<PaceErrorCode> = new Set(["bad-argument", "task-changed"]);
const DISK: ReadonlySet<PaceErrorCode> = new Set(["disk-full", "disk-failed"]);

/** What an error of a handler means. */
export type Trouble =
  | {
      readonly kind: "stopped";
      readonly availableInMs: number | undefined;
      readonly isDisk: boolean;
      /** Nothing came about of what it asked for. */
      readonly isUnmade: boolean;
    }
  /** No other time cures it. */
  | { readonly kind: "hopeless"; readonly isUnmade: boolean }
  | { readonly kind: "undecided" | "failed" };

export function troubleOf(error: unknown): Trouble {
  const known = refusalIn(error);
  if (known === undefined) return { kind: "failed" };
  // A client's error names codes that may be none of these.
  const code = known.code as PaceErrorCode;
  if (code === "undecided") return { kind: "undecided" };
  if (ENDS.has(code)) return { kind: "hopeless", isUnmade: false };
  const { availableInMs, isUnmade } = known;
  // More than a whole quota has: tried again every hour, it would wait for ever and nobody would know. A quota that is spent, and does not say for how long, may come back.
  if (code === "quota-spent" && availableInMs === Number.POSITIVE_INFINITY) return { kind: "hopeless", isUnmade };
  const isDisk = DISK.has(code);
  const isStopped = STOPS.has(code);
  if (!isDisk && !isStopped && code !== "attempts-spent") return { kind: "failed" };
  return {
    kind: "stopped",
    availableInMs: Number.isFinite(availableInMs) ? availableInMs : undefined,
    isDisk,
    isUnmade: isStopped && isUnmade,
  };
}

/** Clients wrap errors of their `fetch`, and throw answers that are refusals of ours as errors of theirs. */
const DEEPEST_CAUSE = 5;

function refusalIn(error: unknown): RefusedError | undefined {
  let at = error;
  let isUnmade = true;
  for (let depth = 0; depth < DEEPEST_CAUSE; depth++) {
    if (isPaceError(at)) return { code: at.code, availableInMs: at.availableInMs, isUnmade };
    if (typeof at !== "object" || at === null) return undefined;
    const refused = refusedErrorOf(at);
    if (refused !== undefined) return { ...refused, isUnmade: isUnmade && refused.isUnmade };
    const { cause, lastError } = at as { readonly cause?: unknown; readonly lastError?: unknown };
    // The AI SDK's, after several tries: those before may have come about.
    if (lastError !== undefined) isUnmade = false;
    at = lastError ?? cause;
  }
  return undefined;
}

/** A person reads it. */
const MOST_REASON_CHARACTERS = 500;

export function reasonOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error).slice(0, MOST_REASON_CHARACTERS);
  } catch {
    // What has no text is thrown too, and its end must be written down all the same.
    return "something was thrown that has no text";
  }
}

/** Everything of one piece that is kept, by the names under which it is. */
export const keptAs = {
  piece: (key: string): string => `piece ${key}`,
  payload: (key: string): string => `payload ${key}`,
  result: (key: string): string => `result ${key}`,
  step: (key: string, step: string): string => `step ${JSON.stringify([key, step])}`,
};

export function pieceIn(name: string, value: Json): Piece | undefined {
  return name.startsWith("piece ") ? (value as unknown as Piece) : undefined;
}

export function stepIn(name: string): readonly [key: string, step: string] | undefined {
  return name.startsWith("step ") ? JSON.parse(name.slice("step ".length)) : undefined;
}
