/**
 * The law for a quota of which nothing is told (`opaque-law.ts`), as one process keeps it for itself.
 *
 * Several that share a limit without knowing of each other come to like shares: who sends more is refused more often.
 */
import type { Random } from "../host/random.ts";
import {
  afterAnswer,
  afterAwaiting,
  afterRefusal,
  firstOpaqueLaw,
  measuredSpanMs,
  type OpaqueLaw,
  opaqueRateOf,
  opaqueSpanMs,
} from "./opaque-law.ts";
import type { RateLaw } from "./rate-law.ts";
import { createRecent } from "./recent.ts";

export interface OpaqueRateSettings {
  /** Units per second to begin with. One: what even small tiers let in. */
  readonly startPerSecond: number;
}

export const OPAQUE_RATE_SETTINGS: OpaqueRateSettings = { startPerSecond: 1 };

/** What is told as used is used over so long. */
const USED_MS = 60_000;
/** Who sends less than so much of the rate finds no limit: calls that came together wait for a moment at any rate (as RFC 7661 says of windows). */
const USED_UP = 0.6;
/** What was let in lately by levels was so within so long: a few answers of slow services. */
const LATELY_MS = 10_000;

/** What was found so far, in units a second. */
export interface Found {
  readonly perSecond: number;
  readonly usedPerSecond: number;
  readonly refusals: number;
}

export interface OpaqueRate extends RateLaw {
  found(nowMs: number): Found;
  /** Somebody waits for nothing but the rate. */
  awaited(nowMs: number): void;
  left(nowMs: number, units: number): void;
  /** Levels that were told until now are told no more, or not believed: it rises from what was let in lately. */
  anew(nowMs: number): void;
}

/** `known`: what was learned elsewhere. */
export function createOpaqueRate(
  random: Random,
  { startPerSecond }: OpaqueRateSettings = OPAQUE_RATE_SETTINGS,
  known?: OpaqueLaw,
): OpaqueRate {
  const letIn = createRecent();
  const sent = createRecent();
  const law = (nowMs: number): OpaqueLaw => {
    known ??= firstOpaqueLaw(nowMs, startPerSecond);
    return known;
  };
  let drops = 0;
  return {
    found: (nowMs) => {
      const { isRising, measured } = law(nowMs);
      return { perSecond: isRising ? opaqueRateOf(law(nowMs)) : measured, usedPerSecond: letIn.rate(nowMs, USED_MS), refusals: drops };
    },
    rate: (nowMs) => opaqueRateOf(law(nowMs)),
    awaited: (nowMs) => {
      const rate = opaqueRateOf(law(nowMs));
      const spanMs = measuredSpanMs(law(nowMs));
      // In a pause nothing is sent.
      const isUsed = nowMs - law(nowMs).sinceMs < spanMs || sent.rate(nowMs, spanMs) >= USED_UP * rate;
      known = afterAwaiting(law(nowMs), nowMs, isUsed);
    },
    left: (nowMs, units) => sent.add(nowMs, units),
    anew: (nowMs) => {
      known = firstOpaqueLaw(nowMs, Math.max(startPerSecond, letIn.rate(nowMs, LATELY_MS)));
    },
    spanMs: (nowMs, units) => opaqueSpanMs(law(nowMs), units),
    accepted: (nowMs, sentMs, units) => {
      letIn.add(nowMs, units);
      known = afterAnswer(law(nowMs), nowMs, sentMs);
    },
    refused: (nowMs, sentMs) => {
      const before = law(nowMs);
      known = afterRefusal(before, nowMs, sentMs, letIn.rate(nowMs, measuredSpanMs(before)), random);
      if (known === before) return 0;
      drops++;
      return known.sinceMs - nowMs;
    },
  };
}
