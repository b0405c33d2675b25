import { afterEach, describe, expect, it, vi } from "vitest";
import { shapeOf } from "../codec/shape.ts";
import { TurboQuantError } from "../error.ts";
import type { SegmentColumns } from "../file/segment.ts";
import { codeOf } from "../file/test-code-of.ts";
import { Arena } from "../kernels/arena.ts";
import { createKernels } from "../kernels/load.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import { Blocks, type Group, widthOf } from "./blocks.ts";
import { Originals } from "./originals.ts";
import { withMemoryUpTo } from "./test-memory-end.ts";
import { createVectorIndex, type VectorIndex, type VectorIndexOptions } from "./vector-index.ts";

const MOST_BYTES = 2 ** 19;
/** What memory grows by. */
const PAGE_BYTES = 65_536;
afterEach(() => vi.restoreAllMocks());

const vectorOf = (id: number, dim: number): Float32Array => randomVector(dim, createNormals(id + 1));

/** As many vectors as memory has room for. */
function filledToTheEnd(options: VectorIndexOptions): VectorIndex {
  const index = createVectorIndex(options);
  expect(
    codeOf(() => {
      for (let id = 0; ; id++) index.add(id, vectorOf(id, options.dim));
    }),
  ).toBe("full");
  return index;
}

function filled(options: VectorIndexOptions, size: number): VectorIndex {
  const index = createVectorIndex(options);
  for (let id = 0; id < size; id++) index.add(id, vectorOf(id, options.dim));
  return index;
}

function textOf(index: VectorIndex): readonly string[] {
  return Array.from({ length: index.size }, (_, id) => Buffer.from((index.get(id) as Float32Array).buffer).toString("latin1"));
}

/** What is in an index with as many vectors, and with those of `ids` cut as well. */
function textsOf(options: VectorIndexOptions, size: number, bits: number, ids?: readonly number[]): readonly (readonly string[])[] {
  const index = filled(options, size);
  const before = textOf(index);
  index.truncate(bits, ids);
  return [before, textOf(index)];
}

/** Each vector is found once, and what is like itself is. */
function expectSound(index: VectorIndex, dim: number): void {
  const { hits } = index.search(vectorOf(0, dim), { k: index.size, candidates: index.size });
  expect(new Set(hits.map(({ id }) => id)).size).toBe(index.size);
  expect(hits.length).toBe(index.size);
  for (const id of [0, index.size - 1]) expect(index.search(vectorOf(id, dim), { k: 1 }).hits[0]?.id).toBe(id);
}

