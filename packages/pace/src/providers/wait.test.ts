import { describe, expect, it } from "vitest";
import { verdictOf } from "./verdict.ts";

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
  [{}, "Retry in 2 minutes", 120_000],
  [{}, '{"error":{"details":[{"retryDelay":"0.5s"}]}}', 500],
  [{}, '{"retry_after":1.25}', 1250],
  [{}, "", undefined],
];

describe("a wait", () => {
  it.each(WAITS)("of %j %s is %s ms", (fields, body, waitMs) => {
    expect(verdictOf(429, new Headers(fields), body, NOW)).toEqual({ kind: "refused", ...(waitMs === undefined ? {} : { waitMs }) });
  });
});
