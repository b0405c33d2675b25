import fc from "fast-check";
import { expect, test } from "vitest";
import { NumberedSlots } from "./numbered-slots.ts";

test("slots say what a map under the same numbers says, however many were let go of", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("add" as const), count: fc.oneof(fc.nat(5), fc.nat(3000)) }),
    // Counted from the oldest that is there, or from the newest.
    fc.record({ do: fc.constant("delete" as const), count: fc.oneof(fc.nat(5), fc.nat(3000)), skip: fc.nat(3), newest: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const slots = new NumberedSlots<string>();
      const map = new Map<number, string>();
      let given = 0;
      for (const each of steps) {
        if (each.do === "add") {
          for (let count = 0; count < each.count; count++) {
            slots.add(++given, `${given}`);
            map.set(given, `${given}`);
          }
        } else {
          const held = [...map.keys()];
          const from = each.newest ? Math.max(0, held.length - each.count) : each.skip;
          for (const number of held.slice(from, from + each.count)) {
            slots.delete(number);
            slots.delete(number);
            map.delete(number);
          }
        }
        expect(slots.size).toBe(map.size);
        expect([...slots.keys()]).toEqual([...map.keys()]);
        for (const number of [-1, 0, 1, given - 1, given, given + 1, ...[...map.keys()].slice(0, 3)])
          expect(slots.get(number), `number ${number}`).toBe(map.get(number));
      }
    }),
    { numRuns: 60 },
  );
});

test("some may be let go of while all are gone through", () => {
  const slots = new NumberedSlots<number>();
  for (let number = 1; number <= 5000; number++) slots.add(number, number);
  const seen: number[] = [];
  for (const number of slots.keys()) {
    if (slots.size <= 1000) break;
    seen.push(number);
    slots.delete(number);
  }
  expect([seen.length, seen.at(-1), slots.size, slots.get(4001)]).toEqual([4000, 4000, 1000, 4001]);
});

test("a number that is not the next is an error, and not a hole", () => {
  const slots = new NumberedSlots<number>();
  slots.add(1, 1);
  expect(() => slots.add(3, 3)).toThrow(RangeError);
  expect(() => slots.add(1, 1)).toThrow(RangeError);
});
