import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIntervalSet, type Range } from "./interval-set.ts";

const ranges = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 9 })).map(([first, more]): Range => [first, first + more]),
  { maxLength: 40 },
);

describe("interval set", () => {
  it("holds exactly what a plain set of numbers holds", () => {
    fc.assert(
      fc.property(ranges, (added) => {
        const set = createIntervalSet();
        const model = new Set<number>();
        for (const [first, last] of added) {
          set.add(first, last);
          for (let value = first; value <= last; value++) model.add(value);
        }
        for (let value = 0; value <= 72; value++) expect(set.has(value)).toBe(model.has(value));
      }),
    );
  });

  it("keeps its ranges sorted, disjoint and not adjacent", () => {
    fc.assert(
      fc.property(ranges, (added) => {
        const kept = createIntervalSet(added).ranges;
        for (let index = 1; index < kept.length; index++)
          expect((kept[index] as Range)[0]).toBeGreaterThan((kept[index - 1] as Range)[1] + 1);
      }),
    );
  });

  it("finds the first missing number", () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 0, max: 70 }), (added, from) => {
        const set = createIntervalSet(added);
        let expected = from;
        while (set.has(expected)) expected++;
        expect(set.firstMissing(from)).toBe(expected);
      }),
    );
  });

  it("counts the numbers between two", () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 20 }), (added, first, more) => {
        const set = createIntervalSet(added);
        let expected = 0;
        for (let value = first; value <= first + more; value++) if (set.has(value)) expected++;
        expect(set.count(first, first + more)).toBe(expected);
      }),
    );
  });

  it("ignores an empty range", () => {
    const set = createIntervalSet();
    set.add(5, 4);
    expect(set.ranges).toEqual([]);
  });
});
