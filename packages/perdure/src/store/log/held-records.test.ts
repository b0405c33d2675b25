import fc from "fast-check";
import { expect, test } from "vitest";
import { createHeldRecords } from "./held-records.ts";

const step = fc.oneof(
  fc.record({ do: fc.constant("add" as const), offset: fc.integer({ min: 0, max: 60 }), length: fc.integer({ min: 0, max: 9 }) }),
  fc.record({ do: fc.constant("release" as const), offset: fc.integer({ min: 0, max: 60 }), length: fc.constant(0) }),
);

test("says what a list of what counts says, whatever is added and released in whatever order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const held = createHeldRecords();
      const counts = new Map<number, number>();
      for (const { do: what, offset, length } of steps) {
        if (what === "release") expect(held.release(offset)).toBe(counts.delete(offset));
        else {
          held.add(offset, length);
          if (!counts.has(offset)) counts.set(offset, length);
        }
        expect([held.count, held.bytes, held.has(offset)]).toEqual([
          counts.size,
          [...counts.values()].reduce((sum, each) => sum + each, 0),
          counts.has(offset),
        ]);
      }
      const inOrder = [...counts].map(([offset, length]) => ({ offset, length })).sort((one, other) => one.offset - other.offset);
      expect(held.list()).toEqual(inOrder);
    }),
  );
});
