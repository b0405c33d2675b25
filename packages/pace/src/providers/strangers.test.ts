import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { durationMs, waitMs } from "./duration.ts";
import { FIXTURES } from "./fixtures.ts";
import { rateItems } from "./rate-fields.ts";
import { readingsOf } from "./readings.ts";
import { verdictOf } from "./verdict.ts";

const NAMES = [...new Set(FIXTURES.flatMap(({ fields }) => Object.keys(fields)))];
const VALUES = [...new Set(FIXTURES.flatMap(({ fields }) => Object.values(fields)))];
const BODIES = FIXTURES.flatMap(({ body }) => body ?? []);

/** Values as they are seen, pieces of them, and any text. */
const value = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.tuple(fc.constantFrom(...VALUES), fc.nat(30), fc.string({ maxLength: 8 })).map(([seen, at, text]) => seen.slice(0, at) + text),
  fc.array(fc.constantFrom(...'0123456789.-+eEsmhd;=,"\\ :TZqwrt'.split(""), "ms"), { maxLength: 30 }).map((parts) => parts.join("")),
  fc.double().map(String),
  fc.string({ maxLength: 40 }),
);
const fields = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 12 }).map((record) => {
  const map = new Map(Object.entries(record));
  return { get: (name: string) => map.get(name) ?? null };
});
const dateMs = fc.oneof(fc.constant(Date.UTC(2026, 10, 23)), fc.integer({ min: 0, max: 4e12 }));
/** A year, and a day. */
const LONGEST_MS = 367 * 86_400_000;

describe("whatever strangers write", () => {
  it("is readings that make sense, or none", () => {
    fc.assert(
      fc.property(fields, dateMs, (given, date) => {
        for (const { limit, remaining, windowMs, resetInMs, name } of readingsOf(given, date)) {
          expect(limit).toBeGreaterThan(0);
          expect(remaining).toBeGreaterThanOrEqual(0);
          expect(remaining).toBeLessThanOrEqual(limit);
          expect(windowMs).toBeGreaterThan(0);
          expect(windowMs).toBeLessThanOrEqual(LONGEST_MS);
          expect(resetInMs).toBeGreaterThanOrEqual(0);
          expect(resetInMs).toBeLessThanOrEqual(windowMs);
          expect(name.length).toBeLessThanOrEqual(40);
        }
      }),
      { numRuns: 3000, seed: 1 },
    );
  });

  it("is no reading without end, however many digits it has", () => {
    const endless = "9".repeat(400);
    const written: Readonly<Record<string, string>> = {
      ratelimit: `"a";r=${endless};t=${endless}`,
      "ratelimit-policy": `"a";q=${endless};w=${endless}`,
    };
    expect(readingsOf({ get: (name) => written[name] ?? null }, Date.UTC(2026, 10, 23))).toEqual([]);
  });

  it("is a verdict, and a wait that is none or makes sense", () => {
    const body = fc.oneof(fc.constantFrom(...BODIES), fc.string(), value);
    fc.assert(
      fc.property(fc.constantFrom(200, 400, 403, 408, 429, 500, 503, 529), fields, body, dateMs, (status, given, text, date) => {
        const verdict = verdictOf(status, given, text, date);
        if (!("waitMs" in verdict)) return;
        expect(verdict.waitMs).toBeGreaterThanOrEqual(0);
        expect(verdict.waitMs).toBeLessThanOrEqual(LONGEST_MS);
      }),
      { numRuns: 3000, seed: 2 },
    );
  });

  it("is a duration that makes sense, or none", () => {
    fc.assert(
      fc.property(value, dateMs, (text, date) => {
        for (const ms of [durationMs(text), waitMs(text, date)]) if (ms !== undefined) expect(ms >= 0 && ms <= LONGEST_MS).toBe(true);
      }),
      { numRuns: 3000, seed: 3 },
    );
  });

  /** Texts that make patterns go back and forth: twenty thousand characters of each. A pattern that does takes minutes; the limit is for slow machines. */
  it.each([
    "wait ",
    "try again 1s ",
    "1m1s",
    "1 m ",
    "9",
    "9.9",
    '"',
    "\\",
    '";',
    "a=",
    ",",
    "retry".repeat(9),
    '"retryDelay":"1',
    "1s ".repeat(5),
    "\t",
    "wait 1.1.1.",
    "-",
    "Mon ",
  ])("is read in no time: %j again and again", (piece) => {
    const long = piece.repeat(Math.ceil(20_000 / piece.length));
    const given = { get: () => long };
    const from = performance.now();
    readingsOf(given, 0);
    verdictOf(429, given, long, 0);
    verdictOf(429, { get: () => null }, `${long}x`, 0);
    waitMs(long, 0);
    rateItems(long.slice(0, 4000));
    expect(performance.now() - from).toBeLessThan(1000);
  });
});
