import { describe, expect, it } from "vitest";
import type { SegmentColumns } from "../file/segment.ts";
import { codeOf } from "../file/test-code-of.ts";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { withMemoryUpTo } from "./test-memory-end.ts";
import { createVectorIndex, type VectorIndex, type VectorIndexOptions } from "./vector-index.ts";

function filled(options: VectorIndexOptions, count: number): VectorIndex {
  const normal = createNormals(options.dim);
  const index = createVectorIndex(options);
  for (let id = 0; id < count; id++) index.add(id, randomVector(options.dim, normal));
  return index;
}

describe("an index", () => {
  it("holds a vector that came back under its own id, where ids only rose until then", () => {
    const index = filled({ dim: 32 }, 10);
    index.remove(5);
    index.add(5, new Float32Array(32).fill(1));
    expect(index.size).toBe(10);
    expect(index.search(new Float32Array(32).fill(1), { k: 1 }).hits[0]?.id).toBe(5);
  });

  it.each([2, 3, 4, 8, 16])("of %i coordinates scores by what its codes stand for, at any width", (dim) => {
    const normal = createNormals(dim);
    for (const bits of [1, 4, 5, 8]) {
      const index = filled({ dim, bits }, 100);
      for (let nth = 0; nth < 20; nth++) {
        const query = randomVector(dim, normal);
        const unit = Math.sqrt(dot(query, query));
        for (const { id, score } of index.search(query, { k: 100, candidates: 100 }).hits)
          expect(Math.abs(score - dot(index.get(id) as Float32Array, query) / unit)).toBeLessThan(0.02);
      }
    }
  });

  it("refuses a selection of another index, though as much was done to that", () => {
    const [one, other] = [filled({ dim: 32 }, 10), filled({ dim: 32 }, 10)];
    const filter = one.select([1]);
    expect(one.search(new Float32Array(32).fill(1), { filter }).hits.map(({ id }) => id)).toEqual([1]);
    expect(codeOf(() => other.search(new Float32Array(32).fill(1), { filter }))).toBe("bad-argument");
    // As an index over threads takes it.
    const list = { filter: [1] as never };
    expect(codeOf(() => one.search(new Float32Array(32).fill(1), list))).toBe("bad-argument");
  });

  it("gives no segments of what it is no more", () => {
    const index = filled({ dim: 64 }, 200);
    expect(
      codeOf(() => {
        for (const _ of index.segments(150)) index.truncate(1);
      }),
    ).toBe("bad-argument");
    expect([...index.segments(150)].map(({ count }) => count)).toEqual([150, 50]);
  });

  it("refuses hostile segments before anything is made of them", () => {
    const [segment] = filled({ dim: 100, bits: 2, originals: true }, 10).segments() as Generator<Required<SegmentColumns>>;
    if (segment === undefined) throw new Error("no segment");
    const [signs, rest] = segment.planes as [Uint8Array, Uint8Array];
    const wrong: readonly Partial<SegmentColumns>[] = [
      { bits: 30, from: 30 },
      { bits: Number.NaN },
      { from: 1 },
      { count: 11 },
      // Beyond the last coordinate: such a vector would be farther away than any may be.
      { planes: [signs.map(() => 255), rest] },
      { originals: segment.originals.map(() => Number.NaN) },
      { ids: segment.ids.map((id) => (id === 9 ? -1 : id)) },
    ];
    const index = createVectorIndex({ dim: 100, bits: 2, originals: true });
    for (const each of wrong) expect(codeOf(() => index.load({ ...segment, ...each }))).toBe("bad-argument");
    expect(index.size).toBe(0);
    index.load(segment);
    expect(index.size).toBe(10);
  });

  it("cuts what was loaded at another width by the codebook that it was encoded with", () => {
    const [wide, narrow] = [filled({ dim: 64, bits: 8 }, 10), createVectorIndex({ dim: 64, bits: 4 })];
    for (const segment of wide.segments()) narrow.load(segment);
    wide.truncate(2);
    narrow.truncate(2);
    for (let id = 0; id < 10; id++) expect(narrow.get(id)).toEqual(wide.get(id));
  });

  it("is not made of a header of cut codes or another scale, and as the hint says takes what was cut", () => {
    const source = filled({ dim: 64, bits: 4 }, 10);
    source.truncate(2);
    const header = { ...source.header, bits: 2 };
    expect(() => createVectorIndex(header)).toThrow(
      expect.objectContaining({
        message: "from is 4, and bits 2",
        hint: expect.stringContaining("{ ...header, bits: header.from }") as unknown,
      }),
    );
    expect(codeOf(() => createVectorIndex({ ...source.header, scale: "norm" } as VectorIndexOptions))).toBe("bad-argument");
    const again = createVectorIndex({ ...header, bits: header.from });
    for (const segment of source.segments()) again.load(segment);
    for (let id = 0; id < 10; id++) expect(again.get(id)).toEqual(source.get(id));
  });

  it("has finite numbers for the largest and the smallest there are", () => {
    for (const [size, bits] of [
      [3e38, 2],
      [1e-44, 4],
    ] as const) {
      const index = createVectorIndex({ dim: 32, bits, metric: "dot" });
      for (let id = 0; id < 10; id++) index.add(id, new Float32Array(32).fill(size));
      index.truncate(1);
      expect(index.get(1)?.every(Number.isFinite)).toBe(true);
      expect(index.search(new Float32Array(32).fill(size), { k: 20 }).hits.filter(({ score }) => Number.isFinite(score)).length).toBe(10);
    }
  });

  it("in which vectors come and are cut one by one takes no block for each", () => {
    const index = createVectorIndex({ dim: 64, bits: 4 });
    for (let id = 0; id < 640; id++) {
      index.add(id, new Float32Array(64).fill(1));
      index.truncate(2);
    }
    expect(index.stats().byBits).toEqual([{ bits: 2, vectors: 640 }]);
    expect(index.stats().bytes.codes).toBeLessThan(1.2 * filled({ dim: 64, bits: 2 }, 704).stats().bytes.codes);
    for (let id = 0; id < 640; id++) {
      index.remove(id);
      index.add(id + 640, new Float32Array(64).fill(1));
      index.truncate(2);
    }
    expect(index.stats().bytes.codes).toBeLessThan(1.2 * filled({ dim: 64, bits: 2 }, 704).stats().bytes.codes);
  });
});

