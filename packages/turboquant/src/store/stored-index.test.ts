import { afterEach, describe, expect, it, vi } from "vitest";
import { TurboQuantError } from "../error.ts";
import { createMemoryFile } from "../file/memory-file.ts";
import { MOST_ROWS, type VectorId } from "../file/segment.ts";
import { codeOf, codeOfLater } from "../file/test-code-of.ts";
import { testHeader } from "../file/test-columns.ts";
import { Originals } from "../search/originals.ts";
import { createVectorIndex } from "../search/vector-index.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import type { StoredIndex } from "./stored-index.ts";
import { createTestDisk, openOn, type TestDisk } from "./test-store.ts";

/** Of tests that take seconds, on a machine that does a dozen other things. */
const BUSY_MS = 90_000;
const HEADER = testHeader({ dim: 32, bits: 4, from: 4 });
const vectorOf = (id: number, version = 0): Float32Array => randomVector(32, createNormals(1 + id * 1000 + version));

/** What would be there if everything that is not in the file now were lost. */
async function keptBy(disk: TestDisk, header = HEADER): Promise<Record<string, readonly number[]>> {
  return allIn(await openOn(createTestDisk(createMemoryFile(disk.file.bytes())), header));
}

function allIn(index: Pick<StoredIndex, "ids" | "get">): Record<string, readonly number[]> {
  const all = [...index.ids()].map((id): readonly [VectorId, readonly number[]] => [id, [...(index.get(id) as Float32Array)]]);
  return Object.fromEntries(all.sort(([one], [other]) => String(one).localeCompare(String(other))));
}

