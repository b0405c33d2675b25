import fc from "fast-check";
import { expect, it } from "vitest";
import type { VectorId } from "../file/segment.ts";
import { IdTable } from "./id-table.ts";

const id = fc.oneof(fc.nat(50), fc.integer({ min: 2 ** 40, max: 2 ** 40 + 9 }), fc.constantFrom("a", "b", "7"));
const step = fc.record({ id, isRemoval: fc.boolean() });

it("finds the slot of every id that is there, in whatever order they came and went", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const live = new Set<number>();
      const expected = new Map<VectorId, number>();
      const left: number[] = [];
      const table = new IdTable((slot) => live.has(slot));
      let next = 0;
      for (const { id: name, isRemoval } of steps) {
        const old = expected.get(name);
        if (isRemoval) {
          if (old === undefined) continue;
          live.delete(old);
          expected.delete(name);
          table.forget(name);
          left.push(old);
        } else if (old === undefined) {
          const slot = left.pop() ?? next++;
          live.add(slot);
          table.put(slot, name);
          expected.set(name, slot);
        }
        for (const [each, slot] of expected) {
          expect(table.slotOf(each)).toBe(slot);
          expect(table.at(slot)).toBe(each);
        }
        for (const each of ["a", "b", "7", 0, 1, 2, 3, 50]) if (!expected.has(each)) expect(table.slotOf(each)).toBeUndefined();
      }
    }),
  );
});

it("takes four bytes an id as long as they rise, eight beyond 2^32", () => {
  const table = new IdTable(() => true);
  for (let slot = 0; slot < 10_000; slot++) table.put(slot, 3 * slot);
  expect(table.isMapped).toBe(false);
  expect(table.sizeBytes).toBe(3 * 4 * 4096);
  table.put(10_000, 2 ** 40);
  expect(table.slotOf(2 ** 40)).toBe(10_000);
  expect(table.slotOf(3 * 9999)).toBe(9999);
  expect(table.isMapped).toBe(false);
});