describe("an index whose memory is at its end", () => {
  const MOST_BYTES = 2 ** 20;

  it("refuses what comes and goes on with what is there", () => {
    const normal = createNormals(9);
    const index = createVectorIndex({ dim: 64, bits: 4 });
    const vectors: Float32Array[] = [];
    withMemoryUpTo(MOST_BYTES, () => {
      const refused = codeOf(() => {
        for (;;) {
          const vector = randomVector(64, normal);
          index.add(vectors.length, vector);
          vectors.push(vector);
        }
      });
      expect(refused).toBe("full");
      // Never looked at before, so nothing was there for a search to work with.
      const finds = (id: number): void => expect(index.search(vectors[id] as Float32Array, { k: 1 }).hits[0]?.id).toBe(id);
      finds(vectors.length - 1);
      expect(index.size).toBe(vectors.length);
      expect(index.searchBatch(vectors.slice(0, 6), { k: 1 }).map(({ hits }) => hits[0]?.id)).toEqual([0, 1, 2, 3, 4, 5]);
      finds(7);
      expect(index.has(vectors.length)).toBe(false);
      expect(index.remove(3)).toBe(true);
      index.add(3, vectors[3] as Float32Array);
      finds(3);
      expect(codeOf(() => index.add(vectors.length, vectors[0] as Float32Array))).toBe("full");
      index.truncate(2);
      finds(vectors.length - 1);
      expect(index.size).toBe(vectors.length);
    });
    index.add(vectors.length, vectors[0] as Float32Array);
    expect(index.size).toBe(vectors.length + 1);
  });
});

