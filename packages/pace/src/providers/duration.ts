/** How long to wait, in the ways in which services write it. All of them in milliseconds, never below zero; `undefined` for what is none. */

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 };
const PART = /(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)/g;
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|d|h|m|s))+$/;
/** Most are of one part. */
const ONE = /^(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)$/;
const NUMBER = /^\d+(?:\.\d+)?$/;
const MOST_CHARACTERS = 50;
/** Seconds since 1970 that are later than 2001, which no number of seconds to wait is. */
const EPOCH_S = 1e9;
const EPOCH_MS = 1e12;
/** Longer is a mistake, and more than timers and dates hold. */
const MOST_MS = 366 * 86_400_000;

/** `6m0s`, `1.5s`, `350ms`, `1h2m`: as OpenAI, Go and Google write it. */
export function durationMs(text: string): number | undefined {
  // No pattern of ours is given more than a line.
  const one = text.length > MOST_CHARACTERS ? null : ONE.exec(text);
  if (one !== null) return bounded(Number(one[1]) * (UNIT_MS[one[2] as string] as number));
  const compact = text.trim().replaceAll(" ", "");
  if (compact.length > MOST_CHARACTERS || !DURATION.test(compact)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of compact.matchAll(PART)) sum += Number(amount) * (UNIT_MS[unit as string] as number);
  return bounded(sum);
}

/**
 * What `Retry-After` may be (RFC 9110, section 10.2.3: seconds or a date), and what is written there besides: durations, dates of RFC 3339, seconds or
 * milliseconds since 1970. `dateMs`: now, since 1970; by the service's own `Date` where it sends one.
 */
export function waitMs(text: string, dateMs: number): number | undefined {
  const written = text.trim();
  if (NUMBER.test(written)) {
    const number = Number(written);
    if (number >= EPOCH_MS) return bounded(number - dateMs);
    if (number >= EPOCH_S) return bounded(number * 1000 - dateMs);
    return bounded(number * 1000);
  }
  const duration = durationMs(written);
  if (duration !== undefined) return duration;
  // `Date.parse` takes "-5" and "1 apple" for dates.
  if (!/^(?:[A-Z][a-z]{2,8},? |\d{4}-\d{2}-\d{2}T)/.test(written)) return undefined;
  const then = Date.parse(written);
  return Number.isNaN(then) ? undefined : bounded(then - dateMs);
}

const DAY_MS = 86_400_000;

/** Until the next midnight in a zone, as "America/Los_Angeles"; an hour off on the day that its clocks change. */
export function untilMidnightMs(zone: string, dateMs: number): number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  const [hours = 0, minutes = 0, seconds = 0] = format.format(dateMs).split(":").map(Number);
  return DAY_MS - ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

function bounded(ms: number): number {
  return Math.max(0, Math.min(MOST_MS, ms));
}
