import { beforeAll, describe, expect, it } from "vitest";
import { isTurboQuantError } from "../error.ts";
import { type IndexReader, readIndexFile } from "./index-reader.ts";
import { type IndexWriter, openIndexFile } from "./index-writer.ts";
import { createMemoryFile } from "./memory-file.ts";
import { encodeFoot, encodeRecord, HEAD_BYTES } from "./record.ts";
import { putSafe } from "./safe-integer.ts";
import { withRightChecksums } from "./test-checksums.ts";
import { codeOfLater } from "./test-code-of.ts";
import { testColumns, testHeader } from "./test-columns.ts";
import { type Row, rowsIn, rowsRead } from "./test-rows.ts";

const HEADER = { ...testHeader({ dim: 12, bits: 3, from: 4, originals: true }), center: new Float32Array(12).fill(1) };

/** Thousands of files are opened, on machines that do other things as well. */
const SLOW_MS = 120_000;

/** Where each record begins that is written here, in turn. */
interface Sample {
  readonly bytes: Uint8Array;
  readonly records: readonly number[];
  readonly rows: readonly Row[];
}

async function sampleOf(end: (writer: IndexWriter) => Promise<void>): Promise<Sample> {
  const file = createMemoryFile();
  const records = [0];
  const writer = await openIndexFile(file, HEADER, { identity: 5n });
  const steps = [
    () => writer.append(testColumns(HEADER, [1, 2, 9])),
    () => writer.append(testColumns(HEADER, ["a", "b", "c"], { seed: 2 }), [2]),
    () => writer.remove([1, "b"]),
    () => writer.truncateSegment(writer.segments[0] as never, 2, Float32Array.of(1, 2, 3)),
    () => writer.append(testColumns(HEADER, [7, "seven"], { seed: 3 })),
  ];
  for (const step of steps) {
    records.push(file.size);
    await step();
    await writer.sync();
  }
  records.push(file.size);
  await end(writer);
  return { bytes: file.bytes(), records, rows: await rowsIn(file) };
}

let closed: Sample;
let left: Sample;
beforeAll(async () => {
  closed = await sampleOf((writer) => writer.close());
  // One more, so that all the others are known to be durable.
  left = await sampleOf((writer) => writer.append(testColumns(HEADER, ["last"])).then(() => writer.sync()));
});

const [FIRST, SECOND, REMOVAL, TRUNCATION, , DIRECTORY] = [1, 2, 3, 4, 5, 6] as const;

async function readAll(bytes: Uint8Array): Promise<readonly Row[]> {
  return await rowsIn(createMemoryFile(bytes));
}

async function shown(bytes: Uint8Array): Promise<string> {
  try {
    return JSON.stringify(await readAll(bytes));
  } catch (error) {
    if (isTurboQuantError(error)) return error.code;
    throw error;
  }
}

