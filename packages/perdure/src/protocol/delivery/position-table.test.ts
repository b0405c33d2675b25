import fc from "fast-check";
import { expect, test } from "vitest";
import { PositionTable } from "./position-table.ts";

/** Few, so that they come again, and some that lie far from the others. */
const position = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 2 ** 32 - 40, max: 2 ** 32 + 40 }), fc.maxSafeNat());
const step = fc.record({ position, add: fc.boolean() });

test("it finds what a map finds, whatever came and went", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: "max" }), (steps) => {
      const positions = new Float64Array(steps.length);
      const table = new PositionTable();
      const map = new Map<number, number>();
      for (const [row, each] of steps.entries()) {
        const known = map.get(each.position) ?? -1;
        expect(table.find(positions, each.position)).toBe(known);
        if (!each.add) {
          expect(table.remove(positions, each.position)).toBe(known);
          map.delete(each.position);
        } else if (known < 0) {
          positions[row] = each.position;
          table.add(positions, row);
          map.set(each.position, row);
        }
        expect(table.size).toBe(map.size);
      }
      for (const [at, row] of map) expect(table.find(positions, at)).toBe(row);
      expect([...table.positions(positions)]).toEqual([...map.keys()].sort((one, other) => one - other));
    }),
  );
});

test("after a hundred thousand came and went it is as small as before, and holds the last", () => {
  const positions = new Float64Array(100_001);
  const table = new PositionTable();
  for (let row = 0; row < 100_000; row++) {
    positions[row] = row + 1;
    table.add(positions, row);
  }
  for (let row = 0; row < 100_000; row++) expect(table.remove(positions, row + 1)).toBe(row);
  positions[100_000] = 5;
  table.add(positions, 100_000);
  expect([table.size, table.find(positions, 5), table.find(positions, 6)]).toEqual([1, 100_000, -1]);
});
