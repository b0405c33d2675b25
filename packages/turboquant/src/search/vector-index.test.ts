import { describe, expect, it } from "vitest";
import type { VectorId } from "../file/segment.ts";
import { codeOf } from "../file/test-code-of.ts";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { createVectorIndex, type SearchOptions, type VectorIndex, type VectorIndexOptions } from "./vector-index.ts";

interface Made {
  readonly index: VectorIndex;
  readonly vectors: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
}

/** Around `topics` directions, with as much of their own; without topics there is nothing but noise, and half of the queries are near a vector. */
function madeIndex(options: VectorIndexOptions, count: number, topics: number, lengths: (nth: number) => number = () => 1): Made {
  const normal = createNormals(options.dim + count);
  const directions = Array.from({ length: topics }, () => randomVector(options.dim, normal));
  const draw = (nth: number): Float32Array => {
    const direction = directions[nth % Math.max(1, topics)];
    return randomVector(options.dim, normal).map((value, at) => lengths(nth) * (value + (direction?.[at] ?? 0)));
  };
  const vectors = Array.from({ length: count }, (_, nth) => draw(nth));
  const queries = Array.from({ length: 60 }, (_, nth) =>
    topics > 0 || nth % 2 === 1 ? draw(nth * 7) : (vectors[(nth * 11) % count] as Float32Array).map((value) => value + normal()),
  );
  const index = createVectorIndex(options);
  for (const [nth, vector] of vectors.entries()) index.add(nth, vector);
  return { index, vectors, queries };
}

function exactBest(
  { vectors, index }: Made,
  query: Float32Array,
  k: number,
  mayFind: (id: number) => boolean = () => true,
): readonly number[] {
  const lengthOf = (vector: Float32Array): number => (index.header.metric === "dot" ? 1 : Math.sqrt(dot(vector, vector)));
  return vectors
    .map((vector, id) => ({ id, score: dot(vector, query) / lengthOf(vector) }))
    .filter(({ id }) => mayFind(id))
    .sort((left, right) => right.score - left.score)
    .slice(0, k)
    .map(({ id }) => id);
}

function recallOf(made: Made, options: SearchOptions): number {
  const k = options.k ?? 10;
  const found = made.queries.map((query) => {
    const hits = new Set(made.index.search(query, options).hits.map(({ id }) => id));
    return exactBest(made, query, k).filter((id) => hits.has(id)).length / k;
  });
  return found.reduce((sum, each) => sum + each, 0) / found.length;
}

