import fc from "fast-check";
import { expect, test } from "vitest";
import { LoadTable } from "./load-table.ts";

test("sums by sender and kind are those of a map", () => {
  const number = fc.oneof(fc.nat(5), fc.integer({ min: 0, max: 2 ** 30 - 1 }));
  const add = fc.tuple(number, fc.boolean(), fc.nat(1000));
  fc.assert(
    fc.property(fc.array(add, { maxLength: 3000, size: "max" }), (adds) => {
      const table = new LoadTable();
      const reference = new Map<string, [number, number]>();
      for (const [sender, wantsNotice, bytes] of adds) {
        table.add(sender, wantsNotice, 1 + (bytes % 3), bytes);
        const key = `${sender} ${wantsNotice}`;
        const [messages, all] = reference.get(key) ?? [0, 0];
        reference.set(key, [messages + 1 + (bytes % 3), all + bytes]);
      }
      const told = new Map<string, [number, number]>();
      table.forEach((sender, wantsNotice, messages, bytes) => {
        told.set(`${sender} ${wantsNotice}`, [messages, bytes]);
      });
      expect([...told].sort()).toEqual([...reference].sort());
    }),
    { numRuns: 30 },
  );
});
