import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { VectorId } from "../file/segment.ts";
import { codeOf } from "../file/test-code-of.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import { createVectorIndex, type VectorIndex, type VectorIndexOptions } from "./vector-index.ts";

const DIM = 32;
const vectorOf = (seed: number): Float32Array => randomVector(DIM, createNormals(seed + 1));

function filled(options: Partial<VectorIndexOptions> = {}, size = 100): VectorIndex {
  const index = createVectorIndex({ dim: DIM, originals: true, ...options });
  for (let id = 0; id < size; id++) index.add(id, vectorOf(id));
  return index;
}

/** Everything that can be asked of it. */
function allOf(index: VectorIndex): unknown {
  const ids = [...index.ids()];
  const found = [3, 1000].map((seed) => index.search(vectorOf(seed), { k: 50 }));
  return { size: index.size, of: ids.map((id) => [id, String(index.get(id))]).toSorted(), found };
}

function matrixOf(count: number, wrong: number, with_: number): Float32Array {
  const matrix = new Float32Array(count * DIM);
  for (let nth = 0; nth < count; nth++) matrix.set(vectorOf(500 + nth), nth * DIM);
  matrix[wrong * DIM + (wrong % DIM)] = with_;
  return matrix;
}

const upFrom = (id: number, count: number): readonly number[] => Array.from({ length: count }, (_, nth) => id + nth);

describe("a batch of which one cannot be added", () => {
  it.each<readonly [string, readonly VectorId[], number]>([
    ["of new vectors", upFrom(100, 20), 19],
    ["of new ones and ones that replace others", [...upFrom(100, 10), ...upFrom(40, 10)], 19],
    ["that replaces first", upFrom(90, 20), 12],
    ["that ends with one that replaces", [...upFrom(100, 19), 5], 7],
    ["that has an id twice", [100, 101, 101, ...upFrom(102, 17)], 18],
    ["of texts", upFrom(0, 20).map((nth) => `note ${nth}`), 0],
  ])("%s adds none and takes none away", (_name, ids, wrong) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const index = filled();
      const before = allOf(index);
      expect(() => index.addBatch(ids, matrixOf(20, wrong, value))).toThrow(
        `in vector ${wrong}, ${ids[wrong]}, coordinate ${wrong} is ${value}`,
      );
      expect(allOf(index)).toEqual(before);
      for (const id of ids) expect(index.has(id)).toBe((id as number) < 100);
      index.addBatch(ids, matrixOf(20, wrong, 1));
      expect(index.size).toBe(100 + new Set(ids.filter((id) => !((id as number) < 100))).size);
    }
  });

  it("by its id adds none either", () => {
    const index = filled();
    const before = allOf(index);
    const fine = matrixOf(3, 0, 1);
    for (const id of [-1, 1.5, Number.NaN, "\ud800", "x".repeat(1025), undefined as never, {} as never])
      for (const ids of [
        [200, 5, id],
        [id, 5, 200],
      ])
        expect(codeOf(() => index.addBatch(ids, fine))).toBe("bad-argument");
    for (const ids of [new Array(3), undefined, null, "abc", new Set([1, 2, 3]), Promise.resolve([])])
      expect(codeOf(() => index.addBatch(ids as never, fine))).toBe("bad-argument");
    for (const matrix of [undefined, null, [...fine], new Float64Array(fine), fine.buffer, Promise.resolve(fine)])
      expect(codeOf(() => index.addBatch([1, 2, 3], matrix as never))).toBe("bad-vector");
    expect(codeOf(() => index.addBatch([1, 2], fine))).toBe("bad-vector");
    expect(allOf(index)).toEqual(before);
  });

  it("would be noticed to leave something: one after the other does", () => {
    const index = filled();
    const [ids, matrix] = [upFrom(95, 20), matrixOf(20, 12, Number.NaN)];
    const before = allOf(index);
    expect(
      codeOf(() => {
        for (const [nth, id] of ids.entries()) index.add(id, matrix.subarray(nth * DIM, (nth + 1) * DIM));
      }),
    ).toBe("bad-vector");
    expect(allOf(index)).not.toEqual(before);
  });

  it("is refused exactly where each by itself is, at the ends of numbers and with centres there too", () => {
    const coordinate = fc.oneof(
      fc.constantFrom(0, -0, 1, 1e-45, 1e-38, 1e-25, 1e-20, 1e15, 1e19, 1e29, 2e30, 1e38, 3.4028234663852886e38, -3.4028234663852886e38),
      fc.float({ noNaN: false }),
    );
    const vector = fc.float32Array({ minLength: 8, maxLength: 8 });
    const any = fc.oneof(
      vector,
      fc.array(coordinate, { minLength: 8, maxLength: 8 }).map((values) => Float32Array.from(values)),
    );
    const refused = new Set<string>();
    fc.assert(
      fc.property(
        any,
        fc.option(
          any.filter((center) => center.every(Number.isFinite)),
          { nil: undefined },
        ),
        fc.constantFrom("cosine" as const, "dot" as const),
        (given, center, metric) => {
          const options = { dim: 8, metric, ...(center === undefined ? {} : { center }) };
          const alone = codeOf(() => createVectorIndex(options).add(0, given));
          const index = createVectorIndex(options);
          index.add(0, new Float32Array(8).fill(1e-3));
          const before = String(index.get(0));
          expect(codeOf(() => index.addBatch([0], given))).toBe(alone);
          if (alone !== "nothing") expect(String(index.get(0))).toBe(before);
          refused.add(alone);
        },
      ),
      { numRuns: 400 },
    );
    expect(refused).toEqual(new Set(["nothing", "bad-vector"]));
  });
});