describe("a search", () => {
  it("finds a vector as soon as it is there, by its own name, and no more when it is gone", () => {
    const { index, vectors } = madeIndex({ dim: 96, bits: 4 }, 300, 5);
    const vector = randomVector(96, createNormals(99));
    for (const id of ["a text", 2 ** 40, 7]) {
      index.add(id, vector);
      expect(index.search(vector, { k: 1 }).hits[0]).toMatchObject({ id });
      expect(index.search(vector, { k: 1 }).hits[0]?.score).toBeCloseTo(1, 1);
      expect(index.has(id)).toBe(true);
      expect(index.remove(id)).toBe(true);
      expect(index.remove(id)).toBe(false);
      expect(index.search(vector, { k: 300 }).hits.map((hit) => hit.id)).not.toContain(id);
    }
    expect(index.size).toBe(299);
    expect(index.search(vectors[8] as Float32Array, { k: 1 }).hits[0]?.id).toBe(8);
  });

  it("finds what replaced a vector, not what was there before", () => {
    const { index, vectors } = madeIndex({ dim: 96, bits: 4 }, 200, 0);
    index.add(17, vectors[3] as Float32Array);
    expect(index.size).toBe(200);
    const ids = index.search(vectors[3] as Float32Array, { k: 2 }).hits.map(({ id }) => id);
    expect([...ids].sort()).toEqual([17, 3]);
    expect(index.search(vectors[17] as Float32Array, { k: 1 }).hits[0]?.id).not.toBe(17);
  });

  it("gives what there is where less is there than asked for", () => {
    const index = createVectorIndex({ dim: 32 });
    expect(index.search(new Float32Array(32).fill(1))).toEqual({ hits: [], looked: 0, candidates: 0, expectedRecall: 1 });
    index.add("one", new Float32Array(32).fill(1));
    index.add("none", new Float32Array(32));
    const { hits, looked } = index.search(new Float32Array(32).fill(2), { k: 5 });
    expect(hits.map(({ id }) => id)).toEqual(["one", "none"]);
    expect(looked).toBe(2);
    expect(hits[1]?.score).toBe(0);
  });

  it.each([1, 2.5, 4, 5, 8])("says the same with kernels of every kind, at %d bits", (bits) => {
    const [plain, ...others] = (["plain", "simd", "relaxed"] as const).map((kernels) => {
      const { index, queries } = madeIndex({ dim: 200, bits, kernels, center: new Float32Array(200).fill(0.01) }, 400, 6);
      return queries.slice(0, 12).map((query) => index.search(query));
    });
    for (const other of others) expect(other).toEqual(plain);
  });

  it("in a batch says what each alone says", () => {
    const { index, queries } = madeIndex({ dim: 128, bits: 3 }, 1000, 20);
    expect(index.searchBatch(queries.slice(0, 7))).toEqual(queries.slice(0, 7).map((query) => index.search(query)));
  });

  it("by a filter finds only what it lets, and as much of that", () => {
    const made = madeIndex({ dim: 128, bits: 6 }, 2000, 10);
    const isThird = (id: VectorId): boolean => (id as number) % 3 === 0;
    const selection = made.index.select(isThird);
    const byIds = made.index.select(Array.from({ length: 667 }, (_, nth) => 3 * nth));
    let right = 0;
    for (const query of made.queries) {
      const [byFunction, bySelection, byList] = [isThird, selection, byIds].map((filter) =>
        made.index.search(query, { filter, recall: 0.99 }),
      );
      expect(bySelection).toEqual(byFunction);
      expect(byList).toEqual(byFunction);
      const hits = byFunction?.hits.map(({ id }) => id) ?? [];
      expect(hits.every(isThird)).toBe(true);
      right += exactBest(made, query, 10, isThird).filter((id) => hits.includes(id)).length;
    }
    expect(right / (10 * made.queries.length)).toBeGreaterThan(0.96);
  });

  it("refuses a filter of what was", () => {
    const { index, queries } = madeIndex({ dim: 64 }, 100, 2);
    const filter = index.select([1, 2, 3]);
    index.add(1000, queries[0] as Float32Array);
    expect(codeOf(() => index.search(queries[0] as Float32Array, { filter }))).toBe("bad-argument");
  });

  it("refuses what cannot be, and changes nothing by it", () => {
    const { index, queries } = madeIndex({ dim: 64 }, 100, 2);
    const [query] = queries as [Float32Array];
    const wrong: readonly SearchOptions[] = [{ k: 0 }, { k: 1.5 }, { k: 1e6 }, { recall: 0 }, { recall: 1.1 }, { k: 10, candidates: 5 }];
    for (const options of wrong) expect(codeOf(() => index.search(query, options))).toBe("bad-argument");
    expect(codeOf(() => index.search(new Float32Array(63)))).toBe("bad-vector");
    expect(
      codeOf(() =>
        index.add(
          5,
          query.map(() => Number.NaN),
        ),
      ),
    ).toBe("bad-vector");
    for (const id of [-1, 0.5, 2 ** 53, Number.NaN, "x".repeat(1025), "\uD800"])
      expect(codeOf(() => index.add(id, query))).toBe("bad-argument");
    expect(index.size).toBe(100);
    expect(index.has(5)).toBe(true);
    expect(codeOf(() => createVectorIndex({ dim: 64, metric: "l2" as "dot" }))).toBe("bad-argument");
  });
});

