/**
 * One quota: what may be spent of it, as far as is known here.
 *
 * A call *reserves* what it is expected to take, and *settles* what it took. Between answers that tell the level it is counted on from the last one: down by what
 * was reserved since, up by what comes back with time, of which a window ends by the clock, or by the date where `dated` says it. Invariant (K2): what was reserved is settled or under way, to the unit.
 */
import type { DatedWindows } from "./dated-windows.ts";
import type { Reading, Source, Unit } from "./reading.ts";
import { createTrailing } from "./trailing.ts";

export interface Account {
  readonly unit: Unit;
  readonly name: string;
  readonly source: Source;
  readonly limit: number;
  readonly windowMs: number;
  readonly shape: Reading["shape"];
  /** Units under way. */
  readonly outstanding: number;
  /** Units that were settled, ever. */
  readonly settled: number;
  /** Units spent in the window; of a bucket what lacks of it, or what was reserved and settled here within the last `windowMs`, whichever is more. */
  used(nowMs: number): number;
  /** Units that may be reserved now. */
  available(nowMs: number): number;
  /** Until a window ends, or a bucket is full. */
  resetInMs(nowMs: number): number;
  /** From when on so many units are there; infinity where they never are. */
  readyMs(nowMs: number, units: number): number;
  reserve(nowMs: number, units: number): Reservation;
  /** What was settled, at `settledMs` unless just now, took so much more, or less. What it did not take of a window that is over comes back to nobody. */
  correct(nowMs: number, units: number, settledMs?: number): void;
  /** An answer to what left at `sentMs` tells: what left later is not in it. */
  told(nowMs: number, reading: Reading, sentMs: number): void;
}

export interface Reservation {
  /** What it took in the end; nothing where it was never worked on. */
  settle(nowMs: number, used: number): void;
}

/** What a sum of many small steps may lack. */
const ROUNDING = 1e-6;
/** An answer that took longer was worked on, and says nothing of how far the service is away. */
const MOST_TRAVEL_MS = 1000;

export function createAccount(nowMs: number, first: Reading, source: Source, dated?: DatedWindows): Account {
  const { unit, name } = first;
  const underWay = new Set<{ readonly sentMs: number; readonly units: number }>();
  let { limit, windowMs, shape, remaining } = first;
  let countedMs = nowMs;
  let endsMs = nowMs + first.resetInMs;
  /** Of a window. */
  let beganMs = nowMs;
  const spent = createTrailing();
  let [outstanding, settled] = [0, 0];
  let freshestMs = Number.NEGATIVE_INFINITY;

  const begin = (now: number): void => {
    remaining = limit - outstanding;
    beganMs = now;
  };

  const count = (now: number): void => {
    if (shape === "bucket") remaining = Math.min(limit, remaining + (limit / windowMs) * Math.max(0, now - countedMs));
    else if (dated !== undefined) {
      const { begins, leftMs } = dated.look();
      if (begins) begin(now);
      endsMs = now + leftMs;
    } else if (now >= endsMs) {
      begin(now);
      endsMs += windowMs * (1 + Math.floor((now - endsMs) / windowMs));
    }
    countedMs = Math.max(countedMs, now);
  };

  return {
    unit,
    name,
    source,
    get limit() {
      return limit;
    },
    get windowMs() {
      return windowMs;
    },
    get shape() {
      return shape;
    },
    get outstanding() {
      return outstanding;
    },
    get settled() {
      return settled;
    },
    used: (now) => {
      count(now);
      const gone = limit - remaining;
      // A bucket that fills all the time lacks little under a load that just fits, so what was spent counts. What lacks is more where others took it, as of what a service
      // tells, or where a call took more than there was; never where all of an owner's bucket is spent here, within what there is.
      return Math.max(0, Math.min(limit, shape === "bucket" ? Math.max(gone, spent.sum(now, windowMs)) : gone));
    },
    available: (now) => {
      count(now);
      return remaining;
    },
    resetInMs: (now) => {
      count(now);
      return shape === "bucket" ? ((limit - remaining) * windowMs) / limit : endsMs - now;
    },
    readyMs: (now, units) => {
      count(now);
      if (units > limit) return Number.POSITIVE_INFINITY;
      if (units <= remaining + ROUNDING) return now;
      return shape === "bucket" ? now + ((units - remaining) * windowMs) / limit : endsMs;
    },
    reserve: (now, units) => {
      count(now);
      const promise = { sentMs: now, units };
      underWay.add(promise);
      outstanding += units;
      remaining -= units;
      spent.add(now, units, windowMs);
      return {
        settle: (later, used) => {
          if (!underWay.delete(promise)) return;
          count(later);
          // Sums of fractions: nothing under way is nothing.
          outstanding = underWay.size === 0 ? 0 : outstanding - units;
          settled += used;
          remaining += units - used;
          if (used !== units) spent.add(later, used - units, windowMs);
        },
      };
    },
    correct: (now, units, settledMs = now) => {
      count(now);
      settled += units;
      if (units < 0 && shape === "window" && settledMs < beganMs) return;
      spent.add(now, units, windowMs);
      remaining = Math.min(limit - outstanding, remaining - units);
    },
    told: (now, reading, sentMs) => {
      ({ limit, windowMs, shape } = reading);
      let later = 0;
      for (const promise of underWay) if (promise.sentMs > sentMs) later += promise.units;
      // What comes back while those later ones travel is there when they arrive.
      const backMs = shape === "bucket" && later > 0 ? Math.max(0, Math.min(MOST_TRAVEL_MS, now - sentMs)) : 0;
      const left = Math.min(limit, reading.remaining + (limit / windowMs) * backMs) - later;
      count(now);
      // An answer that later ones overtook may know less than they told.
      remaining = sentMs < freshestMs ? Math.min(remaining, left) : left;
      freshestMs = Math.max(freshestMs, sentMs);
      countedMs = now;
      endsMs = now + reading.resetInMs;
    },
  };
}