describe("a file with one bit changed", () => {
  it(
    "that was closed says what it said, or that it is damaged",
    async () => {
      const expected = [JSON.stringify(closed.rows), "bad-file", "wrong-version"];
      for (let at = 0; at < closed.bytes.length; at++) {
        const bytes = closed.bytes.slice();
        bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
        expect(expected, `bit ${at % 8} of byte ${at}`).toContain(await shown(bytes));
      }
    },
    SLOW_MS,
  );

  it(
    "that was not closed does so up to the last record, which is as if it had not been written",
    async () => {
      const without = JSON.stringify(left.rows.slice(0, -1));
      const expected = [JSON.stringify(left.rows), "bad-file", "wrong-version"];
      for (let at = 0; at < left.bytes.length; at++) {
        const bytes = left.bytes.slice();
        bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
        const said = await shown(bytes);
        if (at < (left.records[DIRECTORY] as number)) expect(expected, `byte ${at}`).toContain(said);
        else expect([JSON.stringify(left.rows), without], `byte ${at}`).toContain(said);
      }
    },
    SLOW_MS,
  );

  it("is noticed by nothing but the checksums, where it is in a column of bits", async () => {
    const { segments } = await readIndexFile(createMemoryFile(closed.bytes));
    const bytes = closed.bytes.slice();
    const at = segments[1]?.planes[1]?.at ?? 0;
    bytes[at] = (bytes[at] as number) ^ 1;
    expect(await shown(bytes)).toBe("bad-file");
    const wrong = await shown(withRightChecksums(bytes));
    expect(wrong).not.toBe("bad-file");
    expect(wrong).not.toBe(JSON.stringify(closed.rows));
  });

  it("names the segment that is damaged, and goes on without it when it is told to", async () => {
    const reader = await readIndexFile(createMemoryFile(closed.bytes));
    const [, second] = reader.segments as [IndexReader["segments"][0], IndexReader["segments"][0]];
    const bytes = closed.bytes.slice();
    bytes[second.planes[0]?.at ?? 0] = 0xaa;
    await expect(readAll(bytes)).rejects.toThrow(/^segment 1 is damaged: its plane 0 \(6 bytes at \d+\)/);
    const skipping = await readIndexFile(createMemoryFile(bytes), { damaged: "skip" });
    const rest = closed.rows.filter(({ id }) => id !== "a" && id !== "c");
    expect(await rowsRead(skipping)).toEqual(rest);
    expect(skipping.damage).toMatchObject([{ at: second.at, bytes: second.length, segment: 1 }]);
  });

  it("passes over a record that cannot be found any more, and what was said of it", async () => {
    const bytes = left.bytes.slice();
    bytes.fill(0, left.records[FIRST], (left.records[FIRST] as number) + 100);
    expect(await shown(bytes)).toBe("bad-file");
    const skipping = await readIndexFile(createMemoryFile(bytes), { damaged: "skip" });
    expect((await rowsRead(skipping)).map(({ id }) => id)).toEqual(["a", "c", 7, "seven", "last"]);
    const [first, second, , truncation, third] = left.records.slice(FIRST) as [number, number, number, number, number];
    expect(skipping.damage).toMatchObject([
      { at: first, bytes: second - first, why: "no record can be read" },
      { at: truncation, bytes: third - truncation },
    ]);
  });

  it("can be rescued by compaction", async () => {
    const bytes = left.bytes.slice();
    bytes.fill(0, left.records[SECOND], (left.records[SECOND] as number) + 100);
    expect(await codeOfLater(() => openIndexFile(createMemoryFile(bytes)))).toBe("bad-file");
    const writer = await openIndexFile(createMemoryFile(bytes), HEADER, { damaged: "skip" });
    const into = createMemoryFile();
    await writer.compact(into);
    // Its removal of 2 went with it.
    expect((await rowsIn(into)).map(({ id }) => id)).toEqual([2, 9, 7, "seven", "last"]);
  });
});

type Change = (bytes: Uint8Array, view: DataView) => void;
const u8 =
  (at: number, value: number): Change =>
  (_bytes, view) =>
    view.setUint8(at, value);
const u16 =
  (at: number, value: number): Change =>
  (_bytes, view) =>
    view.setUint16(at, value, true);
const u32 =
  (at: number, value: number): Change =>
  (_bytes, view) =>
    view.setUint32(at, value, true);
const f32 =
  (at: number, value: number): Change =>
  (_bytes, view) =>
    view.setFloat32(at, value, true);
const f64 =
  (at: number, value: number): Change =>
  (_bytes, view) =>
    view.setFloat64(at, value, true);
const u64 =
  (at: number, value: number): Change =>
  (_bytes, view) =>
    putSafe(view, at, value);
const [PART_IDS, PART_SCALES, PART_SIGNS, PART_ORIGINALS, PART_REMOVES] = [192, 256, 320, 512, 704];

