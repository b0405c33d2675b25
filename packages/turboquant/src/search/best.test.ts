import fc from "fast-check";
import { expect, it } from "vitest";
import { placesOfLargest } from "./best.ts";

it("the largest, the largest first, of equals the earlier one first", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 5 })), fc.nat(20), (values, count) => {
      const expected = values
        .map((value, place) => ({ value, place }))
        .sort((left, right) => right.value - left.value || left.place - right.place)
        .slice(0, count)
        .map(({ place }) => place);
      expect(placesOfLargest(values, count)).toEqual(expected);
    }),
  );
});
