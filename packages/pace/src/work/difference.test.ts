import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differenceOf } from "./difference.ts";
import type { Json } from "./json.ts";

describe("where two payloads differ", () => {
  it.each<[Json, Json, string | undefined]>([
    [{ day: 1, zone: "UTC" }, { zone: "UTC", day: 1 }, undefined],
    [{ day: 1, zone: "UTC" }, { day: 2, zone: "UTC" }, 'it differs in "day"'],
    [{ day: 1 }, { day: 1, zone: "UTC" }, 'it differs in "zone"'],
    [{ a: { b: 1 } }, { a: { b: 2 } }, 'it differs in "a"'],
    [{ a: 1, b: 1, c: 1, d: 1, e: 1 }, {}, 'it differs in "a", "b", "c" and 2 more'],
    [[1, 2], [1, 3, 4], 'it differs in "1", "2"'],
    [[], {}, "it is an object and was a list"],
    [null, "x", "it is a text and was null"],
    ["x", "y", "it is another text"],
    [1, 2, "it is another number"],
    [{ constructor: 1 }, {}, 'it differs in "constructor"'],
  ])("of %j and %j is told: %s", (kept, given, said) => {
    expect(differenceOf(kept, given)).toBe(said);
  });

  it("is nothing for the same, and a few words for any others", () => {
    const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);
    fc.assert(
      fc.property(json, json, (one, other) => {
        expect(differenceOf(one, structuredClone(one))).toBeUndefined();
        expect((differenceOf(one, other) ?? "").length).toBeLessThan(250);
      }),
    );
  });
});