describe("an index that is kept in a file", () => {
  it("has there what was done before a sync, and nothing twice", async () => {
    const disk = createTestDisk();
    const index = await openOn(disk, HEADER);
    for (let id = 0; id < 10; id++) index.add(id, vectorOf(id));
    index.add("text", vectorOf(77));
    await index.sync();
    index.add(3, vectorOf(3, 1));
    index.remove(4);
    index.add(11, vectorOf(11));
    index.remove(11);
    index.remove(5);
    index.add(5, vectorOf(5, 1));
    const expected = allIn(index);
    await index.sync();
    expect(await keptBy(disk)).toEqual(expected);
    expect(Object.keys(expected).length).toBe(10);
    expect(index.stats().unwritten).toBe(0);
  });

  it("is searched for what was added at once, and not kept before it is synced", async () => {
    const disk = createTestDisk();
    const index = await openOn(disk, HEADER);
    index.add(1, vectorOf(1));
    expect(index.search(vectorOf(1), { k: 1 }).hits[0]?.id).toBe(1);
    expect(index.stats().unwritten).toBe(1);
    expect(await keptBy(disk)).toEqual({});
  });

  it("makes one segment of all that was added between two syncs, in files as large as they have to be", async () => {
    const disk = createTestDisk();
    const index = await openOn(disk, HEADER);
    for (let id = 0; id < MOST_ROWS + 5; id++) index.add(id, vectorOf(id % 50));
    await index.sync();
    expect(index.stats().file.segments).toBe(2);
  });

  it("writes once for all syncs that wait for the same", async () => {
    const disk = createTestDisk();
    const index = await openOn(disk, HEADER);
    const before = disk.syncs;
    const syncs: Promise<void>[] = [];
    for (let id = 0; id < 100; id++) {
      index.add(id, vectorOf(id));
      syncs.push(index.sync());
    }
    await Promise.all(syncs);
    expect(disk.syncs - before).toBeLessThanOrEqual(2);
    expect(Object.keys(await keptBy(disk)).length).toBe(100);
  });

  it(
    "leaves to the next sync what is done while one writes, whatever it is",
    async () => {
      const disk = createTestDisk();
      const index = await openOn(disk, HEADER);
      for (let id = 0; id < 9000; id++) index.add(id, vectorOf(id % 100));
      await index.sync();
      for (let id = 0; id < 9000; id++) index.add(id, vectorOf(id % 100, 1));
      for (let id = 20; id < 30; id++) index.remove(id);
      let time = 0;
      disk.onAppend = () => {
        time++;
        const [early, late] = [time * 5, 8990 + time];
        index.add(early, vectorOf(early, 2));
        index.add(late, vectorOf(late, 2));
        index.remove(early + 1);
        index.remove(late - 1);
        index.add(early + 2, vectorOf(early, 3));
        index.remove(early + 2);
        index.add(early + 2, vectorOf(early, 4));
        index.add(25, vectorOf(25, time));
      };
      await index.sync();
      expect(time).toBeGreaterThan(2);
      disk.onAppend = () => undefined;
      await index.sync();
      expect(await keptBy(disk)).toEqual(allIn(index));
    },
    BUSY_MS,
  );

  it("keeps truncated vectors with fewer bits, those of ids and all", async () => {
    const disk = createTestDisk();
    const index = await openOn(disk, HEADER);
    for (let id = 0; id < 300; id++) index.add(id, vectorOf(id));
    await index.sync();
    expect(index.truncate(2, [1, 2, 3, 400])).toBe(3);
    await index.sync();
    expect(await keptBy(disk)).toEqual(allIn(index));
    expect(index.truncate(1)).toBe(300);
    expect(index.truncate(1)).toBe(0);
    await index.sync();
    const again = await openOn(createTestDisk(createMemoryFile(disk.file.bytes())), HEADER);
    expect(allIn(again)).toEqual(allIn(index));
    expect(again.stats().byBits).toEqual([{ bits: 1, vectors: 300 }]);
    expect(codeOf(() => index.truncate(5))).toBe("bad-argument");
  });

  it("finds the same when it is opened again as one that was built anew", async () => {
    const disk = createTestDisk();
    const header = { ...HEADER, originals: true };
    const index = await openOn(disk, header);
    for (let id = 0; id < 500; id++) index.add(id, vectorOf(id));
    for (let id = 0; id < 500; id += 3) index.remove(id);
    for (let id = 1; id < 500; id += 7) index.add(id, vectorOf(id, 1));
    await index.close();
    const again = await openOn(createTestDisk(createMemoryFile(disk.file.bytes())), header);
    const anew = createVectorIndex({ dim: 32, bits: 4, seed: HEADER.seed, originals: true });
    for (const id of again.ids()) anew.add(id, vectorOf(id as number, (id as number) % 7 === 1 ? 1 : 0));
    expect(again.size).toBe(anew.size);
    for (let id = 0; id < 40; id++) {
      const options = { k: 10, candidates: 500 };
      expect(again.search(vectorOf(id), options).hits).toEqual(anew.search(vectorOf(id), options).hits);
    }
  });

  it("refuses what is done after it was closed, but searches on", async () => {
    const index = await openOn(createTestDisk(), HEADER);
    index.add(1, vectorOf(1));
    await index.close();
    await index.close();
    const changing = [
      () => index.add(2, vectorOf(2)),
      () => index.addBatch([], new Float32Array(0)),
      () => index.remove(1),
      () => index.truncate(1),
    ];
    for (const act of changing) expect(codeOf(act)).toBe("closed");
    for (const act of [() => index.sync(), () => index.compact()]) expect(await codeOfLater(act)).toBe("closed");
    expect(index.search(vectorOf(1)).hits.length).toBe(1);
    expect(index.stats().unwritten).toBe(0);
  });

  it("does not take for changed what was refused", async () => {
    const index = await openOn(createTestDisk(), HEADER);
    expect(codeOf(() => index.add(1, [Number.NaN]))).toBe("bad-vector");
    expect(codeOf(() => index.addBatch([1, 2], new Float32Array(32)))).toBe("bad-vector");
    for (const ids of [
      [1, 2],
      [1, 1],
    ])
      expect(codeOf(() => index.addBatch(ids, new Float32Array(64).fill(Number.NaN, 40)))).toBe("bad-vector");
    expect(index.remove(1)).toBe(false);
    expect(index.stats().unwritten).toBe(0);
  });
});

describe("memory that ends", () => {
  /** The nth vector has no place any more. */
  const endingAfter = (count: number): void => {
    const { put } = Originals.prototype;
    let left = count;
    vi.spyOn(Originals.prototype, "put").mockImplementation(function (this: Originals, slot, vector) {
      if (left-- <= 0) throw new TurboQuantError("full", "no memory for originals", "Keep none.");
      put.call(this, slot, vector);
    });
  };
  afterEach(() => void vi.restoreAllMocks());
  const header = { ...HEADER, originals: true };

  it("within a batch or a truncation leaves to the next sync what was done before, and nothing else", async () => {
    const disk = createTestDisk();
    const index = await openOn(disk, header);
    for (let id = 0; id < 20; id++) index.add(id, vectorOf(id));
    await index.sync();
    endingAfter(4);
    const ids = [5, 30, 6, 31, 7, 32];
    const matrix = Float32Array.from(ids.flatMap((id) => [...vectorOf(id, 1)]));
    expect(codeOf(() => index.addBatch(ids, matrix))).toBe("full");
    expect(ids.map((id) => index.has(id))).toEqual([true, true, true, true, true, false]);
    vi.restoreAllMocks();
    await index.sync();
    expect(await keptBy(disk, header)).toEqual(allIn(index));
    endingAfter(2);
    expect(codeOf(() => index.truncate(2, [1, 2, 3, 4]))).toBe("full");
    expect(index.stats().unwritten).toBe(4);
    vi.restoreAllMocks();
    await index.sync();
    expect(await keptBy(disk, header)).toEqual(allIn(index));
    expect(index.stats().byBits).toContainEqual({ bits: 2, vectors: 2 });
  });
});