describe("an index whose memory is at its end", () => {
  it.each([
    [256, 4, 2],
    [200, 8, 7],
    [300, 4, 2.5],
    [1000, 8, 1],
  ])("of %i coordinates is cut as a whole, from %f to %f bits", (dim, bits, to) => {
    const options = { dim, bits };
    const index = withMemoryUpTo(MOST_BYTES, () => filledToTheEnd(options));
    const { size } = index;
    // Room for the tables of one more width, and for few of the codes.
    withMemoryUpTo(MOST_BYTES + PAGE_BYTES, () => {
      const [, cut] = textsOf(options, size, to);
      expect(index.truncate(to)).toBe(size);
      expect(textOf(index)).toEqual(cut);
      expectSound(index, dim);
    });
  });

  it("is cut in part where some are to be, each vector wholly or not at all, and the rest when there is room", () => {
    const options = { dim: 256, bits: 4, originals: true };
    const [index, size] = withMemoryUpTo(MOST_BYTES, () => {
      const filled = filledToTheEnd(options);
      return [filled, filled.size];
    });
    const some = Array.from({ length: Math.floor(size / 2) }, (_, nth) => 2 * nth);
    const [before, cut] = textsOf(options, size, 2, some) as [readonly string[], readonly string[]];
    withMemoryUpTo(MOST_BYTES + PAGE_BYTES, () => {
      const selection = index.select([1]);
      const segments = index.segments();
      segments.next();
      expect(codeOf(() => index.truncate(2, some))).toBe("full");
      const now = textOf(index);
      expect(now.filter((text, id) => text !== before[id] && text !== cut[id])).toEqual([]);
      const [cutNow, toCut] = [now, cut].map((texts) => texts.filter((text, id) => text !== before[id]).length) as [number, number];
      expect(cutNow).toBeGreaterThan(0);
      expect(cutNow).toBeLessThan(toCut);
      expectSound(index, 256);
      // What was taken from it before is of another index than this is now.
      expect(codeOf(() => index.search(vectorOf(1, 256), { filter: selection }))).toBe("bad-argument");
      expect(codeOf(() => segments.next())).toBe("bad-argument");
    });
    index.truncate(2, some);
    expect(textOf(index)).toEqual(cut);
    expectSound(index, 256);
  });

  it("is searched as before when a width is too much for it", () => {
    const index = withMemoryUpTo(MOST_BYTES, () => filledToTheEnd({ dim: 1000, bits: 8 }));
    withMemoryUpTo(MOST_BYTES + 4 * PAGE_BYTES, () => {
      const codes: string[] = [];
      // Each takes a little more for its tables, until there is nothing left; and then once more.
      for (let nth = 0; nth < 200; nth++) codes.push(codeOf(() => index.truncate(8 - 0.01 * (nth + 1), [nth % 5])));
      for (let nth = 0; nth < 5; nth++)
        codes.push(
          codeOf(() => index.truncate(4 - nth / 2)),
          codeOf(() => index.truncate(4 - nth / 2)),
        );
      expect(new Set(codes)).toEqual(new Set(["nothing", "full"]));
      expectSound(index, 1000);
    });
  });

  it("has whole what is in it, where memory ends for originals", () => {
    const { put } = Originals.prototype;
    let left = Number.POSITIVE_INFINITY;
    vi.spyOn(Originals.prototype, "put").mockImplementation(function (this: Originals, slot, vector) {
      if (left-- <= 0) throw new TurboQuantError("full", "no memory for originals", "Keep none.");
      put.call(this, slot, vector);
    });
    const options = { dim: 32, bits: 4, originals: true };
    const index = filled(options, 150);
    const [before, cut] = textsOf(options, 150, 2, [3, 5, 70, 71, 140]) as [readonly string[], readonly string[]];
    const [ten] = filled(options, 10).segments();
    left = 2;
    expect(codeOf(() => index.truncate(2, [3, 5, 70, 71, 140]))).toBe("full");
    expect(textOf(index)).toEqual(before.map((text, id) => ([3, 5].includes(id) ? cut[id] : text)));
    expectSound(index, 32);
    left = 2;
    // Of ten that would replace others two do.
    expect(codeOf(() => index.load(ten as SegmentColumns))).toBe("full");
    expectSound(index, 32);
    left = 2;
    expect(codeOf(() => index.addBatch([200, 201, 202], new Float32Array(96).fill(1)))).toBe("full");
    expect([200, 201, 202].map((id) => index.has(id))).toEqual([true, true, false]);
  });

  it("has whole what is in it, where memory for originals ends while vectors go into cells", () => {
    const { makeRoom } = Originals.prototype;
    let mostSlots = 0;
    vi.spyOn(Originals.prototype, "makeRoom").mockImplementation(function (this: Originals, slot) {
      if (slot >= mostSlots) throw new TurboQuantError("full", "no memory for originals", "Keep none.");
      return makeRoom.call(this, slot);
    });
    // While cells are begun, when most is in them, and when some become two.
    for (const blocks of [17, 19, 24, 30, 34, 40, 48, 56]) {
      mostSlots = 64 * blocks;
      const index = createVectorIndex({ dim: 32, bits: 4, flatUpTo: 1024, originals: true });
      let id = 0;
      for (; id < 4000 && codeOf(() => index.add(id, vectorOf(id, 32))) === "nothing"; id++);
      expect([index.has(id), index.size]).toEqual([false, id]);
      expectSound(index, 32);
    }
  });

  it("has what it did not refuse, and only that, where there is no room for cells", () => {
    const cells = [128, 256].flatMap((dim) => {
      const most = withMemoryUpTo(MOST_BYTES, () => filledToTheEnd({ dim, bits: 4 }).size);
      return [1024, most - 1].map((flatUpTo) =>
        withMemoryUpTo(MOST_BYTES, () => {
          const index = createVectorIndex({ dim, bits: 4, flatUpTo });
          let id = 0;
          while (codeOf(() => index.add(id, vectorOf(id, dim))) === "nothing") id++;
          expect([index.has(id), index.size]).toEqual([false, id]);
          expectSound(index, dim);
          return index.stats().cells;
        }),
      );
    });
    expect([cells.some((count) => count > 0), cells.some((count) => count === 0)]).toEqual([true, true]);
  });

  it("loses no memory by what is refused", () => {
    const arena = new Arena(createKernels("simd").memory);
    const blocks = new Blocks(1000, arena);
    const width = widthOf(shapeOf(1000, 4, 4), 4, 4);
    withMemoryUpTo(MOST_BYTES, () => {
      const [one, other] = [blocks.newGroup(16), blocks.newGroup(1)];
      const fill = (group: Group): string =>
        codeOf(() => {
          for (;;) blocks.take(width, group);
        });
      expect(fill(one)).toBe("full");
      const used = arena.usedBytes;
      for (let time = 0; time < 50; time++) expect(fill(one)).toBe("full");
      expect(arena.usedBytes).toBe(used);
      // With signs apart there may be room for some blocks more.
      expect(fill(other)).toBe("full");
      const [after, size] = [arena.usedBytes, blocks.sizeBytes];
      for (let time = 0; time < 50; time++) expect([fill(one), fill(other)]).toEqual(["full", "full"]);
      expect([arena.usedBytes, blocks.sizeBytes]).toEqual([after, size]);
    });
  });
});