describe("the recall that is asked for", () => {
  const hard = { dim: 256, originals: true, bits: 3 } as const;
  const made = madeIndex(hard, 6000, 0);
  const structured = madeIndex(hard, 6000, 40);

  it.each([0.9, 0.95, 0.99])("of %d is there, without structure as with it, from the law of errors alone", (recall) => {
    expect(recallOf(made, { recall })).toBeGreaterThan(recall - 0.01);
    expect(recallOf(structured, { recall })).toBeGreaterThan(recall - 0.01);
  });

  it("is told, and costs as many candidates as it takes", () => {
    const results = [0.8, 0.95].map((recall) => made.queries.map((query) => made.index.search(query, { recall })));
    const [few, many] = results.map((each) => each.reduce((sum, { candidates }) => sum + candidates, 0)) as [number, number];
    expect(many).toBeGreaterThan(1.3 * few);
    const expected = results.map((each) => each.reduce((sum, result) => sum + result.expectedRecall, 0) / each.length);
    expect(expected[0]).toBeCloseTo(recallOf(made, { recall: 0.8 }), 1);
    expect(expected[1]).toBeCloseTo(recallOf(made, { recall: 0.95 }), 1);
  });

  it("is not there with candidates counted by hand, which is why they are computed", () => {
    expect(recallOf(made, { candidates: 50 })).toBeLessThan(0.8);
    expect(recallOf(structured, { candidates: 1000 })).toBeGreaterThan(0.95);
  });

  it("is what codes hold where there are no originals, and that is told", () => {
    const coarse = madeIndex({ dim: 256, bits: 2 }, 6000, 0);
    const expected =
      coarse.queries.reduce((sum, query) => sum + coarse.index.search(query, { recall: 0.99 }).expectedRecall, 0) / coarse.queries.length;
    expect(expected).toBeLessThan(0.9);
    expect(Math.abs(expected - recallOf(coarse, { recall: 0.99 }))).toBeLessThan(0.05);
  });

  it("is there by inner products of vectors of many lengths, and with a centre", () => {
    const lengths = (nth: number): number => 1 + (nth % 5);
    const byDot = madeIndex({ ...hard, metric: "dot" }, 4000, 10, lengths);
    expect(recallOf(byDot, { recall: 0.95 })).toBeGreaterThan(0.94);
    const center = byDot.vectors
      .slice(0, 64)
      .reduce((sum, vector) => sum.map((value, at) => value + (vector[at] as number) / 64), new Float32Array(256));
    const withCenter = madeIndex({ ...hard, metric: "dot", center }, 4000, 10, lengths);
    expect(recallOf(withCenter, { recall: 0.95 })).toBeGreaterThan(0.94);
    const cosine = madeIndex({ ...hard, center: center.map((value) => value / 50) }, 4000, 10, lengths);
    expect(recallOf(cosine, { recall: 0.95 })).toBeGreaterThan(0.94);
  });
});

