import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Verdict, verdictOf } from "./verdict.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const DAY_MS = 86_400_000;

/** What is written, and how long that is. */
const WAITS: readonly (readonly [Readonly<Record<string, string>>, string, number | undefined])[] = [
  [{ "retry-after": "0" }, "", 0],
  [{ "retry-after": "120" }, "", 120_000],
  [{ "retry-after": " 7 " }, "", 7000],
  [{ "retry-after": "1.5" }, "", 1500],
  [{ "retry-after": "259200" }, "", 3 * DAY_MS],
  [{ "retry-after": "-5" }, "", undefined],
  [{ "retry-after": "Mon, 23 Nov 2026 12:00:30 GMT" }, "", 30_000],
  [{ "retry-after": "Mon, 23 Nov 2026 11:00:00 GMT" }, "", 0],
  [{ "retry-after": "Thu, 26 Nov 2026 12:00:00 GMT" }, "", 3 * DAY_MS],
  [{ "retry-after": "Monday, 23-Nov-26 12:00:30 GMT" }, "", 30_000],
  [{ "retry-after": "2026-11-23T12:00:30Z" }, "", 30_000],
  [{ "retry-after": "6m0s" }, "", 360_000],
  [{ "retry-after": "350ms" }, "", 350],
  [{ "retry-after": "1h2m3.5s" }, "", 3_723_500],
  [{ "retry-after": "1795435230" }, "", 30_000],
  [{ "retry-after": "1795435230000" }, "", 30_000],
  [{ "retry-after": "soon" }, "", undefined],
  [{ "retry-after": "soon" }, "Please try again in 3s.", 3000],
  [{ "retry-after": "99999999999999" }, "", 366 * DAY_MS],
  [{ "retry-after-ms": "1200" }, "", 1200],
  [{ "retry-after-ms": "1200.7" }, "", 1200.7],
  [{ "retry-after-ms": "259200000" }, "", 3 * DAY_MS],
  [{ "retry-after-ms": "1200", "retry-after": "9" }, "", 1200],
  [{ "retry-after-ms": "none", "retry-after": "9" }, "", 9000],
  [{ "retry-after-ms": "-1", "retry-after": "9" }, "", 9000],
  [{ "x-ms-retry-after-ms": "2500" }, "", 2500],
  [{ "retry-after": "5, 5" }, "", 5000],
  [{ "retry-after": "2,9.5" }, "", 9500],
  [{ "retry-after": "," }, "", undefined],
  [{}, "Retry in 2 minutes", 120_000],
  [{}, '{"error":{"details":[{"retryDelay":"0.5s"}]}}', 500],
  [{}, '{"retry_after":1.25}', 1250],
  [{}, "", undefined],
];

const UNITS: readonly (readonly [number, readonly string[]])[] = [
  [1, ["ms", "millisecond", "milliseconds"]],
  [1000, ["s", "sec", "secs", "second", "seconds", "second(s)"]],
  [60_000, ["m", "min", "mins", "minute", "minutes", "minute(s)", "min(s)"]],
  [3_600_000, ["h", "hr", "hrs", "hour", "hours", "hour(s)"]],
  [DAY_MS, ["day", "days", "day(s)"]],
];
const WORDS = UNITS.flatMap(([ms, names]) => names.flatMap((name) => [name, name.toUpperCase()].map((word) => [word, ms] as const)));

describe("a wait in words", () => {
  const said = (body: string): Verdict => verdictOf(429, new Headers(), body, NOW);

  it("is read by all of its unit, of any number of them", () => {
    const part = fc.record({
      amount: fc.integer({ min: 1, max: 30 }),
      unit: fc.constantFrom(...WORDS),
      gap: fc.constantFrom("", " ", " more "),
    });
    fc.assert(
      fc.property(
        fc.constantFrom("Please try again in ", "Retry after ", "You must wait "),
        fc.array(part, { minLength: 1, maxLength: 2 }),
        fc.constantFrom(" ", ", ", " and ", ", and "),
        fc.constantFrom("", ".", " and then go on.", " (request 7)"),
        (before, parts, between, after) => {
          const text = parts.map(({ amount, gap, unit: [word] }) => `${amount}${gap}${word}`).join(between);
          // After a smaller unit no larger one is of the wait.
          const isOfIt = parts.map(({ unit: [, ms] }, nth) => nth === 0 || ms < (parts[nth - 1] as (typeof parts)[0]).unit[1]);
          const waitMs = parts.reduce((sum, { amount, unit: [, ms] }, nth) => sum + (isOfIt[nth] === true ? amount * ms : 0), 0);
          expect(said(`${before}${text}${after}`), text).toEqual({ kind: "refused", waitMs });
        },
      ),
      { numRuns: 500, seed: 8 },
    );
  });

  it.each([
    ["Try again in 30s, 1 day limit 1000 requests", 30_000],
    ["Please wait 10 seconds, 3 days of quota remain", 10_000],
    ["Retry in 1 hr 5 mins and 20 secs", 3_920_000],
    ["Please try again in 1 minute(s) 30 second(s).", 90_000],
  ])("is what is to be waited in %j", (body, waitMs) => expect(said(body)).toEqual({ kind: "refused", waitMs }));

  it.each(["wait 3 months", "try again in 5 steps", "retry with 2 hands", "wait 7 sheep", "try again in 30 more", "wait 4 msgs"])(
    "is none in %j",
    (body) => expect(said(body)).toEqual({ kind: "refused" }),
  );
});

describe("a wait", () => {
  it.each(WAITS)("of %j %s is %s ms", (fields, body, waitMs) => {
    expect(verdictOf(429, new Headers(fields), body, NOW)).toEqual({ kind: "refused", ...(waitMs === undefined ? {} : { waitMs }) });
  });
});
