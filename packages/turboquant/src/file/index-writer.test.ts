import { describe, expect, it } from "vitest";
import { createVectorIndex, type VectorIndex } from "../search/vector-index.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import type { RangeSource } from "./index-file.ts";
import { readIndexFile } from "./index-reader.ts";
import { openIndexFile } from "./index-writer.ts";
import { createMemoryFile, type MemoryFile } from "./memory-file.ts";
import { MOST_ROWS, type SegmentColumns, type VectorId } from "./segment.ts";
import type { StoredSegment } from "./stored-segment.ts";
import { withRightChecksums } from "./test-checksums.ts";
import { codeOfLater } from "./test-code-of.ts";
import { testColumns, testHeader, testIds } from "./test-columns.ts";
import { rowsIn, rowsRead } from "./test-rows.ts";

const HEADER = testHeader();

/** How many of its bytes are read. */
function counted(file: MemoryFile): { readonly source: RangeSource; readonly calls: () => number; readonly bytes: () => number } {
  let [calls, bytes] = [0, 0];
  return {
    source: {
      size: file.size,
      read: async (at, length) => {
        calls++;
        bytes += length;
        return await file.read(at, length);
      },
    },
    calls: () => calls,
    bytes: () => bytes,
  };
}

describe("a writer", () => {
  it("does one thing after the other, also when nobody waits", async () => {
    const file = createMemoryFile();
    const writer = await openIndexFile(file, HEADER);
    const appending = testIds(20).map((id) => writer.append(testColumns(HEADER, [id, id + 100], { seed: id })));
    await Promise.all([...appending, writer.remove([3]), writer.sync(), writer.append(testColumns(HEADER, [3])), writer.close()]);
    expect((await rowsIn(file)).map(({ id }) => id)).toEqual([...testIds(20).flatMap((id) => (id === 3 ? [103] : [id, id + 100])), 3]);
  });

  it("goes on after something was refused", async () => {
    const file = createMemoryFile();
    const writer = await openIndexFile(file, HEADER);
    await expect(writer.append({ ...testColumns(HEADER, [1]), count: 9 })).rejects.toThrow();
    await writer.append(testColumns(HEADER, [2]));
    expect((await rowsIn(file)).map(({ id }) => id)).toEqual([2]);
  });

  it("writes directories on the way, so that after a crash little has to be read to know what there is", async () => {
    const file = createMemoryFile();
    const writer = await openIndexFile(file, HEADER);
    for (const nth of testIds(100)) {
      await writer.append(testColumns(HEADER, testIds(1000, nth * 1000)));
      await writer.sync();
    }
    // Nobody closed it.
    const { source, calls, bytes } = counted(file);
    const reader = await readIndexFile(source);
    expect(reader.segments.length).toBe(100);
    expect(calls()).toBeLessThan(20);
    expect(bytes()).toBeLessThan(file.size / 4);
    // And all directories together take little of what they list.
    expect(reader.stats.deadBytes).toBeLessThan(file.size / 8);
  });

  it("finds its only directory also where a crash left something behind it", async () => {
    const file = createMemoryFile();
    const writer = await openIndexFile(file, HEADER);
    for (const nth of testIds(20)) await writer.append(testColumns(HEADER, testIds(1000, nth * 1000)));
    await writer.close();
    await file.append(new Uint8Array(1000).fill(7));
    const { source, calls } = counted(file);
    expect((await readIndexFile(source)).tail?.bytes).toBe(1000);
    expect(calls()).toBeLessThan(10);
  });

  it("takes 64 widths and no more, and a file of more is not read", async () => {
    const file = createMemoryFile();
    const writer = await openIndexFile(file, HEADER);
    const ofWidth = (nth: number): SegmentColumns => testColumns(HEADER, [nth], { bits: 1 + nth / 32 });
    for (const nth of testIds(64)) await writer.append(ofWidth(nth));
    await writer.append(ofWidth(63));
    expect(await codeOfLater(() => writer.append(ofWidth(64)))).toBe("bad-argument");
    const first = writer.segments[1] as StoredSegment;
    expect(await codeOfLater(() => writer.truncateSegment(first, 1.001, new Float32Array(1)))).toBe("bad-argument");
    expect((await rowsIn(file)).length).toBe(65);
    const { at, length } = writer.segments.at(-1) as StoredSegment;
    const bytes = file.bytes();
    // 65 of them, which nobody wrote.
    new DataView(bytes.buffer, at, length).setFloat64(64, 1 + 62.9 / 32, true);
    expect(await codeOfLater(() => rowsIn(createMemoryFile(withRightChecksums(bytes))))).toBe("bad-file");
  });

  it("says how much compaction would leave out, and leaves it out", async () => {
    const file = createMemoryFile();
    const writer = await openIndexFile(file, HEADER);
    const segment = await writer.append(testColumns(HEADER, testIds(1000)));
    expect(writer.stats).toMatchObject({ deadBytes: 0, rows: 1000, removed: 0, segments: 1 });
    await writer.remove([1, 2, 3]);
    await writer.truncateSegment(segment, 2, new Float32Array(1000));
    const dead = writer.stats.deadBytes;
    // Two of four planes, the scales of before, the removal, the head of the truncation and what aligns all these.
    expect(dead).toBeGreaterThanOrEqual(2 * 8000 + 4000 + 2 * 192 + 16 + 3);
    expect(dead).toBeLessThan(2 * 8000 + 4000 + 2 * 192 + 10 * 64);
    await writer.close();
    const into = createMemoryFile();
    await writer.compact(into);
    expect(writer.stats).toMatchObject({ deadBytes: 0, rows: 997, removed: 0, segments: 1 });
    expect(file.size - into.size).toBeGreaterThan(dead - 1000);
  });

  it("makes full segments of small ones, in their order, and of each width its own", async () => {
    const writer = await openIndexFile(createMemoryFile(), HEADER);
    for (const nth of testIds(9)) await writer.append(testColumns(HEADER, testIds(1000, nth * 1000), { seed: nth }));
    await writer.append(testColumns(HEADER, testIds(10, 9000), { bits: 2 }));
    await writer.append(testColumns(HEADER, testIds(10, 9010)));
    const before = await rowsRead(writer);
    await writer.compact(createMemoryFile());
    expect(writer.segments.map(({ count, bits }) => [count, bits])).toEqual([
      [MOST_ROWS, 4],
      [MOST_ROWS, 4],
      [9000 - 2 * MOST_ROWS, 4],
      [10, 2],
      [10, 4],
    ]);
    expect(await rowsRead(writer)).toEqual(before);
  });
});

describe("an index in memory", () => {
  it("is the same when it comes out of a file, cut and changed", async () => {
    const normal = createNormals(5);
    const index = createVectorIndex({ dim: 100, bits: 3.5, originals: true, center: randomVector(100, normal) });
    for (const id of testIds(6000)) index.add(id % 3 === 0 ? `text ${id}` : id, randomVector(100, normal));
    index.truncate(1.5, testIds(500));
    index.remove(700);
    const file = createMemoryFile();
    const writer = await openIndexFile(file, index.header);
    for (const segment of index.segments()) await writer.append(segment);
    await writer.close();

    const reader = await readIndexFile(file);
    const again = createVectorIndex(reader.header);
    for await (const columns of reader.columns()) again.load(columns);
    expect(again.size).toBe(index.size);
    expect(again.header).toEqual(index.header);
    for (let time = 0; time < 5; time++) {
      const query = randomVector(100, normal);
      const hits = (of: VectorIndex, exact: boolean): readonly (readonly [VectorId, number])[] =>
        of.search(query, { k: 20, exact }).hits.map(({ id, score }) => [id, score]);
      expect(hits(again, true)).toEqual(hits(index, true));
      expect(hits(again, false)).toEqual(hits(index, false));
    }
  });
});
