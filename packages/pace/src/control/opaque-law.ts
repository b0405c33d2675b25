/**
 * The rate at which a service lets calls in that says nothing of its limits but "too many".
 *
 * States: *rising*, from the first call to the first refusal that there was time to measure before, by a factor each second; then *around* the rate that was
 * measured at the last refusal: a little below it, slowly through it, and ever faster beyond (the curve of CUBIC, RFC 9438, in time since the refusal, and a
 * faster one where that ends). Below costs nothing, because what is not used lies in the service's bucket; slowly through it makes few refusals; faster beyond it
 * finds a limit that was raised to almost four times in 31 seconds, for which a third power takes 35.
 * Input: answers and refusals, and whether somebody waits for the rate: it grows only while it is used up, so that an idle hour finds no limit that was
 * raised, and lets nobody send without one. Invariant: one drop and one pause for all calls that were under way together, however many of them are refused.
 *
 * It is the law of one process, and as well of all together that share a quota by agreement.
 */
import type { Random } from "../host/random.ts";

export interface OpaqueLaw {
  /** Units per second. */
  readonly measured: number;
  readonly isRising: boolean;
  /** When the curve began: at the first call, or at the end of the last pause. */
  readonly sinceMs: number;
  /** Of the time since, how long the rate was all that calls waited for. */
  readonly awaitedForMs: number;
  /** When it was so last. */
  readonly awaitedMs: number | undefined;
  /** None before the first. */
  readonly pauseBeganMs: number | undefined;
  /** That came although there was a pause. */
  readonly refusals: number;
  /** Units per second, when the last pause began. */
  readonly sending: number;
}

/** While rising, a factor e in three seconds: ten times as fast after seven. */
const RISE_PER_SECOND = 0.35;
/** Of the measured rate, right after a refusal. */
const BELOW = 0.07;
/** From there up to the measured rate, and from it as far beyond. */
const PLATEAU_MS = 8000;
/** Farther beyond a factor e in so long, and e to the fourth in twice that: a limit that did not move is met while growth is slow, or recovery suffers (decision 20). */
const BEYOND_MS = 13_000;
/** What is measured is measured over so long, or so many calls. Of a rate that rises it is of the end; around one that is held it is of more, which is a truer one. */
const MEASURED_MS = 2000;
const HELD_MEASURED_MS = 3000;
const MEASURED_CALLS = 8;
/** A refusal right after a pause says that what was measured is too much. */
const AGAIN = 0.7;
/**
 * The first refusal may come before anything was measured: of calls that left at once it tells how few a service takes at once, and not how fast. It takes only
 * this much, and the rise goes on: a service of four calls a second that takes one at once is found in 11 seconds instead of 28.
 */
const UNMEASURED = 0.7;
/** No refusal takes more than this away: what was measured may be of a pause. */
const LEAST_LEFT = 0.4;
const PAUSE_MS = 600;
const MOST_PAUSE_MS = 20_000;
/** Pauses of several that were refused together end at different times. */
const PAUSE_SPREAD = 0.4;
/** A pause doubles only where the one before did not help. */
const CALM_MS = 800;
const LEAST_PER_SECOND = 1 / 60;
/** Who waits is heard of so often at least; what is longer apart is two times of waiting. */
const STILL_WAITING_MS = 1000;
/** More calls a second are none that anybody makes. */
const MOST_PER_SECOND = 1e5;

export function firstOpaqueLaw(nowMs: number, startPerSecond: number): OpaqueLaw {
  return {
    measured: startPerSecond,
    isRising: true,
    sinceMs: nowMs,
    awaitedForMs: 0,
    awaitedMs: undefined,
    pauseBeganMs: undefined,
    refusals: 0,
    sending: startPerSecond,
  };
}

