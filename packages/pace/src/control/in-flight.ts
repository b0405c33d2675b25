/**
 * How many calls may be under way at once, from how long they take: a service that is slow, and refuses nothing, is given less to do.
 *
 * What answers take lately is held against what they take for long (the gradient of Netflix' concurrency-limits). Up to half as long again is called the same;
 * beyond that the number falls in proportion. It rises by its root, and only while it is used: a number that nobody reached says nothing.
 * What says that the service is overloaded (529, 503, time run out) takes a third away, once for all that were under way.
 */
export interface InFlightSettings {
  readonly start: number;
  readonly least: number;
  /** Sockets and memory of this side. */
  readonly most: number;
}

export const IN_FLIGHT_SETTINGS: InFlightSettings = { start: 20, least: 1, most: 1000 };

export interface InFlight {
  readonly count: number;
  readonly limit: number;
  left(): void;
  /** An answer to a call that left at `sentMs`. */
  answered(nowMs: number, sentMs: number): void;
  overloaded(nowMs: number, sentMs: number): void;
  /** It ended without telling anything. */
  ended(): void;
}

/** Answers that "for long" and "lately" mean. */
const LONG = 500;
const SHORT = 20;
const TOLERANCE = 1.5;
const LEAST_GRADIENT = 0.5;
/** Of the way to what one answer says. */
const STEP = 0.05;
const AFTER_OVERLOAD = 2 / 3;

export function createInFlight({ start, least, most }: InFlightSettings = IN_FLIGHT_SETTINGS): InFlight {
  let count = 0;
  let limit = start;
  let [long, short] = [0, 0];
  let seen = 0;
  let droppedMs = Number.NEGATIVE_INFINITY;
  const settle = (to: number): void => {
    limit = Math.max(least, Math.min(most, to));
  };
  return {
    get count() {
      return count;
    },
    get limit() {
      return Math.floor(limit);
    },
    left: () => {
      count++;
    },
    answered: (nowMs, sentMs) => {
      const wasUsed = count * 2 >= limit;
      count--;
      const tookMs = Math.max(1, nowMs - sentMs);
      seen++;
      // Means of all, until there are enough: a first answer is not taken for what is usual.
      long += (tookMs - long) / Math.min(seen, LONG);
      short += (tookMs - short) / Math.min(seen, SHORT);
      // What is usual now was slow before: so a service that stays slow is not held down for ever.
      if (short < long / TOLERANCE) long *= 0.95;
      if (!wasUsed) return;
      const gradient = Math.max(LEAST_GRADIENT, Math.min(1, (TOLERANCE * long) / short));
      settle(limit + STEP * (limit * gradient + Math.sqrt(limit) - limit));
    },
    overloaded: (nowMs, sentMs) => {
      count--;
      if (sentMs <= droppedMs) return;
      droppedMs = nowMs;
      settle(limit * AFTER_OVERLOAD);
    },
    ended: () => {
      count--;
    },
  };
}
