import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "./crc32.ts";
import { type Change, encodeChanges, HEAD, readJournal } from "./journal.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

const anyChanges = fc.array(
  fc
    .tuple(fc.string({ unit: "binary" }), fc.option(fc.jsonValue(), { nil: undefined }))
    .map(([key, value]): Change => (value === undefined ? [key] : [key, JSON.stringify(value)])),
  { minLength: 1, maxLength: 4 },
);

const valuesOf = (changes: readonly Change[]): unknown[] =>
  changes.map(([key, text]) =>
    text === undefined ? [JSON.parse(JSON.stringify(key))] : [JSON.parse(JSON.stringify(key)), JSON.parse(text)],
  );

describe("the journal", () => {
  it("has the checksum of zip", () => {
    expect(crc32(bytesOf("123456789"))).toBe(0xcbf43926);
  });

  it("begins with what it is", () => {
    expect(new TextDecoder().decode(HEAD)).toBe('30ed2c11 {"pace":"work","version":1}\n');
    expect(new TextDecoder().decode(encodeChanges([["a", "1"], ["b"]]))).toBe('96dcfca2 [["a",1],["b"]]\n');
  });

  it("reads what was written to it", () => {
    fc.assert(
      fc.property(fc.array(anyChanges), (batches) => {
        const read = readJournal(joined(HEAD, ...batches.map(encodeChanges)));
        expect(read).toEqual({ version: 1, tornBytes: 0, damaged: [], changes: batches.flatMap(valuesOf) });
      }),
    );
  });

  it("reads all lines before the one that was cut off, and says how long that one is", () => {
    fc.assert(
      fc.property(fc.array(anyChanges, { minLength: 1 }), fc.nat(), (batches, cut) => {
        const lines = batches.map(encodeChanges);
        const last = lines.at(-1) as Uint8Array;
        const left = cut % last.length;
        const read = readJournal(joined(HEAD, ...lines.slice(0, -1), last.subarray(0, left)));
        expect(read).toEqual({ version: 1, tornBytes: left, damaged: [], changes: batches.slice(0, -1).flatMap(valuesOf) });
      }),
    );
  });

  it("reads all lines around one that was damaged, and says where that one is", () => {
    fc.assert(
      fc.property(
        fc.array(anyChanges, { minLength: 2 }),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (batches, which, place, flip) => {
          const lines = batches.map(encodeChanges);
          const nth = which % (lines.length - 1);
          const hit = lines[nth] as Uint8Array;
          const at = place % (hit.length - 1);
          hit[at] = (hit[at] as number) ^ flip;
          const read = readJournal(joined(HEAD, ...lines));
          const offset = HEAD.length + lines.slice(0, nth).reduce((sum, { length }) => sum + length, 0);
          expect(read.damaged).toEqual([{ offset, sizeBytes: hit.length }]);
          expect(read.changes).toEqual(batches.filter((_, at) => at !== nth).flatMap(valuesOf));
        },
      ),
    );
  });

  it("reads anything at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { changes, tornBytes } = readJournal(bytes);
        expect([changes, tornBytes]).toEqual([[], bytes.length]);
      }),
    );
  });
});
