import fc from "fast-check";
import { expect, it } from "vitest";
import { SpareMemory } from "../../host/spare-memory.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { RecordAt } from "./record-log.ts";
import { createRecordReading } from "./record-reading.ts";
import { BATCH_HEADER_BYTES, encodeBatch, RECORD, RECORD_HEADER_BYTES, type RecordKind } from "./segment-format.ts";

const LOG_ID = new Uint8Array(8).fill(3);
const LONG_BYTES = 90_000;

interface Scene {
  readonly reading: ReturnType<typeof createRecordReading>;
  /** Of all segments, in order. */
  readonly at: readonly RecordAt[];
  readonly segments: readonly Bytes[];
  /** Reads, those of them at a time, and the bytes of those. */
  readonly count: { reads: number; underWay: number; most: number; bytes: number; mostBytes: number };
  failing: boolean;
  moved: boolean;
  /** Memory that reads were given. */
  readonly memories: Set<Bytes>;
}

const isBefore = (one: RecordAt | undefined, other: Omit<RecordAt, "length">): boolean =>
  one !== undefined && (one.segment < other.segment || (one.segment === other.segment && one.offset <= other.offset));

/** Segments of one batch each, with records of these lengths. */
function scene(
  lengths: readonly (readonly number[])[],
  pending: ReadonlySet<number> = new Set(),
  options: { readonly spare?: SpareMemory } = {},
): Scene {
  const at: RecordAt[] = [];
  const segments = lengths.map((each, index) => {
    const records = each.map((length, nth) => ({ kind: RECORD as RecordKind, payload: new Uint8Array(length).fill(index + nth + 1) }));
    let offset = BATCH_HEADER_BYTES + RECORD_HEADER_BYTES;
    for (const length of each) {
      at.push({ segment: index + 1, offset, length });
      offset += length + RECORD_HEADER_BYTES;
    }
    return encodeBatch({ logId: LOG_ID, segment: index + 1, offset: 0 }, 1, records);
  });
  const made: Scene = {
    at,
    segments,
    count: { reads: 0, underWay: 0, most: 0, bytes: 0, mostBytes: 0 },
    failing: false,
    moved: false,
    memories: new Set(),
    reading: createRecordReading({
      queue: {
        pending: (place) => (pending.has(at.indexOf(place)) ? Uint8Array.of(at.indexOf(place)) : undefined),
        reaches: (segment, offset) => [...pending].some((index) => isBefore(at[index], { segment, offset })),
      },
      segments: { actual: (place) => place, liesAsKnown: () => !made.moved },
      files: {
        path: (segment) => `${segment}`,
        read: async (segment, offset, length, memory) => {
          const { count } = made;
          count.reads++;
          count.most = Math.max(count.most, ++count.underWay);
          count.bytes += length;
          count.mostBytes = Math.max(count.mostBytes, count.bytes);
          await Promise.resolve();
          count.underWay--;
          count.bytes -= length;
          if (made.failing && length > LONG_BYTES) throw new PerdureError("disk-failed", "a long read failed");
          const found = (segments[segment - 1] as Bytes).slice(offset, offset + length);
          if (memory === undefined) return found;
          made.memories.add(memory);
          memory.set(found);
          return memory.subarray(0, found.length);
        },
      },
      logId: LOG_ID,
      crc32: undefined,
      spare: options.spare,
    }),
  };
  return made;
}

it("many are what each is by itself, in whatever order they are asked for, damaged or pending", async () => {
  const lengths = fc.array(fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 12 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(
      lengths,
      fc.array(fc.nat(), { maxLength: 30 }),
      fc.array(fc.nat(), { maxLength: 3 }),
      fc.nat(),
      async (each, asked, flips, first) => {
        const { reading, at, segments } = scene(each, new Set([first % 40]));
        for (const flip of flips) {
          const place = at[flip % Math.max(1, at.length)];
          if (place === undefined) continue;
          const bytes = segments[place.segment - 1] as Bytes;
          bytes[place.offset - 1 - (flip % RECORD_HEADER_BYTES)] = (bytes[place.offset - 1 - (flip % RECORD_HEADER_BYTES)] as number) ^ 1;
        }
        const places = at.length === 0 ? [] : asked.map((index) => at[index % at.length] as RecordAt);
        const all = await reading.readAll(places);
        expect(all.length).toBe(places.length);
        for (const [index, place] of places.entries()) {
          const alone = await reading.read(place).catch((error: unknown) => error);
          if (alone instanceof Uint8Array) expect(all[index]?.record).toEqual(alone);
          else expect(all[index]?.failure).toMatchObject({ code: "log-damaged", message: (alone as Error).message });
        }
      },
    ),
    { numRuns: 60 },
  );
});

it("neighbours are one read, and over records of others in between", async () => {
  const { reading, at, count } = scene([Array.from({ length: 300 }, () => 800), [800, 800]]);
  await reading.readAll(at.filter((_, index) => index % 3 === 0));
  expect(count.reads).toBe(2);
  const apart = scene([[10, 20_000, 10]]);
  await apart.reading.readAll(apart.at.filter(({ length }) => length === 10));
  expect(apart.count.reads).toBe(2);
});

