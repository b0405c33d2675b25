import { expect, it } from "vitest";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { createVectorIndex } from "./vector-index.ts";

/** No power of two, and more than the signs that are looked at first. */
const DIM = 1000;
const COUNT = 5000;
const TOPICS = 12;
/** With so many vectors more cells are made and measured. */
const MORE = 1200;

it("cells of 1,000 coordinates are the same with kernels of every kind, and the recall that is asked for is there", () => {
  const normals = createNormals(DIM);
  const topics = Array.from({ length: TOPICS }, () => randomVector(DIM, normals));
  const draw = (nth: number): Float32Array =>
    randomVector(DIM, normals).map((value, at) => 0.7 * value + ((topics[nth % TOPICS] as Float32Array)[at] as number));
  const vectors = Array.from({ length: COUNT }, (_, nth) => draw(nth));
  const queries = Array.from({ length: 15 }, (_, nth) => draw(nth));
  const source = createVectorIndex({ dim: DIM, bits: 4, originals: true });
  for (const [nth, vector] of vectors.entries()) source.add(nth, vector);
  const segments = [...source.segments()];
  const [plain, ...others] = (["plain", "simd", "relaxed"] as const).map((kernels) => {
    const index = createVectorIndex({ dim: DIM, bits: 4, originals: true, flatUpTo: COUNT - 1, kernels });
    for (const segment of segments) index.load(segment);
    // With each vector something is done for cells.
    for (let nth = 0; nth < MORE; nth++) index.add(nth % 100, vectors[nth % 100] as Float32Array);
    expect(index.stats().cells).toBeGreaterThan(8);
    return queries.map((query) => index.search(query, { recall: 0.9 }));
  });
  for (const other of others) expect(other).toEqual(plain);
  const right = queries.map((query, nth) => {
    const best = vectors
      .map((vector, id) => ({ id, score: dot(vector, query) / Math.sqrt(dot(vector, vector)) }))
      .sort((left, right) => right.score - left.score)
      .slice(0, 10);
    const ids = new Set(plain?.[nth]?.hits.map(({ id }) => id));
    return best.filter(({ id }) => ids.has(id)).length / 10;
  });
  const meanOf = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
  expect(meanOf(right)).toBeGreaterThan(0.89);
  expect(meanOf(plain?.map(({ looked }) => looked) ?? [])).toBeLessThan(0.95 * COUNT);
});