describe("the recall that is asked for", () => {
  interface Made {
    readonly vectors: readonly Float32Array[];
    readonly queries: readonly Float32Array[];
  }

  function recallOf(options: VectorIndexOptions, { vectors, queries }: Made, recall: number): number {
    const index = createVectorIndex({ ...options, originals: true });
    for (const [id, vector] of vectors.entries()) index.add(id, vector);
    const lengths = vectors.map((vector) => (options.metric === "dot" ? 1 : Math.sqrt(dot(vector, vector))));
    const found = queries.map((query) => {
      const scores = vectors.map((vector, id) => dot(vector, query) / (lengths[id] as number));
      const tenth = scores.toSorted((left, right) => right - left)[9] as number;
      const { hits } = index.search(query, { recall });
      // As good as the tenth is found: of vectors that are alike any will do.
      return hits.filter(({ id }) => (scores[id as number] as number) >= tenth - 1e-9).length / 10;
    });
    return found.reduce((sum, each) => sum + each, 0) / found.length;
  }

  it("is there where some vectors are a thousand times as long as others, and err as much more", () => {
    const normal = createNormals(81);
    const vectors = Array.from({ length: 2000 }, () => {
      const length = 1 / Math.max(1e-3, Math.abs(normal())) ** 2;
      return randomVector(128, normal).map((value) => value * length);
    });
    const queries = Array.from({ length: 80 }, () => randomVector(128, normal));
    expect(recallOf({ dim: 128, bits: 2, metric: "dot" }, { vectors, queries }, 0.95)).toBeGreaterThan(0.94);
  });

  it.each([
    ["a few times as long as others", (normal: () => number) => Math.exp(normal())],
    ["without bounds", (normal: () => number) => Math.abs(normal() / normal())],
  ])("is there, and is told, where lengths are %s", (name, lengthOf) => {
    const normal = createNormals(83);
    const draw = (): Float32Array => {
      const length = lengthOf(normal);
      return randomVector(128, normal).map((value) => value * length);
    };
    const index = createVectorIndex({ dim: 128, bits: 8, metric: "dot", originals: true });
    const vectors = Array.from({ length: 4000 }, draw);
    for (const [nth, vector] of vectors.entries()) index.add(nth, vector);
    const queries = Array.from({ length: 60 }, draw);
    const answers = queries.map((query) => {
      const best = vectors.map((vector, id) => ({ id, score: dot(vector, query) })).sort((left, right) => right.score - left.score);
      const found = index.search(query, { k: 10, recall: 0.99 });
      const ids = new Set(found.hits.map(({ id }) => id));
      return { is: best.slice(0, 10).filter(({ id }) => ids.has(id)).length / 10, told: found.expectedRecall, read: found.candidates };
    });
    const meanOf = (of: "is" | "told" | "read"): number => answers.reduce((sum, answer) => sum + answer[of], 0) / answers.length;
    expect(meanOf("is")).toBeGreaterThan(0.98);
    expect(meanOf("told")).toBeLessThan(meanOf("is") + 0.01);
    // Beside lengths without bounds most others are so short that their keys are one.
    if (name !== "without bounds") expect(meanOf("read")).toBeLessThan(400);
  });

  it("is there in two dimensions, and on a plane in many, where the best are so near that estimates of them pass one", () => {
    const normal = createNormals(78);
    const flat = (dim: number, count: number): readonly Float32Array[] => {
      const [one, other] = [randomVector(dim, createNormals(1)), randomVector(dim, createNormals(2))];
      return Array.from({ length: count }, () => {
        const [x, y] = [normal(), normal()];
        return one.map((value, at) => x * value + y * (other[at] as number));
      });
    };
    for (const dim of [2, 384])
      expect(recallOf({ dim, bits: 4 }, { vectors: flat(dim, 2000), queries: flat(dim, 60) }, 0.98)).toBeGreaterThan(0.97);
  });
});

it("selects and cuts what is named by a list that changes the index while it is read", () => {
  const dim = 32;
  const normals = createNormals(1);
  const index = createVectorIndex({ dim, bits: 4, flatUpTo: 1024 });
  const addUpTo = (end: number): void => {
    for (let id = index.size; id < end; id++) index.add(id, randomVector(dim, normals));
  };
  // As cells are made every vector moves.
  function* listOf(end: number): Generator<number> {
    yield 1;
    yield 2;
    addUpTo(end);
    yield 3;
  }
  addUpTo(1024);
  const { hits } = index.search(randomVector(dim, normals), { k: 10, filter: index.select(listOf(1400)) });
  expect(new Set(hits.map(({ id }) => id))).toEqual(new Set([1, 2, 3]));
  expect(index.truncate(2, listOf(2900))).toBe(3);
  expect([...index.ids()].filter((id) => index.bitsOf(id) === 2).sort()).toEqual([1, 2, 3]);
});
