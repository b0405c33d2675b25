/** What the owner of a program says of its limits and its calls. */

import type { Strategy } from "./degrade/strategy.ts";
import type { Operation } from "./gate/operations.ts";
import type { LadderSettings } from "./ladder/ladder.ts";
import type { Rule } from "./ladder/rules.ts";
import type { Asked } from "./partition.ts";
import type { Prices } from "./providers/prices.ts";
import { HELD_UNITS, type HeldLimit } from "./quota/pool.ts";
import type { Cost, Reading, Unit } from "./quota/reading.ts";

/** A limit that its owner knows, or sets. */
export interface PolicyQuota {
  /** `requests` unless said. */
  readonly unit?: Unit | undefined;
  /** Tells several of one unit apart; the unit and the window unless said. */
  readonly name?: string | undefined;
  readonly limit: number;
  readonly windowMs: number;
  /**
   * A bucket, that fills all the time, unless said. A window is full again at its end: at multiples of `windowMs` since 1970, so one of a day at midnight UTC. From a day on
   * that is by the machine's date, also after it slept or its date was set, once that stood for a minute; the budget of one day is given once, wherever the date jumps.
   */
  readonly shape?: Reading["shape"] | undefined;
}

export interface PacePolicy {
  /** Who leaves first: `heartbeat`, `interactive`, `normal`, `background` unless said. */
  readonly classes?: readonly string[] | undefined;
  /** Of these, whom pauses that a guess began do not hold, and for whom room is kept: `heartbeat` unless said. */
  readonly reserved?: readonly string[] | undefined;
  /** Of calls that name none: `normal` unless said, or the last. */
  readonly usualClass?: string | undefined;
  /** Until the last attempt of a call has left, which is then not ended; 120,000 unless said: longer than a person waits, shorter than most clients' ten minutes. */
  readonly deadlineMs?: number | undefined;
  /** Attempts of a call; 20 unless said. Deadlines end most before. */
  readonly attempts?: number | undefined;
  /** Calls that may wait for one quota; 10,000 unless said: some MB. */
  readonly mostWaiting?: number | undefined;
  /**
   * By what they are of: the origin of a service ("https://api.example.com"), one model there ("https://api.example.com gpt-x"), the name that `run` is given, or all
   * together ("*"). Each is one, whoever takes of it.
   */
  readonly quotas?: Readonly<Record<string, readonly PolicyQuota[]>> | undefined;
  /** What this process has of its own, for all services together: calls under way, memory, cores. */
  readonly here?: readonly HeldLimit[] | undefined;
  /**
   * Dollars for a million tokens, by model, so that quotas of `usd` can be counted. Calls of a model that has none are refused where such a quota counts them, with
   * `bad-argument`, and told once as a fault: nothing could be reserved of it before they leave, and a budget that is not counted is none. Where the model shows only by
   * the answer, as of a `Request`, that is told alone.
   */
  readonly prices?: Prices | undefined;
  /** A file in which processes of this machine agree who takes how much of each quota; they name the same one. */
  readonly shareAt?: string | undefined;
  /** Of what is shared: who has 2 gets twice as much as who has 1, where there is not enough. */
  readonly weight?: number | undefined;
  /** From which use of a quota on something is short, and how it is calm again: 50, 75 and 90 in 100 unless said. */
  readonly ladder?: LadderSettings | undefined;
  /** Ways of doing with less while something is short, in the order in which they are asked: `fewerTokens()`, `cheaperModel(…)`. */
  readonly lesser?: readonly Strategy[] | undefined;
  /** While one thing is short, what would be done because of it may not use up another. */
  readonly rules?: readonly Rule[] | undefined;
  /** In an emergency each keeper has so long before others are told; 5,000 unless said. */
  readonly keepMs?: number | undefined;
  /** Names the quotas that a request takes of; by address, credentials and model unless said. */
  readonly partitionOf?: ((asked: Asked) => string) | undefined;
}

/** One of those that stand here without a policy, or one of the policy's `classes`. */
export type ClassName = "heartbeat" | "interactive" | "normal" | "background" | (string & Record<never, never>);

/** What calls have in common. */
export interface CallTraits {
  readonly class?: ClassName | undefined;
  /** As in the policy. */
  readonly deadlineMs?: number | undefined;
  /** For whom: those of one class take turns. */
  readonly requester?: string | undefined;
  /** The piece of work that they are part of, and the share of every quota that it may take at most, from above 0 to 1. */
  readonly operation?: Operation | undefined;
  /** What one of them takes, where that is known better than it can be guessed: `{ usd: 0.02, "memory-bytes": 50_000_000 }`. */
  readonly cost?: Cost | undefined;
  /** By which rules know them, besides the name of their operation. */
  readonly tags?: readonly string[] | undefined;
  /** Whether they may be done another time, which a strategy decides that can put them off. */
  readonly isDeferrable?: boolean | undefined;
  /**
   * Whether they only ask, and an answer of before may stand for theirs. Unless said, GET and HEAD do, and a POST to an address that is known for generating, of which nothing is
   * kept or done there: of OpenAI's Responses those with `store: false`.
   */
  readonly isQuestion?: boolean | undefined;
  /** Names of the strategies that may lessen them; all unless said, and none where they are of a reserved class. */
  readonly lessenedBy?: readonly string[] | undefined;
}

/** All there are. */
export const UNITS: readonly Unit[] = ["requests", "tokens", "input-tokens", "output-tokens", "usd", ...HELD_UNITS];

/** Of what somebody says that work took, what can be counted; nothing where nothing is said. */
export function countable(cost: unknown): Cost | undefined {
  if (typeof cost !== "object" || cost === null) return undefined;
  return Object.fromEntries(Object.entries(cost).filter(([unit, units]) => UNITS.includes(unit as Unit) && isAmount(units)));
}

export function isAmount(units: unknown): boolean {
  return typeof units === "number" && units >= 0 && units < Number.POSITIVE_INFINITY;
}

/** As it stands at this moment: full. */
export function readingOf({ unit = "requests", name, limit, windowMs, shape = "bucket" }: PolicyQuota, dateMs: number): Reading {
  const resetInMs = shape === "bucket" ? 0 : windowMs - (dateMs % windowMs);
  return { unit, name: name ?? `${unit} in ${windowMs} ms`, limit, windowMs, remaining: limit, resetInMs, shape };
}
