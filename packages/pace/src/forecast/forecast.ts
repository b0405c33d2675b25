/**
 * When a quota will run out, and how sure that is.
 *
 * The fall of what is left is measured over a short and a long span. It *runs out* where what is left is gone before it comes back: before the window ends, or within
 * the horizon where it comes back all the time or not at all. A warning begins when both spans say so and the chance is high, and ends when it is low: so a short
 * burst, which only the short span sees, is no alarm, and neither is one that is over, which only the long span sees (burn rates over several windows, as the SRE
 * workbook alerts on them).
 *
 * The chance is that of a normal sum: what will be lost is the rate times the time, give or take the unevenness that was seen and a change of the rate itself.
 * `testing/forecasts.ts` plays it against loads whose end is known.
 */
import type { Gauge } from "../quota/gauge.ts";
import { type Burned, createBurn } from "./burn.ts";

export interface Forecast {
  /** Units a second that what is left falls by, over the short span and the long one; below zero where it grows. */
  readonly shortPerSecond: number;
  readonly longPerSecond: number;
  /** The later of both spans' answers; none where one says that it will not. */
  readonly exhaustsInMs: number | undefined;
  /** Until what is left is there again, or as far as was looked. */
  readonly horizonMs: number;
  /** The share of the limit that will have been used by then, at the mean of both rates. */
  readonly projectedUse: number;
  /** That it runs out before the horizon, from 0 to 1, were the limit what it is said to be. */
  readonly chance: number;
  /** The same, as far as the limit is to be believed. */
  readonly sure: number;
  readonly isWarning: boolean;
}

export interface Forecaster {
  /** `undefined` before there is anything to tell. */
  look(nowMs: number, gauge: Gauge): Forecast | undefined;
}

/** A warning is worth something so long before: a person or a running task can still act. Of a quota of less than six minutes, a sixth of its window. */
const MOST_LEAD_MS = 60_000;
const LEADS_PER_WINDOW = 6;
const LEAST_LEAD_MS = 100;
/** The two spans, in leads: long enough to tell a rate from its noise, short enough that a load that begins is in both of them before it is too late. */
const SHORT = 0.4;
const LONG = 1.25;
/** So far is looked, in leads: further away loads change before it comes true. */
const HORIZON = 4;
/** So near its end has to be for a warning: what is further away has time to become surer. */
const WITHIN = 2.2;
/** A warning begins at one chance, and ends when it was below another for a part of a lead. */
const RAISE = 0.85;
const CLEAR = 0.3;
const HOLD = 0.5;
/** How far a rate strays from itself, as a share of it. */
const STRAY = 0.05;

/** How long before its end a warning about this gauge ought to come. */
export function leadMsOf({ windowMs, shape }: Pick<Gauge, "windowMs" | "shape">): number {
  if (shape === "held" || windowMs === undefined || !(windowMs > 0)) return MOST_LEAD_MS;
  return Math.min(MOST_LEAD_MS, Math.max(LEAST_LEAD_MS, windowMs / LEADS_PER_WINDOW));
}

/** For one gauge. */
export function createForecaster(): Forecaster {
  let leadMs: number | undefined;
  let burn = createBurn(0);
  let isWarning = false;
  let lowSinceMs: number | undefined;
  return {
    look: (nowMs, gauge) => {
      // What says nothing readable, or has no end, is no news of how fast it goes.
      if (![gauge.limit, gauge.available, gauge.waiting, gauge.used].every(Number.isFinite)) return undefined;
      const lead = leadMsOf(gauge);
      if (lead !== leadMs) [leadMs, burn] = [lead, createBurn(lead * LONG)];
      burn.look(nowMs, gauge);
      const short = burn.over(nowMs, lead * SHORT);
      const long = burn.over(nowMs, lead * LONG);
      if (short === undefined || long === undefined || long.spanMs < lead * SHORT) return undefined;

      const left = Math.max(0, gauge.available - gauge.waiting);
      const horizonMs = Math.min(HORIZON * lead, renewedInMs(gauge));
      const isGone = left <= 0 && gauge.limit > 0;
      const slower = Math.min(short.perSecond, long.perSecond);
      const exhaustsInMs = isGone ? 0 : slower > 0 ? (left / slower) * 1000 : undefined;
      const perSecond = (short.perSecond + long.perSecond) / 2;
      const chance = isGone
        ? 1
        : chanceOf({ left, aheadMs: horizonMs, perSecond, gross: Math.abs(perSecond) + refillOf(gauge), short, long });
      const agree = exhaustsInMs !== undefined && exhaustsInMs < Math.min(horizonMs, WITHIN * lead);
      if (chance > CLEAR) lowSinceMs = undefined;
      else lowSinceMs ??= nowMs;
      isWarning = isWarning ? lowSinceMs === undefined || nowMs - lowSinceMs < lead * HOLD : agree && chance >= RAISE;
      return {
        shortPerSecond: short.perSecond,
        longPerSecond: long.perSecond,
        exhaustsInMs,
        horizonMs,
        projectedUse: gauge.limit > 0 ? Math.max(0, (gauge.limit - left + (perSecond * horizonMs) / 1000) / gauge.limit) : 1,
        chance,
        sure: chance * Math.min(1, Math.max(0, gauge.confidence)),
        isWarning,
      };
    },
  };
}

/** Until a window is a new one; what comes back all the time or not at all never is. */
function renewedInMs({ shape, resetInMs }: Gauge): number {
  return shape === "window" && resetInMs !== undefined && resetInMs >= 0 ? resetInMs : Number.POSITIVE_INFINITY;
}

/** Units a second that come back. */
function refillOf({ shape, limit, windowMs }: Gauge): number {
  return shape === "bucket" && windowMs !== undefined && windowMs > 0 ? (limit * 1000) / windowMs : 0;
}

interface Outlook {
  readonly left: number;
  readonly aheadMs: number;
  readonly perSecond: number;
  /** What is taken, whatever comes back. */
  readonly gross: number;
  readonly short: Burned;
  readonly long: Burned;
}

function chanceOf({ left, aheadMs, perSecond, gross, short, long }: Outlook): number {
  const ahead = aheadMs / 1000;
  const uneven = long.variance * ahead;
  // Of the mean of two rates, the span of one of which lies in the other's.
  const measured = long.variance * ahead ** 2 * (250 / short.spanMs + 750 / long.spanMs);
  const deviation = Math.sqrt(uneven + measured + (STRAY * gross * ahead) ** 2);
  const over = perSecond * ahead - left;
  return deviation > 0 ? belowNormal(over / deviation) : over >= 0 ? 1 : 0;
}

/** The share of a normal distribution below this many deviations, within 0.0002 (Bowling et al., 2009). */
function belowNormal(deviations: number): number {
  return 1 / (1 + Math.exp(-0.07056 * deviations ** 3 - 1.5976 * deviations));
}