describe("a file with right checksums", () => {
  it.each<readonly [string, number, Change] | readonly [string, number, Change, string]>([
    ["another dim than the center's", 0, u32(56, 16)],
    ["an older codec", 0, u8(60, 0)],
    ["a newer codec", 0, u8(60, 2), "wrong-version"],
    ["an unknown scale", 0, u8(61, 4)],
    ["an unknown metric", 0, u8(62, 2)],
    ["unknown originals", 0, u8(63, 2)],
    ["no originals where segments have some", 0, u8(63, 0)],
    ["half a bit", 0, f64(64, 0.5)],
    ["bits that are no number", 0, f64(64, Number.NaN)],
    ["nine bits", 0, f64(72, 9)],
    ["more bits than it was encoded with", 0, f64(72, 2)],
    ["a center that is no vector", 0, f32(192, Number.POSITIVE_INFINITY)],
    ["a newer version", 0, u8(7, 2), "wrong-version"],
    ["an older version", 0, u8(7, 0)],
    ["another beginning", 0, u8(0, 0x88)],
    ["something else first", 0, u8(8, 2)],
    ["thirteen parts", 0, u16(10, 13)],
    ["a header that is longer than the file", 0, u64(24, 2 ** 40)],
    ["a second header", SECOND, u8(8, 1)],
    ["a record of an unknown kind", SECOND, u8(8, 6)],
    ["a record that says that it is elsewhere", SECOND, u64(16, 64)],
    ["a record of another file", SECOND, u64(32, 6)],
    ["a record of another length than its parts", SECOND, u64(24, 64 * 1000)],
    ["a record that was durable before it was written", SECOND, u64(40, 2 ** 50)],
    ["a part that is longer than the file", SECOND, u32(88, 0xffff_ffff)],
    ["a segment without vectors", SECOND, u32(60, 0)],
    ["a segment of 4,097 vectors", SECOND, u32(60, 4097)],
    ["a segment with one vector more than it has", SECOND, u32(60, 4)],
    ["a segment with the number of another", SECOND, u32(56, 0)],
    ["a segment with the last number there is", SECOND, u32(56, 0xffff_ffff)],
    ["a segment of other bits than its planes", SECOND, f64(64, 2)],
    ["a segment of no bits", SECOND, f64(64, 0)],
    ["a segment that was encoded with fewer bits", SECOND, f64(72, 1)],
    ["a segment with an unknown flag", SECOND, u8(9, 7)],
    ["a segment without its originals", SECOND, u8(9, 2)],
    ["a segment with one part less", SECOND, u16(10, 6)],
    ["a scale that is no number", SECOND, f32(PART_SCALES, Number.NaN)],
    ["an original that is no number", SECOND, f32(PART_ORIGINALS + 8, Number.NEGATIVE_INFINITY)],
    ["a bit behind the last coordinate", SECOND, u8(PART_SIGNS + 1, 0x10)],
    ["ids of an unknown form", SECOND, u8(PART_IDS, 8)],
    ["ids that are no UTF-8", SECOND, u8(PART_IDS + 16 + 6, 0xff)],
    ["an id that comes twice", SECOND, u8(PART_IDS + 16 + 6, 0x62)],
    ["an id of another length", SECOND, u16(PART_IDS + 16, 2)],
    ["a width of numbers that is none", FIRST, u8(PART_IDS + 1, 3)],
    ["a number beyond the safe ones", FIRST, u64(PART_IDS + 8, 2 ** 53)],
    ["more ids replaced than there are", SECOND, u32(PART_REMOVES, 2)],
    ["no ids replaced", SECOND, u32(PART_REMOVES, 0)],
    ["a removal of nothing", REMOVAL, u32(60, 0)],
    ["a removal of more than it names", REMOVAL, u32(60, 3)],
    ["a removal without ids", REMOVAL, u16(10, 0)],
    ["a truncation of a segment that is not there", TRUNCATION, u32(56, 1000)],
    ["a truncation of one with more vectors", TRUNCATION, u32(60, 4)],
    ["a truncation to as many bits", TRUNCATION, f64(64, 3)],
    ["a truncation to half a bit", TRUNCATION, f64(64, 0.5)],
    ["a truncation to no number", TRUNCATION, f64(64, Number.NaN)],
    ["a truncation with a scale that is no number", TRUNCATION, f32(192, Number.NaN)],
    ["a truncation without scales", TRUNCATION, u16(10, 0)],
  ])("and %s is refused", async (...[, record, change, code = "bad-file"]) => {
    const bytes = left.bytes.slice();
    const at = left.records[record] as number;
    change(bytes.subarray(at), new DataView(bytes.buffer, at));
    // Not every change can be refused without its record: a head that cannot be one is damage where others stand behind it.
    expect(await shown(withRightChecksums(bytes))).toBe(code);
  });

  it.each([0, 1, 8193, 0xffff_ffff])("and a dim of %i is refused", async (dim) => {
    const file = createMemoryFile();
    await openIndexFile(file, testHeader());
    const bytes = file.bytes();
    new DataView(bytes.buffer).setUint32(56, dim, true);
    await expect(readAll(withRightChecksums(bytes))).rejects.toThrow(`a dim of ${dim}`);
  });

  it.each<readonly [string, Change]>([
    ["two segments of one number", u32(HEAD_BYTES + 160, 0)],
    ["two segments in one place", (bytes) => bytes.copyWithin(HEAD_BYTES + 160 + 32, HEAD_BYTES + 32, HEAD_BYTES + 40)],
    ["a segment beyond the directory", u64(HEAD_BYTES + 320 + 32, 2 ** 20)],
    ["a segment at no place for one", u64(HEAD_BYTES + 32, 200)],
    ["a segment beyond the safe integers", u64(HEAD_BYTES + 32, 2 ** 60)],
    ["scales beyond the directory", u64(HEAD_BYTES + 40, 2 ** 20)],
    ["a segment without vectors", u32(HEAD_BYTES + 4, 0)],
    ["more bits than were written", f64(HEAD_BYTES + 8, 4)],
    ["other bits than its planes", f64(HEAD_BYTES + 24, 4)],
    ["thirteen parts", u32(HEAD_BYTES + 52, 13)],
    ["one segment more than it has", u32(56, 4)],
    ["one segment less than it has", u32(56, 2)],
    ["a next number that is taken", u32(60, 2)],
    ["one list of removed ids more", u32(64, 3)],
    ["no lists of removed ids", u32(64, 0)],
    ["a list of removed ids that is longer", u32(HEAD_BYTES + 512 + 8, 1000)],
    ["a list of more removed ids", u32(HEAD_BYTES + 512 + 4, 4097)],
  ])("and a directory with %s is refused", async (_name, change) => {
    const bytes = closed.bytes.slice();
    const at = closed.records[DIRECTORY] as number;
    change(bytes.subarray(at), new DataView(bytes.buffer, at));
    // When it is opened, and before anything is read where it says.
    expect(await codeOfLater(() => readIndexFile(createMemoryFile(withRightChecksums(bytes))))).toBe("bad-file");
  });

  it("and nothing changed is read", async () => {
    expect(withRightChecksums(closed.bytes)).toEqual(closed.bytes);
    expect(withRightChecksums(left.bytes)).toEqual(left.bytes);
  });

  it.each([
    ["was written before what it lists was durable", { durable: 64 }],
    ["is that of another file", { identity: 6n }],
  ])("and a directory that %s is not believed", async (_name, other) => {
    const at = closed.records[DIRECTORY] as number;
    // It says that there is nothing.
    const directory = encodeRecord(
      { at, identity: 5n, durable: at, directory: 0, ...other },
      {
        kind: "directory",
        fields: (view) => view.setUint32(4, 3, true),
        parts: [new Uint8Array(0), new Uint8Array(0), encodeFoot(at, 5n)],
      },
    );
    const bytes = new Uint8Array(at + directory.length);
    bytes.set(closed.bytes.subarray(0, at));
    bytes.set(directory, at);
    // All records were gone through instead.
    expect(await readAll(bytes)).toEqual(closed.rows);
  });

  it("takes no more memory than it is long, whatever it says", async () => {
    const before = process.memoryUsage().arrayBuffers;
    for (const change of [u32(56, 8192), u32(88, 0xffff_ffff), u32(96, 0xffff_ffff), u32(60, 4096), u64(24, 2 ** 40)])
      for (const at of left.records) {
        const bytes = left.bytes.slice();
        change(bytes.subarray(at), new DataView(bytes.buffer, at));
        await shown(withRightChecksums(bytes));
      }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20e6);
  });
});