describe("an index", () => {
  it("gives back a vector about as it was, at length one where only the direction counts", () => {
    const [cosine, product] = (["cosine", "dot"] as const).map((metric) => madeIndex({ dim: 384, bits: 8, metric }, 70, 3, () => 5));
    for (const [made, length] of [
      [cosine, 1],
      [product, Math.sqrt(dot(product?.vectors[9] as Float32Array, product?.vectors[9] as Float32Array))],
    ] as const) {
      const found = made?.index.get(9) as Float32Array;
      expect(Math.sqrt(dot(found, found)) / length).toBeCloseTo(1, 3);
      const original = made?.vectors[9] as Float32Array;
      expect(dot(found, original) / Math.sqrt(dot(found, found) * dot(original, original))).toBeGreaterThan(0.9999);
    }
    expect(cosine?.index.get("nobody")).toBeUndefined();
  });

  it("takes no more than its codes, and eight bytes and a hundredth", () => {
    for (const [dim, bits] of [
      [384, 1],
      [384, 4],
      [1536, 2.5],
      [1536, 4],
    ] as const) {
      const index = createVectorIndex({ dim, bits });
      const vector = randomVector(dim, createNormals(1));
      for (let id = 0; id < 8192; id++) index.add(id, vector);
      const { codes, ids } = index.stats().bytes;
      expect((codes + ids) / 8192).toBeLessThanOrEqual(1.01 * ((dim * bits) / 8 + 8));
    }
  });

  it("cut to fewer bits where it is takes less, and finds what those bits let find", () => {
    const made = madeIndex({ dim: 256, bits: 4 }, 2000, 30);
    const before = { recall: recallOf(made, {}), codes: made.index.stats().bytes.codes };
    expect(made.index.truncate(2)).toBe(2000);
    expect(made.index.truncate(2)).toBe(0);
    expect(made.index.stats().byBits).toEqual([{ bits: 2, vectors: 2000 }]);
    expect(made.index.stats().bytes.codes / before.codes).toBeLessThan(0.53);
    const direct = madeIndex({ dim: 256, bits: 2 }, 2000, 30);
    expect(recallOf(made, {})).toBeGreaterThan(recallOf(direct, {}) - 0.03);
    expect(recallOf(made, {})).toBeLessThan(before.recall);
    made.index.add(5000, made.vectors[0] as Float32Array);
    expect(made.index.stats().byBits).toContainEqual({ bits: 4, vectors: 1 });
    for (const bits of [0, 5, Number.NaN]) expect(codeOf(() => made.index.truncate(bits))).toBe("bad-argument");
  });

  it("cut in part keeps the rest as it was, and every vector under its name", () => {
    const made = madeIndex({ dim: 256, bits: 4, originals: true }, 1000, 10);
    const old = Array.from({ length: 333 }, (_, nth) => 3 * nth);
    expect(made.index.truncate(1, old)).toBe(333);
    expect(made.index.stats().byBits.toSorted((left, right) => left.bits - right.bits)).toEqual([
      { bits: 1, vectors: 333 },
      { bits: 4, vectors: 667 },
    ]);
    expect(made.index.size).toBe(1000);
    for (const id of [0, 1, 3, 998, 999]) expect(made.index.search(made.vectors[id] as Float32Array, { k: 1 }).hits[0]?.id).toBe(id);
    expect(recallOf(made, { recall: 0.95 })).toBeGreaterThan(0.94);
  });

  it("comes back from its segments and says the same", () => {
    for (const options of [
      { dim: 100, bits: 2.5 },
      { dim: 256, bits: 4, originals: true },
      { dim: 256, bits: 4, metric: "dot", center: new Float32Array(256).fill(0.2) },
    ] as const) {
      const made = madeIndex(options, 500, 5);
      made.index.add("a text", made.queries[3] as Float32Array);
      made.index.remove(77);
      made.index.truncate(2, [1, 2, 3]);
      const again = createVectorIndex(options);
      for (const segment of made.index.segments(100)) {
        expect(segment.count).toBeLessThanOrEqual(100);
        again.load(segment);
      }
      expect(again.size).toBe(500);
      for (const query of made.queries.slice(0, 10)) {
        const [before, after] = [made.index.search(query, { candidates: 500 }), again.search(query, { candidates: 500 })];
        expect(after).toEqual(before);
      }
    }
  });

  it("refuses segments that do not fit together", () => {
    const { index } = madeIndex({ dim: 64, bits: 2 }, 10, 1);
    const [segment] = index.segments();
    if (segment === undefined) throw new Error("no segment");
    const other = createVectorIndex({ dim: 64, bits: 2 });
    expect(codeOf(() => other.load({ ...segment, ids: [1] }))).toBe("bad-argument");
    expect(codeOf(() => other.load({ ...segment, scales: segment.scales.map(() => Number.NaN) }))).toBe("bad-argument");
    expect(codeOf(() => other.load({ ...segment, planes: segment.planes.slice(1) }))).toBe("bad-argument");
    expect(codeOf(() => createVectorIndex({ dim: 64, bits: 2, originals: true }).load(segment))).toBe("bad-argument");
    expect(other.size).toBe(0);
  });

  it("gives the place of what is gone to what comes", () => {
    const { index, vectors } = madeIndex({ dim: 64 }, 640, 4);
    const { codes } = index.stats().bytes;
    for (let round = 0; round < 5; round++)
      for (let nth = 0; nth < 640; nth++) {
        expect(index.remove(640 * round + nth)).toBe(true);
        index.add(640 * (round + 1) + nth, vectors[nth] as Float32Array);
      }
    expect(index.stats().bytes.codes).toBe(codes);
    expect(index.has(640 * 4)).toBe(false);
    expect(index.search(vectors[9] as Float32Array, { k: 1 }).hits[0]?.id).toBe(640 * 5 + 9);
  });
});

