import fc from "fast-check";
import { expect, it } from "vitest";
import type { VectorId } from "../file/segment.ts";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { createVectorIndex, type VectorIndex } from "./vector-index.ts";

/** The fewest that cells are made for. */
const FLAT_UP_TO = 1024;
/** While vectors are added, a search is made after each so many: putting them into cells takes hardly more. */
const LOOKED_EACH = 16;
/** Of lengths: what rounding a query to 127 steps may do to a score, in few dimensions too. */
const ROUNDING = 0.03;

const range = fc.record({ first: fc.nat(2500), count: fc.integer({ min: 1, max: 1200 }) });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("add" as const), range, seed: fc.nat(1e6) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("load" as const), range, seed: fc.nat(1e6) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), range, each: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("truncate" as const), range, share: fc.constantFrom(0, 0.5) }) },
);
const made = fc.record({
  dim: fc.oneof(fc.integer({ min: 2, max: 70 }), fc.constant(385)),
  bits: fc.constantFrom(2, 2.5, 4),
  metric: fc.constantFrom("cosine" as const, "dot" as const),
  originals: fc.boolean(),
  kernels: fc.constantFrom("simd" as const, "relaxed" as const),
});
/** Of how many kinds vectors are, and how far those of a kind are apart: nothing makes equal ones. */
const like = fc.record({ kinds: fc.integer({ min: 1, max: 40 }), apart: fc.constantFrom(0, 0.3, 2) });

const idsOf = ({ first, count }: { readonly first: number; readonly count: number }): readonly number[] =>
  Array.from({ length: count }, (_, nth) => first + nth);
const lengthOf = (vector: Float32Array): number => Math.sqrt(dot(vector, vector));

/** Each vector is there once, by its id, in a search and in what is written, and has the score of its code. */
function agrees(index: VectorIndex, names: ReadonlyMap<VectorId, Float32Array>, query: Float32Array): void {
  expect(index.size).toBe(names.size);
  const written = [...index.segments()].flatMap(({ ids }) => ids);
  expect([written.length, new Set(written)]).toEqual([names.size, new Set(names.keys())]);
  if (names.size === 0) return;
  const unit = index.header.metric === "cosine" ? lengthOf(query) : 1;
  const { hits, expectedRecall } = index.search(query, { k: names.size, candidates: names.size, exact: false });
  expect([hits.length, new Set(hits.map(({ id }) => id)).size]).toEqual([names.size, names.size]);
  expect(expectedRecall).toBeGreaterThan(0);
  const wrong = hits.filter(({ id, score }) => {
    const vector = index.get(id) as Float32Array;
    return !(Math.abs(score - dot(vector, query) / unit) <= ROUNDING * 3 * lengthOf(vector) * (lengthOf(query) / unit) + 1e-6);
  });
  expect(wrong).toEqual([]);
  // Originals have moved with their codes, and so have ids.
  if (!index.header.originals) return;
  for (const { id, score } of index.search(query, { k: 50 }).hits) {
    const vector = names.get(id) as Float32Array;
    expect(score).toBeCloseTo(dot(vector, query) / (unit * (index.header.metric === "cosine" ? lengthOf(vector) : 1)), 3);
  }
}

it("an index whose cells are being made, tidied and measured while anything happens holds each vector once, and finds it by its code", () => {
  fc.assert(
    fc.property(made, like, fc.array(step, { minLength: 3, maxLength: 9 }), fc.nat(1e6), (options, { kinds, apart }, steps, asked) => {
      const { dim, bits } = options;
      const index = createVectorIndex({ ...options, flatUpTo: FLAT_UP_TO });
      const names = new Map<VectorId, Float32Array>();
      const middles = Array.from({ length: kinds }, (_, nth) => randomVector(dim, createNormals(nth + 1)));
      const put = (
        into: VectorIndex,
        each: { readonly range: { readonly first: number; readonly count: number }; readonly seed: number },
      ) => {
        const normals = createNormals(each.seed + 100);
        for (const id of idsOf(each.range)) {
          const off = randomVector(dim, normals);
          const vector = (middles[(id + each.seed) % kinds] as Float32Array).map((value, at) => value + apart * (off[at] as number));
          into.add(id, vector);
          names.set(id, vector);
          if (into !== index) continue;
          // In the middle of whatever is done for cells.
          if (id % LOOKED_EACH === 0 && index.size > FLAT_UP_TO)
            expect(
              new Set(index.search(vector, { k: index.size, candidates: index.size, exact: false }).hits.map((hit) => hit.id)).size,
            ).toBe(index.size);
        }
      };
      // Whatever comes then, cells are begun.
      put(index, { range: { first: 0, count: FLAT_UP_TO + 40 }, seed: asked });
      expect(index.stats().cells).toBeGreaterThan(0);
      for (const each of steps) {
        if (each.do === "add") put(index, each);
        else if (each.do === "load") {
          const other = createVectorIndex(options);
          put(other, each);
          for (const segment of other.segments(300)) index.load(segment);
        } else if (each.do === "remove") {
          for (const id of idsOf(each.range)) if (id % each.each === 0) expect(index.remove(id)).toBe(names.delete(id));
        } else index.truncate(1 + each.share * (bits - 1), idsOf(each.range));
        expect([index.size, idsOf(each.range).filter((id) => index.has(id) !== names.has(id))]).toEqual([names.size, []]);
      }
      agrees(index, names, randomVector(dim, createNormals(asked + 7)));
    }),
    { numRuns: 4 },
  );
});