describe("a disk that is full", () => {
  it(
    "is an error that loses nothing, and the next sync writes what is left once there is room",
    async () => {
      for (let room = 600; room < 9000; room += 391) {
        const disk = createTestDisk();
        const index = await openOn(disk, HEADER);
        for (let id = 0; id < 10; id++) index.add(id, vectorOf(id));
        disk.room = room;
        const first = await codeOfLater(() => index.sync());
        const synced = first === "nothing" ? allIn(index) : {};
        for (let id = 5; id < 100; id++) index.add(id, vectorOf(id, 1));
        index.remove(0);
        const second = await codeOfLater(() => index.sync());
        const kept = await keptBy(disk);
        if (second === "nothing") expect(kept).toEqual(allIn(index));
        else {
          expect(second).toBe("file-failed");
          for (const id of Object.keys(synced)) expect(kept).toHaveProperty(id);
          expect(index.search(vectorOf(50, 1), { k: 1 }).hits[0]?.id).toBe(50);
        }
        index.remove(1);
        index.add(0, vectorOf(0, 2));
        disk.room = Number.POSITIVE_INFINITY;
        await index.sync();
        expect(await keptBy(disk)).toEqual(allIn(index));
      }
    },
    BUSY_MS,
  );

  it("does not stop syncs when only compaction does not fit, which is told", async () => {
    const disk = createTestDisk();
    const index = await openOn(disk, HEADER);
    disk.roomBeside = 1000;
    for (let id = 0; id < 600; id++) {
      index.add(id % 40, vectorOf(id));
      await index.sync();
    }
    const { compactions, compactionFailure } = index.stats();
    expect(compactions).toBe(0);
    expect(compactionFailure).toMatchObject({ code: "file-failed" });
    expect(await keptBy(disk)).toEqual(allIn(index));
    disk.roomBeside = Number.POSITIVE_INFINITY;
    await index.compact();
    expect(index.stats().compactionFailure).toBeUndefined();
    expect(await keptBy(disk)).toEqual(allIn(index));
  });

  it("of which nobody knows what it holds is not written to any more", async () => {
    const disk = createTestDisk();
    const index = await openOn(disk, HEADER);
    index.add(1, vectorOf(1));
    disk.syncsFail = true;
    expect(await codeOfLater(() => index.sync())).toBe("file-failed");
    disk.syncsFail = false;
    expect(await codeOfLater(() => index.sync())).toBe("file-failed");
    expect(index.search(vectorOf(1)).hits.length).toBe(1);
    expect(await codeOfLater(() => index.close())).toBe("file-failed");
  });
});

describe("compaction by itself", () => {
  /** Commits, each of `rows` vectors, and what it came to. */
  async function committed(commits: number, rows: number, idOf: (nth: number) => number) {
    const disk = createTestDisk();
    const index = await openOn(disk, HEADER);
    let most = 0;
    for (let nth = 0; nth < commits; nth++) {
      for (let row = 0; row < rows; row++) index.add(idOf(nth * rows + row), vectorOf(nth % 7));
      await index.sync();
      most = Math.max(most, index.stats().file.segments);
    }
    await index.sync();
    return { disk, index, most };
  }

  it(
    "makes of many small commits few segments, and writes no more than its rule says",
    async () => {
      const { disk, index, most } = await committed(3000, 1, (nth) => nth);
      const { compactions, file } = index.stats();
      expect(compactions).toBeGreaterThan(3);
      expect(most).toBeLessThan(700);
      expect(disk.written).toBeLessThan(2 * 3000 * (600 + 4096));
      expect(file.rows).toBe(3000);
    },
    BUSY_MS,
  );

  it("gives back what was replaced", async () => {
    const { disk, index } = await committed(400, 50, (nth) => nth % 100);
    expect(index.stats().compactions).toBeGreaterThan(0);
    expect(disk.file.size).toBeLessThan(1.2e6);
    expect(await keptBy(disk)).toEqual(allIn(index));
  });

  it("leaves alone a file that is only added to, in large pieces", async () => {
    const { index } = await committed(10, 2000, (nth) => nth);
    expect(index.stats().compactions).toBe(0);
  });
});
