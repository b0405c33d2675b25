/**
 * How many calls may be under way at once, from how long they take: a service that is slow, and refuses nothing, is given less to do.
 *
 * What answers take lately is held against the least that they took in the last hour: what they take for long would follow a service that is slow because
 * of us. Up to half as long again is called the same; beyond that the number falls in proportion, and below it rises by its root, and only while it is used:
 * a number that nobody reached says nothing. Where a quarter of the number takes as long still it is not slow because of us, and that is usual from now on.
 * What says that the service is overloaded (529, 503, time run out) takes a fifth away, once for all that were under way. The number rises slowly around
 * where that was, for there it will be so again, and as ever beyond.
 *
 * Answers that take long by nature are few: each raises the number by as much more. Where all are under way and none is answered for long the number rises by time, so
 * that models which think for a minute are not asked four things at a time, and calls that are never answered close nothing.
 */
export interface InFlightSettings {
  readonly start: number;
  readonly least: number;
  /** Sockets and memory of this side. */
  readonly most: number;
}

/** Four to begin with: what is usual is learned from the first answers, and with more of them from several processes those are slow already. */
export const IN_FLIGHT_SETTINGS: InFlightSettings = { start: 4, least: 1, most: 1000 };

export interface InFlight {
  readonly count: number;
  readonly limit: number;
  left(): void;
  /** Somebody waits for one to end; gives when it is to be asked again, as more may be under way then, or now. */
  awaited(nowMs: number): number;
  /** An answer to a call that left at `sentMs`. */
  answered(nowMs: number, sentMs: number): void;
  overloaded(nowMs: number, sentMs: number): void;
  /** It ended without telling anything. */
  ended(): void;
}

/** Answers that "lately" means, and how many of them say something at all. */
const LATELY = 40;
const FEW = 10;
/** The least grows by a factor e in so long: what was usual hours ago is not now. */
const FORGETTING_MS = 1_800_000;
const TOLERANCE = 1.5;
const LEAST_GRADIENT = 0.5;
/** Of the way to what one answer says. */
const STEP = 0.05;
/** With so much less under way answers would be faster than so much, were it for us that they are slow. */
const MUCH_LESS = 0.25;
const AS_SLOW = 0.75;
/** Three processes have .94 of what twenty workers can do, and one answer in eighty says that it is too much. */
const AFTER_OVERLOAD = 0.8;
const NEAR_OVERLOAD = 0.85;
const BEYOND_OVERLOAD = 1.2;
const SLOWLY = 0.05;
/** Answers that take so long, or less, raise it by one step. */
const USUAL_MS = 500;
/** No answer for so long, at first and when it is known what they take. */
const SILENT_MS = 5000;
const LATER_SILENT_MS = 30_000;
const USUAL_TIMES = 10;
const BY_SILENCE = 1.25;
/** Who said that he is overloaded is not given more for his silence. */
const OVERLOADED_MS = 60_000;

export function createInFlight({ start, least, most }: InFlightSettings = IN_FLIGHT_SETTINGS): InFlight {
  let count = 0;
  let limit = start;
  let seen = 0;
  let lately = 0;
  let usual = Number.POSITIVE_INFINITY;
  let usualMs: number | undefined;
  /** When it began to fall for what answers take. */
  let fall: { readonly limit: number; readonly lately: number } | undefined;
  let droppedMs = Number.NEGATIVE_INFINITY;
  let overloadedAt = Number.POSITIVE_INFINITY;
  /** Since when all that may be are under way, and none ended. */
  let silentMs: number | undefined;
  const settle = (to: number): void => {
    limit = Math.max(least, Math.min(most, to));
  };
  const measure = (nowMs: number, tookMs: number): void => {
    seen++;
    // A mean of all, until there are enough: a first answer is not taken for what is usual.
    lately += (tookMs - lately) / Math.min(seen, LATELY);
    usual *= Math.exp((nowMs - (usualMs ?? nowMs)) / FORGETTING_MS);
    usualMs = nowMs;
    if (seen >= FEW) usual = Math.min(usual, lately);
  };
  const lower = (gradient: number): void => {
    fall ??= { limit, lately };
    settle(limit + STEP * limit * (gradient - 1));
    if (limit > Math.max(least, MUCH_LESS * fall.limit)) return;
    if (lately > AS_SLOW * fall.lately) usual = lately;
    fall = undefined;
  };
  const raise = (): void => {
    fall = undefined;
    const isNear = limit > NEAR_OVERLOAD * overloadedAt && limit < BEYOND_OVERLOAD * overloadedAt;
    const long = Math.max(1, Math.min(usual, lately) / USUAL_MS);
    settle(limit + STEP * Math.sqrt(limit) * long * (isNear ? SLOWLY : 1));
  };
  const end = (): void => {
    count--;
    silentMs = undefined;
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
    awaited: (nowMs) => {
      silentMs ??= nowMs;
      const longMs = seen < FEW ? SILENT_MS : Math.max(LATER_SILENT_MS, USUAL_TIMES * lately);
      const dueMs = Math.max(silentMs + longMs, droppedMs + OVERLOADED_MS);
      if (nowMs < dueMs) return dueMs;
      const before = limit;
      settle(Math.max(limit * BY_SILENCE, limit + 1));
      silentMs = nowMs;
      return limit > before ? nowMs : nowMs + longMs;
    },
    answered: (nowMs, sentMs) => {
      const wasUsed = count * 2 >= limit;
      end();
      measure(nowMs, Math.max(1, nowMs - sentMs));
      if (!wasUsed) return;
      const gradient = Math.max(LEAST_GRADIENT, (TOLERANCE * usual) / lately);
      if (gradient < 1) lower(gradient);
      else raise();
    },
    overloaded: (nowMs, sentMs) => {
      end();
      if (sentMs <= droppedMs) return;
      droppedMs = nowMs;
      overloadedAt = limit;
      settle(limit * AFTER_OVERLOAD);
    },
    ended: end,
  };
}
