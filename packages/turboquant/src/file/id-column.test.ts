import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeIds, encodeIdSet, encodeIds } from "./id-column.ts";
import type { VectorId } from "./segment.ts";
import { codeOf } from "./test-code-of.ts";
import { anyIds, testIds } from "./test-columns.ts";

const again = (ids: readonly VectorId[]): readonly VectorId[] => decodeIds(encodeIds(ids, 0), ids.length, 0);

describe("a column of ids", () => {
  it("says the ids it was made of, in their order", () => {
    fc.assert(
      fc.property(anyIds, (ids) => {
        expect(again(ids)).toEqual(ids);
      }),
    );
  });

  it("says a set of ids in any order", () => {
    fc.assert(
      fc.property(anyIds, (ids) => {
        expect(new Set(decodeIds(encodeIdSet(ids), ids.length, 1))).toEqual(new Set(ids));
      }),
    );
  });

  it.each([
    [0, testIds(4096, 5)],
    [1, testIds(4096).map((id) => id * 256)],
    [2, testIds(4096).map((id) => id * 257)],
    [4, testIds(4096).map((id) => id * 2 ** 32)],
    [8, [0, 2 ** 32 + 1]],
    [8, [Number.MAX_SAFE_INTEGER, 0]],
  ])("takes %i bytes an id, as its widest gap wants", (width, ids) => {
    expect(encodeIds(ids, 0).length).toBe(16 + width * ids.length);
    expect(again(ids)).toEqual(ids);
  });

  it.each<readonly [string, unknown]>([
    ["a fraction", 0.5],
    ["a negative number", -1],
    ["a number beyond the safe ones", 2 ** 53],
    ["no number", Number.NaN],
    ["half of a pair of surrogates", "\uD800"],
    ["a string of 1,025 bytes", `${"é".repeat(512)}x`],
    ["something else", null],
  ])("refuses %s", (_name, id) => {
    expect(codeOf(() => encodeIds([id as VectorId], 0))).toBe("bad-argument");
  });

  it("refuses an id that comes twice, also where it is written so", () => {
    expect(codeOf(() => encodeIds(["a", "a"], 0))).toBe("bad-argument");
    const twice = encodeIds([9, 5], 0);
    twice[16] = 0;
    expect(codeOf(() => decodeIds(twice, 2, 0))).toBe("bad-file");
  });

  it("refuses a string that is too long, and bytes that belong to no string, where it is written so", () => {
    const column = encodeIds(["a".repeat(1024), "b"], 0);
    const lengths = new DataView(column.buffer, 16);
    lengths.setUint16(0, 1025, true);
    lengths.setUint16(2, 0, true);
    expect(codeOf(() => decodeIds(column, 2, 0))).toBe("bad-file");
    lengths.setUint16(0, 1000, true);
    expect(codeOf(() => decodeIds(column, 2, 0))).toBe("bad-file");
    lengths.setUint16(2, 25, true);
    expect(decodeIds(column, 2, 0)).toEqual(["a".repeat(1000), `${"a".repeat(24)}b`]);
  });

  it("bears any bytes", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(anyIds, fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 3 })).map(([ids, changes]) => {
        const column = encodeIds(ids, 0);
        for (const [at, byte] of changes) if (at < column.length) column[at] = byte;
        return column;
      }),
    );
    fc.assert(
      fc.property(bytes, fc.nat(70), (column, count) => {
        expect(["bad-file", "nothing"]).toContain(codeOf(() => decodeIds(column, count, 0)));
      }),
      {
        numRuns: 2000,
      },
    );
  });

  it("keeps few bytes from meaning many ids where nothing else stands for them", () => {
    const column = encodeIds(testIds(4096), 0);
    expect(column.length).toBe(16);
    expect(codeOf(() => decodeIds(column, 4096, 1))).toBe("bad-file");
    expect(decodeIds(column, 4096, 0)).toEqual(testIds(4096));
  });
});
