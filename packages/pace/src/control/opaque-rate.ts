/**
 * The rate at which a service lets calls in that says nothing of its limits but "too many".
 *
 * States: *rising*, from the first call to the first refusal, by a factor each second; then *around* the rate that was measured at the last
 * refusal: a little below it, slowly through it, and ever faster beyond (the curve of CUBIC, RFC 9438, in time since the refusal). Below costs nothing,
 * because what is not used lies in the service's bucket; slowly through it makes few refusals; faster beyond it finds a limit that was raised.
 * Input: answers and refusals, and whether somebody waits for the rate: it grows only while it is used up, so that an idle hour finds no limit that was
 * raised, and lets nobody send without one. Invariant: one drop and one pause for all calls that were under way together, however many of them are refused.
 *
 * Several that share a limit without knowing of each other come to like shares: who sends more is refused more often.
 */
import type { Random } from "../host/random.ts";
import type { RateLaw } from "./rate-law.ts";
import { createRecent } from "./recent.ts";

export interface OpaqueRateSettings {
  /** Units per second to begin with. One: what even small tiers let in. */
  readonly startPerSecond: number;
}

export const OPAQUE_RATE_SETTINGS: OpaqueRateSettings = { startPerSecond: 1 };

/** While rising, a factor e in three seconds: ten times as fast after seven. */
const RISE_PER_SECOND = 0.35;
/** Of the measured rate, right after a refusal. */
const BELOW = 0.07;
/** From there up to the measured rate. What it brings and costs: `npm run bench -- pace --sweep`. */
const PLATEAU_MS = 8000;
/** What is measured is measured over so long, or so many calls. */
const MEASURED_MS = 2000;
const MEASURED_CALLS = 8;
/** A refusal right after a pause says that what was measured is too much. */
const AGAIN = 0.7;
/** No refusal takes more than this away: what was measured may be of a pause. */
const LEAST_LEFT = 0.4;
const PAUSE_MS = 600;
const MOST_PAUSE_MS = 20_000;
/** Pauses of several that were refused together end at different times. */
const PAUSE_SPREAD = 0.4;
/** A pause doubles only where the one before did not help. */
const CALM_MS = 800;
const LEAST_PER_SECOND = 1 / 60;
/** What is told as used is used over so long. */
const USED_MS = 60_000;

/** Who waits is heard of so often at least; what is longer apart is two times of waiting. */
const STILL_WAITING_MS = 1000;
/** More calls a second are none that one process makes. */
const MOST_PER_SECOND = 1e5;

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
}

export function createOpaqueRate(random: Random, { startPerSecond }: OpaqueRateSettings = OPAQUE_RATE_SETTINGS): OpaqueRate {
  const accepted = createRecent();
  let measured = startPerSecond;
  let isRising = true;
  let sinceMs: number | undefined;
  /** Of the time since, how long the rate was all that calls waited for. */
  let awaitedForMs = 0;
  let awaitedMs = Number.NEGATIVE_INFINITY;
  let pauseBeganMs = Number.NEGATIVE_INFINITY;
  let refusals = 0;
  let drops = 0;

  const rate = (nowMs: number): number => {
    sinceMs ??= nowMs;
    const way = awaitedForMs / PLATEAU_MS - 1;
    const factor = isRising ? Math.exp((awaitedForMs / 1000) * RISE_PER_SECOND) : 1 + BELOW * way ** 3;
    return Math.max(LEAST_PER_SECOND, Math.min(MOST_PER_SECOND, measured * factor));
  };

  return {
    rate,
    found: (nowMs) => ({
      perSecond: isRising ? rate(nowMs) : measured,
      usedPerSecond: accepted.rate(nowMs, USED_MS),
      refusals: drops,
    }),
    awaited: (nowMs) => {
      sinceMs ??= nowMs;
      const fromMs = Math.max(awaitedMs, sinceMs);
      if (nowMs > fromMs && nowMs - fromMs <= STILL_WAITING_MS) awaitedForMs += nowMs - fromMs;
      awaitedMs = nowMs;
    },
    spanMs: (nowMs, units) => {
      const perSecond = rate(nowMs);
      return (isRising ? Math.log1p((RISE_PER_SECOND * units) / perSecond) / RISE_PER_SECOND : units / perSecond) * 1000;
    },
    accepted: (nowMs, sentMs, units) => {
      accepted.add(nowMs, units);
      if (sentMs > pauseBeganMs && sinceMs !== undefined && nowMs > sinceMs + CALM_MS) refusals = 0;
    },
    refused: (nowMs, sentMs) => {
      if (sentMs <= pauseBeganMs) return 0;
      const sending = rate(nowMs);
      const spanMs = Math.max(MEASURED_MS, (MEASURED_CALLS * 1000) / sending);
      refusals++;
      drops++;
      const most = refusals > 1 ? sending * AGAIN : sending;
      measured = Math.max(LEAST_PER_SECOND, sending * LEAST_LEFT, Math.min(accepted.rate(nowMs, spanMs), most));
      isRising = false;
      const pauseMs =
        Math.min(MOST_PAUSE_MS, (PAUSE_MS + 1000 / sending) * 2 ** (refusals - 1)) * (1 - PAUSE_SPREAD / 2 + PAUSE_SPREAD * random());
      pauseBeganMs = nowMs;
      sinceMs = nowMs + pauseMs;
      awaitedForMs = 0;
      return pauseMs;
    },
  };
}