describe("an index of many vectors, in cells", () => {
  const options = { dim: 128, bits: 4, originals: true, flatUpTo: 1024 } as const;
  const made = madeIndex(options, 8000, 12);

  it("looks at a part of them, and the recall that is asked for is there", () => {
    expect(made.index.stats().cells).toBeGreaterThan(5);
    for (const recall of [0.9, 0.99]) expect(recallOf(made, { recall })).toBeGreaterThan(recall - 0.01);
    const looked = made.queries.map((query) => made.index.search(query, { recall: 0.9 }).looked);
    expect(looked.reduce((sum, each) => sum + each, 0) / looked.length).toBeLessThan(0.7 * 8000);
  });

  it("of which there are more than a block has rows, looks at a part of them with finer codes as well", () => {
    const { index, queries, vectors } = madeIndex({ dim: 64, bits: 8, flatUpTo: 20_000 }, 44_000, 12);
    expect(index.stats().cells).toBeGreaterThan(64);
    const looked = queries.map((query) => index.search(query, { recall: 0.8 }).looked);
    expect(looked.reduce((sum, each) => sum + each, 0) / looked.length).toBeLessThan(0.5 * 44_000);
    const flat = createVectorIndex({ dim: 64, bits: 8 });
    for (let nth = 0; nth < vectors.length; nth += 97) {
      flat.add(nth, vectors[nth] as Float32Array);
      expect(index.get(nth)).toEqual(flat.get(nth));
    }
  });

  it("finds every vector while they are being made, and nobody who adds one waits for all of them", () => {
    const index = createVectorIndex({ ...options, flatUpTo: 4000 });
    const steps = new Set<number>();
    for (const [nth, vector] of made.vectors.entries()) {
      index.add(nth, vector);
      if (nth < 4000 || nth % 13 !== 0) continue;
      steps.add(index.stats().cells);
      const id = (nth * 7) % nth;
      expect(index.search(made.vectors[id] as Float32Array, { k: 1 }).hits[0]?.id).toBe(id);
      if (nth % 26 === 0) expect(index.remove(nth)).toBe(true);
    }
    // None until the first middles are there, which takes some vectors.
    expect([...steps][0]).toBe(0);
    const looked = made.queries.map((query) => index.search(query, { recall: 0.9 }).looked);
    expect(looked.reduce((sum, each) => sum + each, 0) / looked.length).toBeLessThan(0.8 * index.size);
  });

  it("without structure looks at as many as it takes", () => {
    const noise = madeIndex(options, 4000, 0);
    for (const recall of [0.9, 0.95]) expect(recallOf(noise, { recall })).toBeGreaterThan(recall - 0.01);
  });

  it("finds what is added, replaced and cut, and not what is gone, whichever cell it is in", () => {
    const { index, vectors } = madeIndex(options, 3000, 30);
    const first = (nth: number): VectorId | undefined => index.search(vectors[nth] as Float32Array, { k: 1 }).hits[0]?.id;
    for (let nth = 0; nth < 3000; nth += 3) expect(index.remove(nth)).toBe(true);
    for (let nth = 0; nth < 3000; nth += 3) index.add(`again ${nth}`, vectors[nth] as Float32Array);
    index.truncate(
      2,
      Array.from({ length: 500 }, (_, nth) => 3 * nth + 1),
    );
    expect(index.size).toBe(3000);
    for (let nth = 0; nth < 300; nth += 3) {
      expect(first(nth)).toBe(`again ${nth}`);
      expect(first(nth + 1)).toBe(nth + 1);
      expect(first(nth + 2)).toBe(nth + 2);
      expect(index.has(nth)).toBe(false);
    }
  });

  it("comes back from segments, also into cells that are there", () => {
    const again = createVectorIndex(options);
    for (const segment of made.index.segments(500)) again.load(segment);
    expect(again.size).toBe(8000);
    expect(again.stats().cells).toBeGreaterThan(5);
    for (const nth of [0, 777, 7999]) expect(again.search(made.vectors[nth] as Float32Array, { k: 1 }).hits[0]?.id).toBe(nth);
  });

  it("by a filter that lets few finds those few", () => {
    const few = [5, 1234, 4321];
    for (const query of made.queries.slice(0, 5)) {
      const hits = made.index.search(query, { filter: made.index.select(few) }).hits.map(({ id }) => id as number);
      expect(hits.toSorted((left, right) => left - right)).toEqual(few);
    }
  });

  it("has at least a thousand vectors before that", () => {
    expect(codeOf(() => createVectorIndex({ dim: 64, flatUpTo: 10 }))).toBe("bad-argument");
  });
});
