import fc from "fast-check";
import { expect, test } from "vitest";
import { type PositionColumns, PositionTable } from "./position-table.ts";

/** Few, so that they come again, and some that lie far from the others. */
const position = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 2 ** 32 - 40, max: 2 ** 32 + 40 }), fc.maxSafeNat());
const step = fc.record({ position, add: fc.boolean() });

function columnsOf(rows: number): PositionColumns {
  return { positions: new Float64Array(rows), next: new Int32Array(rows) };
}

test("it finds what a map finds, whatever came and went", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: "max" }), (steps) => {
      const columns = columnsOf(steps.length);
      const table = new PositionTable();
      const map = new Map<number, number>();
      for (const [row, each] of steps.entries()) {
        const known = map.get(each.position) ?? -1;
        expect(table.find(columns, each.position)).toBe(known);
        if (!each.add) {
          expect(table.remove(columns, each.position)).toBe(known);
          map.delete(each.position);
        } else if (known < 0) {
          columns.positions[row] = each.position;
          table.add(columns, row);
          map.set(each.position, row);
        }
        expect(table.size).toBe(map.size);
      }
      for (const [at, row] of map) expect(table.find(columns, at)).toBe(row);
      expect([...table.positions(columns)]).toEqual([...map.keys()].sort((one, other) => one - other));
    }),
  );
});

test("after a hundred thousand came and went it is as small as before, and holds the last", () => {
  const columns = columnsOf(100_001);
  const table = new PositionTable();
  for (let row = 0; row < 100_000; row++) {
    columns.positions[row] = row + 1;
    table.add(columns, row);
  }
  for (let row = 0; row < 100_000; row++) expect(table.remove(columns, row + 1)).toBe(row);
  columns.positions[100_000] = 5;
  table.add(columns, 100_000);
  expect([table.size, table.find(columns, 5), table.find(columns, 6)]).toEqual([1, 100_000, -1]);
});

test("whichever positions an agent leaves, no look at one goes past many others", () => {
  const sent = 2 ** 16;
  const third = Math.floor(sent / 3);
  const left: Readonly<Record<string, (position: number) => boolean>> = {
    "three rows, a third of the table apart": (position) => position % third < 6000,
    "every second, up to a place": (position) => position % 2 === 0 && position < sent / 4,
    "every sixteenth": (position) => position % 16 === 0,
  };
  for (const [name, stays] of Object.entries(left)) {
    let looks = 0;
    const held = new Float64Array(sent + 1);
    const positions = new Proxy(held, {
      get: (target, key) => {
        looks++;
        return Reflect.get(target, key) as unknown;
      },
    });
    const columns = { ...columnsOf(sent + 1), positions };
    const table = new PositionTable();
    const waiting = 14_000;
    for (let position = 1; position <= sent; position++) {
      held[position] = position;
      table.add(columns, position);
      if (position > waiting && !stays(position - waiting)) table.remove(columns, position - waiting);
    }
    for (let position = sent - waiting + 1; position <= sent; position++) if (!stays(position)) table.remove(columns, position);
    const count = table.size;
    looks = 0;
    for (let position = 1; position <= sent; position++) if (stays(position)) expect(table.remove(columns, position)).toBe(position);
    expect([name, count > 4000, Math.round(looks / count) <= 8]).toEqual([name, true, true]);
  }
});