describe("what cannot be written", () => {
  const columns = (): ReturnType<typeof testColumns> => testColumns(HEADER, [1, 2, 3]);

  it.each<readonly [string, (writer: IndexWriter) => Promise<unknown>]>([
    ["no vectors", (writer) => writer.append({ ...columns(), count: 0, ids: [] })],
    ["too many vectors", (writer) => writer.append({ ...columns(), count: 4097 })],
    ["an id less", (writer) => writer.append({ ...columns(), ids: [1, 2] })],
    ["an id twice", (writer) => writer.append({ ...columns(), ids: [1, 2, 1] })],
    ["a scale less", (writer) => writer.append({ ...columns(), scales: new Float32Array(2) })],
    ["a scale that is no number", (writer) => writer.append({ ...columns(), scales: Float32Array.of(1, Number.NaN, 1) })],
    ["a plane less", (writer) => writer.append({ ...columns(), planes: columns().planes.slice(1) })],
    ["a plane that is shorter", (writer) => writer.append({ ...columns(), planes: columns().planes.map((plane) => plane.subarray(1)) })],
    [
      "bits behind the last coordinate",
      (writer) => writer.append({ ...columns(), planes: columns().planes.map((plane) => plane.map(() => 0xff)) }),
    ],
    ["nine bits", (writer) => writer.append({ ...columns(), from: 9 })],
    ["more bits than it was encoded with", (writer) => writer.append({ ...columns(), from: 2 })],
    ["no originals", (writer) => writer.append(testColumns({ ...HEADER, originals: false }, [1]))],
    ["an original less", (writer) => writer.append({ ...columns(), originals: new Float32Array(24) })],
    [
      "more than 4,096 ids replaced",
      (writer) =>
        writer.append(
          columns(),
          Array.from({ length: 4097 }, (_, id) => id),
        ),
    ],
    ["an id that is none", (writer) => writer.remove([-1])],
    ["a truncation to more bits", (writer) => writer.truncateSegment(writer.segments[1] as never, 4, new Float32Array(3))],
    ["a truncation with a scale less", (writer) => writer.truncateSegment(writer.segments[1] as never, 1, new Float32Array(2))],
    [
      "a truncation of rows that are not there",
      (writer) => writer.truncateSegment(writer.segments[1] as never, 1, new Float32Array(1), Uint16Array.of(3)),
    ],
    [
      "a truncation of a segment of before",
      async (writer) => {
        const [, segment] = writer.segments;
        await writer.truncateSegment(segment as never, 1, new Float32Array(3));
        await writer.truncateSegment(segment as never, 1, new Float32Array(3));
      },
    ],
    ["a plane that is not there", (writer) => writer.readPlane(writer.segments[1] as never, 3)],
    ["a file that is not empty to compact into", (writer) => writer.compact(createMemoryFile(Uint8Array.of(1)))],
  ])("%s is refused, and the file goes on as it was", async (_name, act) => {
    const file = createMemoryFile(left.bytes);
    const writer = await openIndexFile(file);
    expect(await codeOfLater(() => act(writer))).toBe("bad-argument");
    await writer.append(testColumns(HEADER, ["more"]));
    await writer.close();
    expect((await rowsIn(file)).at(-1)?.id).toBe("more");
  });

  it.each([
    ["dim", { dim: 16, center: new Float32Array(16) }],
    ["bits", { bits: 2 }],
    ["from", { from: 8 }],
    ["seed", { seed: 8n }],
    ["scale", { scale: "raw" as const }],
    ["metric", { metric: "dot" as const }],
    ["center", { center: new Float32Array(12) }],
    ["originals", { originals: false }],
  ])("to the file of an index with another %s", async (name, other) => {
    const opening = openIndexFile(createMemoryFile(left.bytes), { ...HEADER, ...other });
    await expect(opening).rejects.toThrow(name);
  });
});
