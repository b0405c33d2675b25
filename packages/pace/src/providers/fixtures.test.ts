import { describe, expect, it } from "vitest";
import { FIXTURES } from "./fixtures.ts";
import { readingsOf } from "./readings.ts";
import { verdictOf } from "./verdict.ts";

describe("answers of services", () => {
  it.each(FIXTURES.map((fixture) => [fixture.service, fixture] as const))("%s", (_service, fixture) => {
    const fields = new Headers(fixture.fields);
    const dateMs = Date.parse(fixture.at ?? "2026-11-23T12:00:00Z");
    const readings = readingsOf(fields, dateMs);
    expect(readings.length).toBe(fixture.readings.length);
    for (const [nth, expected] of fixture.readings.entries()) expect(readings[nth]).toMatchObject(expected);
    expect(verdictOf(fixture.status, fields, fixture.body ?? "", dateMs)).toEqual(fixture.verdict);
  });

  it("are by the service's own clock where it tells it", () => {
    const fields = new Headers({ date: "Mon, 23 Nov 2026 12:00:00 GMT", "retry-after": "Mon, 23 Nov 2026 12:00:09 GMT" });
    expect(verdictOf(429, fields, "", Date.parse("2026-11-23T15:00:00Z"))).toEqual({ kind: "refused", waitMs: 9000 });
  });
});

describe("fields that make no sense tell nothing", () => {
  it.each([
    [{ "x-ratelimit-limit": "many", "x-ratelimit-remaining": "3" }],
    [{ "x-ratelimit-limit": "10" }],
    [{ "x-ratelimit-limit": "0", "x-ratelimit-remaining": "0" }],
    [{ "x-ratelimit-limit": "1e9", "x-ratelimit-remaining": "NaN" }],
    [{ "x-ratelimit-limit": "99999999999999999999", "x-ratelimit-remaining": "1" }],
    [{ ratelimit: '"a' }],
    [{ ratelimit: ";;;==,,," }],
    [{ ratelimit: '"a";r=-5;t=3', "ratelimit-policy": '"a";q=10;w=60' }],
    [{ ratelimit: `${'"'.repeat(5000)}` }],
    [{ "anthropic-ratelimit-requests-limit": "50" }],
  ])("%j", (fields) => {
    expect(readingsOf(new Headers(fields as Record<string, string>), 0)).toEqual([]);
  });

  it.each(["", "soon", "-5", "1 apple", "NaN", "Infinity", "0x10", "10 s s", "1.2.3"])("a wait of %j", (written) => {
    expect(verdictOf(429, new Headers({ "retry-after": written }), "", 0)).toEqual({ kind: "refused" });
  });

  it.each([
    { "x-ratelimit-limit-requests": "612.3456789012345", "x-ratelimit-remaining-requests": "4.666666666666667" },
    { "x-ratelimit-limit": "612.3456789012345;w=60", "x-ratelimit-remaining": "4.666666666666667" },
    { "ratelimit-policy": '"a";q=612.3456789012345;w=60', ratelimit: '"a";r=4.666666666666667;t=9' },
  ])("but what was divided without rounding does: %j", (fields) => {
    const [reading] = readingsOf(new Headers(fields as Record<string, string>), 0);
    expect(reading).toMatchObject({ limit: 612.3456789012345, remaining: 4.666666666666667 });
  });

  it("a level above its limit is one that is full", () => {
    const [reading] = readingsOf(new Headers({ "x-ratelimit-limit": "10", "x-ratelimit-remaining": "11", "x-ratelimit-reset": "5" }), 0);
    expect(reading).toMatchObject({ limit: 10, remaining: 10 });
  });
});