it("records far apart take no more memory than such that lie side by side", async () => {
  const { reading, at, count } = scene([Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? 100 : 16_000))]);
  const all = await reading.readAll(at.filter(({ length }) => length === 100));
  expect(all.filter(({ record }) => record?.length === 100).length).toBe(100);
  expect(count.mostBytes).toBeLessThanOrEqual(256 * 1024 + RECORD_HEADER_BYTES);
  expect(new Set(all.map(({ record }) => record?.buffer.byteLength))).toEqual(new Set([100]));
  const many = scene([Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? 100 : 20_000))]);
  await many.reading.readAll(many.at.filter(({ length }) => length === 100));
  expect([many.count.reads, many.count.most]).toEqual([100, 100]);
});

it("a long read that fails takes nothing from those that can be read", async () => {
  const given = scene([Array.from({ length: 200 }, () => 800)]);
  given.failing = true;
  const all = await given.reading.readAll(given.at);
  expect(all.filter(({ record }) => record?.length === 800).length).toBe(200);
});

const offsetsOf = (places: readonly RecordAt[]): readonly number[] => places.map(({ offset }) => offset);
const lengthsOf = (places: readonly RecordAt[]): readonly number[] => places.map(({ length }) => length);

it("a run is what its records are one by one, in one read; `undefined` where one of them is not what was written", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 9_000 }), { minLength: 1, maxLength: 30 }),
      fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
      fc.option(fc.tuple(fc.nat(), fc.nat())),
      async (lengths, chosen, flip) => {
        const { reading, at, segments, count } = scene([lengths]);
        const places = at.filter((_, index) => index === 0 || chosen[index] === true);
        const { offset, length } = places[(flip?.[0] ?? 0) % places.length] as RecordAt;
        if (flip !== null) {
          const bytes = segments[0] as Bytes;
          const damaged = offset - RECORD_HEADER_BYTES + (flip[1] % (RECORD_HEADER_BYTES + length));
          bytes[damaged] = (bytes[damaged] as number) ^ (1 << (flip[1] % 8));
        }
        const read = await reading.readRun(1, offsetsOf(places), lengthsOf(places));
        expect(read === undefined).toBe(flip !== null);
        for (const place of read === undefined ? [] : places) {
          const start = place.offset - (read?.from ?? 0);
          expect(read?.bytes.subarray(start, start + place.length)).toEqual(
            (segments[0] as Bytes).subarray(place.offset, place.offset + place.length),
          );
        }
        expect(count.reads).toBe(1);
      },
    ),
    { numRuns: 100 },
  );
});

it("no run is read of records that are not durable yet, or lie elsewhere by now, or whose read fails", async () => {
  const lengths = Array.from({ length: 200 }, () => 800);
  const isRead = async (given: Scene, from: number, to: number): Promise<boolean> => {
    const places = given.at.slice(from, to);
    return (await given.reading.readRun(1, offsetsOf(places), lengthsOf(places))) !== undefined;
  };
  const waiting = scene([lengths], new Set([150]));
  expect([await isRead(waiting, 0, 150), await isRead(waiting, 0, 151), await isRead(waiting, 160, 170)]).toEqual([true, false, false]);
  const given = scene([lengths]);
  given.moved = true;
  expect([await isRead(given, 0, 200), given.count.reads]).toEqual([false, 0]);
  [given.moved, given.failing] = [false, true];
  expect([await isRead(given, 0, 200), await isRead(given, 0, 20)]).toEqual([false, true]);
});

it("memory is read into again only after it was released, and kept for long runs alone", async () => {
  const given = scene([Array.from({ length: 200 }, (_, index) => 700 + index)], new Set(), { spare: new SpareMemory() });
  const { reading, at, memories, segments } = given;
  const readRun = (from: number, to: number) => reading.readRun(1, offsetsOf(at.slice(from, to)), lengthsOf(at.slice(from, to)));
  const [first, second] = [await readRun(0, 100), await readRun(100, 200)];
  expect(memories.size).toBe(2);
  const firstAt = (at[0] as RecordAt).offset - RECORD_HEADER_BYTES;
  expect(first?.bytes).toEqual((segments[0] as Bytes).subarray(firstAt, firstAt + (first?.bytes.length ?? 0)));
  first?.release();
  second?.release();
  await readRun(50, 150);
  expect(memories.size).toBe(2);
  await readRun(0, 20);
  expect(memories.size).toBe(2);
});

it("for an owner that keeps no memory for it each run is read into its own", async () => {
  const { reading, at, memories } = scene([Array.from({ length: 200 }, () => 700)]);
  const first = await reading.readRun(1, offsetsOf(at), lengthsOf(at));
  first?.release();
  const second = await reading.readRun(1, offsetsOf(at), lengthsOf(at));
  expect([second?.bytes.length === first?.bytes.length, second?.bytes.buffer === first?.bytes.buffer, memories.size]).toEqual([
    true,
    false,
    0,
  ]);
});