/** Units per second. */
export function opaqueRateOf({ measured, isRising, awaitedForMs }: OpaqueLaw): number {
  const way = Math.min(1, awaitedForMs / PLATEAU_MS - 1);
  const around = (1 + BELOW * way ** 3) * Math.exp((beyondMs(awaitedForMs) / BEYOND_MS) ** 2);
  const factor = isRising ? Math.exp((awaitedForMs / 1000) * RISE_PER_SECOND) : around;
  return Math.max(LEAST_PER_SECOND, Math.min(MOST_PER_SECOND, measured * factor));
}

function beyondMs(awaitedForMs: number): number {
  return Math.max(0, awaitedForMs - 2 * PLATEAU_MS);
}

/** Somebody waits for nothing but the rate. */
export function afterAwaiting(law: OpaqueLaw, nowMs: number, isUsed = true): OpaqueLaw {
  const fromMs = Math.max(law.awaitedMs ?? Number.NEGATIVE_INFINITY, law.sinceMs);
  const isStill = isUsed && nowMs > fromMs && nowMs - fromMs <= STILL_WAITING_MS;
  return { ...law, awaitedMs: nowMs, awaitedForMs: law.awaitedForMs + (isStill ? nowMs - fromMs : 0) };
}

/** Over how long what was let in is measured. */
export function measuredSpanMs(law: OpaqueLaw): number {
  return Math.max(law.isRising ? MEASURED_MS : HELD_MEASURED_MS, (MEASURED_CALLS * 1000) / opaqueRateOf(law));
}

/** How long so many take at a rate that goes on as it does: below the measured rate is only for seconds. */
export function opaqueSpanMs(law: OpaqueLaw, units: number, part = 1): number {
  const perSecond = Math.max(opaqueRateOf(law), law.measured) * part;
  const growth = law.isRising ? RISE_PER_SECOND : (2000 * beyondMs(law.awaitedForMs)) / BEYOND_MS ** 2;
  return (growth > 0 ? Math.log1p((growth * units) / perSecond) / growth : units / perSecond) * 1000;
}

/** A call that left at `sentMs` was let in. */
export function afterAnswer(law: OpaqueLaw, nowMs: number, sentMs: number): OpaqueLaw {
  const isAfterPause = sentMs > (law.pauseBeganMs ?? Number.NEGATIVE_INFINITY);
  return law.refusals > 0 && isAfterPause && nowMs > law.sinceMs + CALM_MS ? { ...law, refusals: 0 } : law;
}

/** A call that left at `sentMs` was refused; `accepted`: units per second that were let in lately. One that left before the last pause changes nothing. */
export function afterRefusal(law: OpaqueLaw, nowMs: number, sentMs: number, accepted: number, random: Random): OpaqueLaw {
  if (sentMs <= (law.pauseBeganMs ?? Number.NEGATIVE_INFINITY)) return law;
  const sending = opaqueRateOf(law);
  const refusals = law.refusals + 1;
  const spread = 1 - PAUSE_SPREAD / 2 + PAUSE_SPREAD * random();
  const pauseMs = Math.min(MOST_PAUSE_MS, (PAUSE_MS + 1000 / sending) * 2 ** (refusals - 1)) * spread;
  const isUnmeasured = law.pauseBeganMs === undefined && nowMs - law.sinceMs < measuredSpanMs(law);
  return {
    measured: isUnmeasured ? Math.max(LEAST_PER_SECOND, sending * UNMEASURED) : measuredAfter(sending, refusals, accepted),
    isRising: isUnmeasured,
    sinceMs: nowMs + pauseMs,
    awaitedForMs: 0,
    awaitedMs: law.awaitedMs,
    pauseBeganMs: nowMs,
    refusals,
    sending,
  };
}

/** In the pause it became known better how much was let in before it. */
export function remeasured(law: OpaqueLaw, accepted: number): OpaqueLaw {
  return law.isRising ? law : { ...law, measured: measuredAfter(law.sending, law.refusals, accepted) };
}

function measuredAfter(sending: number, refusals: number, accepted: number): number {
  const most = refusals > 1 ? sending * AGAIN : sending;
  return Math.max(LEAST_PER_SECOND, sending * LEAST_LEFT, Math.min(accepted, most));
}
