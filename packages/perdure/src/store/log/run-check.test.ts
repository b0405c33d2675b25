import { crc32 as nativeCrc32 } from "node:zlib";
import fc from "fast-check";
import { expect, it } from "vitest";
import { crc32, crc32Behind } from "./crc32.ts";
import { createRunCheck, type RunCheck } from "./run-check.ts";
import { encodeBatch, RECORD, RECORD_HEADER_BYTES, type RecordKind, SNAPSHOT } from "./segment-format.ts";

const LENGTHS = [0, 1, 40, 900, 5000];

/** Of a run as it was written. */
function judge(check: RunCheck, lengths: readonly number[]): boolean | undefined {
  const place = { logId: new Uint8Array(8), segment: 1, offset: 0 };
  const records = lengths.map((length) => ({ kind: RECORD as RecordKind, payload: new Uint8Array(length).fill(9) }));
  let next = 32 + RECORD_HEADER_BYTES;
  const offsets = lengths.map((length) => {
    const offset = next;
    next += length + RECORD_HEADER_BYTES;
    return offset;
  });
  return check({ ...place, offset: 32 }, encodeBatch(place, 1, records).slice(32), offsets, lengths);
}

it("the checksum of two pieces is that of the first, brought behind the second, xor that of the second", () => {
  const piece = fc.uint8Array({ maxLength: 3000 });
  fc.assert(
    fc.property(piece, piece, (first, second) => {
      const both = Uint8Array.from([...first, ...second]);
      expect((crc32Behind(second.length)(crc32(first)) ^ crc32(second)) >>> 0).toBe(crc32(both));
    }),
  );
});

it("a run is right as it was written, and wrong with one bit anywhere in its records that is another", () => {
  const lengths = fc.array(fc.constantFrom(...LENGTHS), { minLength: 1, maxLength: 40 });
  const chosen = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 });
  fc.assert(
    fc.property(lengths, chosen, fc.nat(), fc.nat(), fc.nat({ max: 5000 }), (all, isChosen, whichRecord, whichBit, segment) => {
      const check = createRunCheck();
      const place = { logId: new Uint8Array(8).fill(3), segment: segment + 1, offset: 4096, crc32: nativeCrc32 };
      for (const length of LENGTHS) expect(judge(check, [length])).toBe(true);
      const kindOf = (index: number): RecordKind => (index % 5 === 4 ? SNAPSHOT : RECORD);
      const records = all.map((length, index) => ({ kind: kindOf(index), payload: new Uint8Array(length).fill(index + 1) }));
      const batch = encodeBatch(place, 1, records);
      let next = place.offset + 32 + RECORD_HEADER_BYTES;
      const offsets = all.map((length) => {
        const offset = next;
        next += length + RECORD_HEADER_BYTES;
        return offset;
      });
      const wanted = all.map((_, index) => index).filter((index) => index === 0 || isChosen[index] === true);
      const from = (offsets[0] as number) - RECORD_HEADER_BYTES;
      const bytes = batch.slice(from - place.offset);
      const [starts, sizes] = [wanted.map((index) => offsets[index] as number), wanted.map((index) => all[index] as number)];
      const isRight = (): boolean | undefined => check({ ...place, offset: from }, bytes, starts, sizes);
      expect(isRight()).toBe(true);
      const record = whichRecord % wanted.length;
      const start = (starts[record] as number) - RECORD_HEADER_BYTES - from;
      const bit = whichBit % (8 * ((sizes[record] as number) + RECORD_HEADER_BYTES));
      const at = start + (bit >>> 3);
      bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
      expect(isRight()).toBe(false);
      bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
      expect(isRight()).toBe(true);
      // The same bytes elsewhere are not those records.
      expect(check({ ...place, segment: segment + 2, offset: from }, bytes, starts, sizes)).toBe(false);
      expect(
        check(
          { ...place, offset: from },
          bytes.subarray(0, -1 - (bytes.length - ((starts.at(-1) as number) + (sizes.at(-1) as number) - from))),
          starts,
          sizes,
        ),
      ).toBe(false);
    }),
    { numRuns: 200 },
  );
});

it("a run whose records all have another length is not judged; one of few lengths is, however many there were before", () => {
  const check = createRunCheck();
  expect(
    judge(
      check,
      Array.from({ length: 32 }, (_, index) => index),
    ),
  ).toBe(undefined);
  for (let length = 0; length < 200; length++) expect(judge(check, [length, length, length])).toBe(true);
});
