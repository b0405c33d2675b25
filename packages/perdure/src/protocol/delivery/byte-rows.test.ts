import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat, hex } from "../../wire/bytes.ts";
import { ByteRows } from "./byte-rows.ts";

describe("rows of bytes", () => {
  it("are what a list of them would be", () => {
    const row = fc.uint8Array({ minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), fc.array(row, { maxLength: 20 }), fc.nat(45), fc.nat(45), (first, more, from, to) => {
        const rows = new ByteRows(3, concat(...first, Uint8Array.of(9, 9)));
        for (const each of more) rows.push(concat(Uint8Array.of(7), each), 1);
        const all = [...first, ...more];
        expect(rows.length).toBe(all.length);
        expect(hex(rows.bytes)).toBe(hex(concat(...all)));
        expect([...rows].map(hex)).toEqual(all.map(hex));
        expect([...rows.slice(from, to)].map(hex)).toEqual(all.slice(from, Math.max(from, to)).map(hex));
      }),
    );
  });

  it("taken out change nothing where they came from", () => {
    const rows = new ByteRows(2, Uint8Array.of(1, 2, 3, 4));
    rows.slice(0, 1).push(Uint8Array.of(8, 8));
    rows.slice(1).bytes.fill(9);
    expect([...rows.bytes]).toEqual([1, 2, 3, 4]);
  });
});
