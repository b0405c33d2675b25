import fc from "fast-check";
import { expect, test } from "vitest";
import { Few } from "./few.ts";

const KEYS = ["a", "b", "c"];
const step = fc.record({ what: fc.constantFrom("set", "delete"), key: fc.constantFrom(...KEYS), value: fc.nat() });

test("is what a map is, in the same order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [few, map] = [new Few<number>(), new Map<string, number>()];
      for (const { what, key, value } of steps) {
        if (what === "set") {
          few.set(key, value);
          map.set(key, value);
        } else {
          few.delete(key);
          map.delete(key);
        }
        expect([few.size, [...few], [...few.keys()], [...few.values()]]).toEqual([map.size, [...map], [...map.keys()], [...map.values()]]);
        for (const each of KEYS) expect([few.get(each), few.has(each)]).toEqual([map.get(each), map.has(each)]);
      }
    }),
  );
});

test.each([1, 2, 3])("each of %i can be taken out while they are gone through", (count) => {
  const few = new Few<number>();
  for (let nth = 0; nth < count; nth++) few.set(`${nth}`, nth);
  const seen: string[] = [];
  for (const [key] of few) {
    seen.push(key);
    few.delete(key);
  }
  expect([seen.length, few.size]).toEqual([count, 0]);
});

test("an entry whose value is undefined is one", () => {
  const few = new Few<undefined>();
  few.set("a", undefined);
  expect([few.size, few.has("a"), [...few]]).toEqual([1, true, [["a", undefined]]]);
});
