/**
 * When a quota will run out, and how sure that is.
 *
 * The fall of what is left is measured since the load last changed (`burn.ts`). It *runs out* where what is left is gone before it comes back: before the window ends,
 * or within the horizon where it comes back all the time or not at all. A warning begins when the chance of that is high and it may be there in little more than a
 * lead, and ends when the chance was low for a while. It does not begin earlier: until then a load may end, and what is nearer is surer. A load that came before and
 * ended in time (`surges.ts`) is not warned of until it outlasts that.
 *
 * The chance is that of a normal sum: what will be lost is the rate times the time, give or take the unevenness that was seen and a change of the rate itself.
 * `testing/forecasts.ts` plays it against loads whose end is known.
 */
import type { Gauge } from "../quota/gauge.ts";
import { type Burned, createBurn, STRAY } from "./burn.ts";
import { createSurges } from "./surges.ts";

export interface Forecast {
  /** Units a second that what is left falls by since the load last changed; below zero where it grows. */
  readonly perSecond: number;
  /** None where it will not. */
  readonly exhaustsInMs: number | undefined;
  /** Until what is left is there again, or as far as was looked. */
  readonly horizonMs: number;
  /** The share of the limit that will have been used by then. */
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
/** So far is looked, in leads: further away loads change before it comes true. */
const HORIZON = 4;
/** A warning begins where it may be gone in so many leads, if only by this chance: as late as is in time. */
const SOON = 1.25;
const MAYBE = 0.05;
/** And where it will be gone by the horizon at one chance; it ends when that was below another for a part of a lead. */
const RAISE = 0.8;
const CLEAR = 0.1;
const HOLD = 0.5;

/** How long before its end a warning about this gauge ought to come. */
export function leadMsOf({ windowMs, shape }: Pick<Gauge, "windowMs" | "shape">): number {
  if (shape === "held" || windowMs === undefined || !(windowMs > 0)) return MOST_LEAD_MS;
  return Math.min(MOST_LEAD_MS, Math.max(LEAST_LEAD_MS, windowMs / LEADS_PER_WINDOW));
}

/** For one gauge. */
export function createForecaster(): Forecaster {
  let leadMs: number | undefined;
  let burn = createBurn(0);
  let surges = createSurges(0);
  let isWarning = false;
  let lowSinceMs: number | undefined;
  return {
    look: (nowMs, gauge) => {
      // What says nothing readable, or has no end, is no news of how fast it goes.
      if (![gauge.limit, gauge.available, gauge.waiting, gauge.used].every(Number.isFinite)) return undefined;
      const lead = leadMsOf(gauge);
      if (lead !== leadMs) [leadMs, burn, surges] = [lead, createBurn(lead), createSurges(lead)];
      const burned = burn.look(nowMs, gauge);
      if (burned === undefined) return undefined;
      for (const past of burned.past) surges.ended(past);

      const { perSecond, gross, usual, loadMs } = burned;
      const left = Math.max(0, gauge.available - gauge.waiting);
      const horizonMs = Math.min(HORIZON * lead, renewedInMs(gauge));
      const isGone = left <= 0 && gauge.limit > 0;
      const exhaustsInMs = isGone ? 0 : perSecond > 0 ? (left / perSecond) * 1000 : undefined;
      const chance = isGone ? 1 : chanceOf(left, horizonMs, burned);
      const isNear =
        exhaustsInMs !== undefined &&
        exhaustsInMs < horizonMs &&
        chance >= RAISE &&
        // One huge call, and others as before, is no load that uses it up.
        (isGone || (chanceOf(left, SOON * lead, burned) >= MAYBE && (usual() * HORIZON * lead) / 1000 >= left));
      if (isNear) surges.threatens(isGone);
      if (chance > CLEAR) lowSinceMs = undefined;
      else lowSinceMs ??= nowMs;
      if (isWarning) isWarning = lowSinceMs === undefined || nowMs - lowSinceMs < lead * HOLD;
      else isWarning = isNear && (isGone || !surges.isHarmless(gross, loadMs, exhaustsInMs));
      return {
        perSecond,
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

function chanceOf(left: number, aheadMs: number, { perSecond, gross, variance, spanMs }: Burned): number {
  const ahead = aheadMs / 1000;
  const uneven = variance * ahead;
  const measured = (variance * ahead ** 2 * 1000) / spanMs;
  const deviation = Math.sqrt(uneven + measured + (STRAY * gross * ahead) ** 2);
  const over = perSecond * ahead - left;
  return deviation > 0 ? belowNormal(over / deviation) : over >= 0 ? 1 : 0;
}

/** The share of a normal distribution below this many deviations, within 0.0002 (Bowling et al., 2009). */
function belowNormal(deviations: number): number {
  return 1 / (1 + Math.exp(-0.07056 * deviations ** 3 - 1.5976 * deviations));
}
