/** A pace at one moment, as a proxy tells it (`/pace/state`) and monitors show it. */
import type { BreakerState } from "../control/breaker.ts";
import { PaceError } from "../error.ts";
import type { Gauge } from "../quota/gauge.ts";

export interface Totals {
  readonly answered: number;
  readonly refused: number;
  readonly overloaded: number;
  readonly withdrawn: number;
  readonly turnedAway: number;
}

export interface QuotaView extends Omit<Gauge, "partition"> {
  /** Where it goes on as it does, and is gone before it is there again. */
  readonly runsOutInMs: number | undefined;
}

export interface PartitionView {
  readonly name: string;
  readonly waiting: number;
  readonly underWay: number;
  readonly mostUnderWay: number;
  readonly perSecond: number;
  readonly breaker: BreakerState;
  readonly pausedMs: number;
  /** Since the proxy began to know it. */
  readonly totals: Totals;
  readonly quotas: readonly QuotaView[];
}

/** Quotas that several partitions take of: of the owner's policy, and of this process. */
export interface SharedView {
  /** What they are of, as the policy names it: "*", a service, a service and a model; or "here". */
  readonly name: string;
  readonly quotas: readonly QuotaView[];
}

export interface Snapshot {
  readonly upMs: number;
  readonly targets: readonly string[];
  readonly shared: readonly SharedView[];
  readonly partitions: readonly PartitionView[];
}

export const NO_TOTALS: Totals = { answered: 0, refused: 0, overloaded: 0, withdrawn: 0, turnedAway: 0 };

/** What came over a network is looked at before it is believed: no letter of it moves a cursor. Throws `bad-argument`. */
export function snapshotFrom(value: unknown): Snapshot {
  const top = fieldsOf(value);
  if (top === undefined || !Array.isArray(top["partitions"]))
    throw new PaceError("bad-argument", "what answered there is no proxy of pace", "Give the address that `pace proxy` printed.");
  return {
    upMs: number(top["upMs"]) ?? 0,
    targets: list(top["targets"]).map(text),
    shared: list(top["shared"]).map((each) => {
      const of = fieldsOf(each) ?? {};
      return { name: text(of["name"]), quotas: list(of["quotas"]).map(quotaFrom) };
    }),
    partitions: list(top["partitions"]).map((each) => {
      const of = fieldsOf(each) ?? {};
      const totals = fieldsOf(of["totals"]) ?? {};
      return {
        name: text(of["name"]),
        waiting: number(of["waiting"]) ?? 0,
        underWay: number(of["underWay"]) ?? 0,
        mostUnderWay: number(of["mostUnderWay"]) ?? 0,
        perSecond: number(of["perSecond"]) ?? 0,
        breaker: one(of["breaker"], ["closed", "open", "half-open"] as const),
        pausedMs: number(of["pausedMs"]) ?? 0,
        totals: {
          answered: number(totals["answered"]) ?? 0,
          refused: number(totals["refused"]) ?? 0,
          overloaded: number(totals["overloaded"]) ?? 0,
          withdrawn: number(totals["withdrawn"]) ?? 0,
          turnedAway: number(totals["turnedAway"]) ?? 0,
        },
        quotas: list(of["quotas"]).map(quotaFrom),
      };
    }),
  };
}

function quotaFrom(value: unknown): QuotaView {
  const of = fieldsOf(value) ?? {};
  return {
    unit: text(of["unit"]) as QuotaView["unit"],
    name: text(of["name"]),
    limit: number(of["limit"]) ?? 0,
    windowMs: number(of["windowMs"]),
    shape: one(of["shape"], ["bucket", "window", "held"] as const),
    used: number(of["used"]) ?? 0,
    waiting: number(of["waiting"]) ?? 0,
    available: number(of["available"]) ?? 0,
    resetInMs: number(of["resetInMs"]),
    source: one(of["source"], ["header", "policy", "learned", "assumed"] as const),
    confidence: number(of["confidence"]) ?? 0,
    chargesRefused: typeof of["chargesRefused"] === "boolean" ? of["chargesRefused"] : undefined,
    runsOutInMs: number(of["runsOutInMs"]),
  };
}

/** Of hostile lists this much is shown. */
const MOST_LISTED = 1000;
const LONGEST_TEXT = 300;

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, MOST_LISTED) : [];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, LONGEST_TEXT).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?") : "";
}

function one<Word extends string>(value: unknown, words: readonly [Word, ...Word[]]): Word {
  return words.find((word) => word === value) ?? words[0];
}
