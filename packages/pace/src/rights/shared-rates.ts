/**
 * The laws of rates, for one of several that share them: the rate of all together, times the part that is held.
 *
 * Where nothing is held nothing leaves. Who is cut off from the ledger for longer than a lease goes on by himself, from what he was due last: the service still says
 * no to what is too much, and those who share it come to like rates by feeling each other.
 */
import type { HeadedRate, Level } from "../control/headed-rate.ts";
import { opaqueRateOf, opaqueSpanMs } from "../control/opaque-law.ts";
import { createOpaqueRate, OPAQUE_RATE_SETTINGS, type OpaqueRate, type OpaqueRateSettings } from "../control/opaque-rate.ts";
import { createToldRate } from "../control/told-rate.ts";
import { isWindow } from "../control/window-rate.ts";
import type { Random } from "../host/random.ts";
import type { Unit } from "../quota/reading.ts";
import type { Holding } from "./holding.ts";

/** Rates are above zero: one call in so long is none. */
const NEXT_TO_NOTHING = 1e-9;
/** After a pause of all each begins at its own turn, within the time that one of its calls takes; but nobody waits for hours. */
const MOST_TURN_MS = 5000;
/** Clocks are compared anew with each answer: moments that are so near are one. */
const SAME_MS = 20;

export interface SharedOpaqueRate extends OpaqueRate {
  /** Of all together. */
  whole(nowMs: number): number | undefined;
  /** Until then all wait for one pause. */
  pausedUntilMs(nowMs: number): number;
}

export function createSharedOpaqueRate(
  holding: Holding,
  random: Random,
  settings: OpaqueRateSettings = OPAQUE_RATE_SETTINGS,
): SharedOpaqueRate {
  let alone: OpaqueRate | undefined;
  let turnOf = { pauseBeganMs: Number.NEGATIVE_INFINITY, refusals: 0 };
  let turnMs = 0;
  /** The law of one who is cut off. */
  const own = (now: number): OpaqueRate | undefined => {
    if (!holding.isCutOff(now)) alone = undefined;
    else if (alone === undefined) {
      const { law } = holding;
      const measured = law === undefined ? settings.startPerSecond : opaqueRateOf(law) * holding.due("requests");
      alone = createOpaqueRate(random, settings, law === undefined ? undefined : { ...law, measured, sinceMs: now, awaitedForMs: 0 });
    }
    return alone;
  };
  const whole = (): number | undefined => (holding.law === undefined ? undefined : opaqueRateOf(holding.law));
  return {
    whole,
    found: (now) => {
      const { law } = holding;
      const perSecond = law === undefined ? settings.startPerSecond : law.isRising ? opaqueRateOf(law) : law.measured;
      return own(now)?.found(now) ?? { perSecond, usedPerSecond: holding.usedPerSecond(now), refusals: law?.isRising === false ? 1 : 0 };
    },
    pausedUntilMs: (now) => {
      const { law } = holding;
      if (law?.pauseBeganMs === undefined || own(now) !== undefined) return now;
      if (law.refusals !== turnOf.refusals || Math.abs(law.pauseBeganMs - turnOf.pauseBeganMs) > SAME_MS) {
        turnOf = { pauseBeganMs: law.pauseBeganMs, refusals: law.refusals };
        const part = holding.part(now, "requests");
        turnMs = part === 0 ? 0 : Math.min(MOST_TURN_MS, (random() * 1000 * (1 - part)) / (opaqueRateOf(law) * part));
      }
      return law.sinceMs + turnMs;
    },
    rate: (now) => own(now)?.rate(now) ?? Math.max(NEXT_TO_NOTHING, (whole() ?? 0) * holding.part(now, "requests")),
    spanMs: (now, units) => {
      const { law } = holding;
      const one = own(now);
      if (one !== undefined) return one.spanMs(now, units);
      return law === undefined ? (units / settings.startPerSecond) * 1000 : opaqueSpanMs(law, units, holding.due("requests"));
    },
    awaited: (now) => {
      own(now)?.awaited(now);
      holding.waits(now, true);
    },
    left: (now, units) => own(now)?.left(now, units),
    anew: (now) => own(now)?.anew(now),
    accepted: (now, sentMs, units) => {
      own(now)?.accepted(now, sentMs, units);
      holding.accepted(now, sentMs, units);
    },
    refused: (now, sentMs) => {
      const one = own(now);
      if (one !== undefined) return one.refused(now, sentMs);
      const before = holding.law?.refusals === 0 ? undefined : holding.law?.pauseBeganMs;
      holding.refused(now, sentMs);
      const { law } = holding;
      return law === undefined || law.pauseBeganMs === before ? 0 : Math.max(0, law.sinceMs - now);
    },
  };
}

/**
 * Where a bucket is too small to steer by its level the limit itself is the rate, for all who could spend of it have a part of it; who else spends of it is felt by refusals,
 * that take away of the trust in it, and by nothing else.
 */
const FIRST_SHARE = 0.6;
const TRUST_PER_SECOND = 0.005;
const AFTER_REFUSAL = 0.93;
const LEAST_TRUST = 0.05;
const MOST_TRUST = 1;
/** A level that is told is held at the middle, gently: it is of half a second ago. */
const GENTLE = 0.2;
const MIDDLE = 0.5;

export function createSharedHeadedRate(holding: Holding, unit: Unit, random: Random, first: Level): HeadedRate {
  const law = createToldRate(random, first);
  if (!isWindow(first)) law.agree(FIRST_SHARE);
  let { perSecond } = first;
  // A small bucket is as full as it was ever seen.
  let [fullest, remaining] = [Math.max(1, first.remaining), first.remaining];
  let trust = MOST_TRUST;
  let isNews = false;
  let toldMs: number | undefined;
  let pauseBeganMs = Number.NEGATIVE_INFINITY;
  const whole = (now: number): number => (law.isBlind ? perSecond * trust * (1 + GENTLE * (remaining / fullest - MIDDLE)) : law.rate(now));
  return {
    ...law,
    get level() {
      return law.level;
    },
    // What others leave is known here without a level.
    isBlind: false,
    whole,
    rate: (now) => Math.max(NEXT_TO_NOTHING, whole(now) * (holding.isCutOff(now) ? holding.due(unit) : holding.part(now, unit))),
    spanMs: (now, units) => law.spanMs(now, units / holding.due(unit)),
    share: () => {
      const learned = law.share();
      if (!law.isBlind) return learned;
      const news = isNews ? trust : undefined;
      isNews = false;
      return news;
    },
    agree: (to) => {
      if (law.isBlind) trust = Math.max(LEAST_TRUST, Math.min(MOST_TRUST, to));
      else law.agree(to);
    },
    told: (now, level) => {
      law.told(now, level);
      ({ perSecond, remaining } = level);
      fullest = Math.max(fullest, remaining);
      if (toldMs !== undefined) trust = Math.min(MOST_TRUST, trust + (TRUST_PER_SECOND * (now - toldMs)) / 1000);
      toldMs = now;
      isNews = true;
    },
    refused: (now, sentMs) => {
      const pauseMs = law.refused(now, sentMs);
      if (sentMs <= pauseBeganMs) return pauseMs;
      pauseBeganMs = now;
      trust = Math.max(LEAST_TRUST, trust * AFTER_REFUSAL);
      isNews = true;
      return pauseMs;
    },
  };
}
