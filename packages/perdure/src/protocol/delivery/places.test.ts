import fc from "fast-check";
import { expect, test } from "vitest";
import { type Place, Places } from "./places.ts";

const place = fc.record({ segment: fc.nat(), offset: fc.maxSafeNat(), length: fc.nat() });

test("places come back as they were, in their order, also from two lists made one", () => {
  fc.assert(
    fc.property(fc.array(place), fc.array(place), (some, more) => {
      const [places, others] = [new Places(), new Places()];
      for (const { segment, offset, length } of some) places.add(segment, offset, length);
      for (const { segment, offset, length } of more) others.add(segment, offset, length);
      places.addAll(others);
      const told: Place[] = [];
      places.each((segment, offset, length) => void told.push({ segment, offset, length }));
      expect(told).toEqual([...some, ...more]);
      expect([...places]).toEqual(told);
      expect(places.length).toBe(told.length);
    }),
  );
});
