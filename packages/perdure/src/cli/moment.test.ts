import { describe, expect, it } from "vitest";
import { parseMoment } from "./moment.ts";

const NOW_MS = Date.parse("2026-11-21T14:00:00Z");

describe("a moment", () => {
  it.each<[string, number]>([
    ["2h", NOW_MS - 2 * 3_600_000],
    ["3d", NOW_MS - 3 * 86_400_000],
    ["2026-11-20", Date.parse("2026-11-20T00:00")],
    ["2026-11-20 08:30", Date.parse("2026-11-20T08:30")],
    ["2026-11-20T08:30Z", Date.parse("2026-11-20T08:30Z")],
    ["2026-11-20T08:30:10+02:00", Date.parse("2026-11-20T08:30:10+02:00")],
  ])("%s is understood", (text, atMs) => {
    expect(parseMoment(text, NOW_MS)).toBe(atMs);
  });

  it.each(["", "yesterday", "2026", "2027-01-01", "2026-13-01", "12", "1e9d", "-2h"])("%j is refused", (text) => {
    expect(() => parseMoment(text, NOW_MS)).toThrow(expect.objectContaining({ code: "bad-argument" }));
  });

  it("of the future says so, and how moments are written", () => {
    const error = { message: '"2030-01-01" lies in the future', hint: expect.stringContaining("how long ago (2h, 3d) or a date") };
    expect(() => parseMoment("2030-01-01", NOW_MS)).toThrow(expect.objectContaining(error));
  });
});
