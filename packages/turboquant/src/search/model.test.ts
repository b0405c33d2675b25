import fc from "fast-check";
import { expect, it } from "vitest";
import type { VectorId } from "../file/segment.ts";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { createVectorIndex, type VectorIndex, type VectorIndexOptions } from "./vector-index.ts";

/** Of lengths: what rounding a query to 127 steps may do to a score, in few dimensions too. */
const ROUNDING = 0.03;

const id = fc.oneof(fc.nat(12), fc.constantFrom("a", "b"), fc.constant(2 ** 40));
const draw = fc.record({ seed: fc.nat(1e6), kind: fc.constantFrom("normal", "spike", "zeros", "equal", "tiny", "huge") });
const step = fc.oneof(
  fc.record({ do: fc.constant("add" as const), id, draw }),
  fc.record({ do: fc.constant("addBatch" as const), first: fc.nat(12), count: fc.integer({ min: 1, max: 70 }), draw }),
  fc.record({ do: fc.constant("remove" as const), id }),
  fc.record({ do: fc.constant("truncate" as const), share: fc.constantFrom(0, 0.5, 1), ids: fc.option(fc.array(id)) }),
  fc.record({ do: fc.constant("reload" as const), rows: fc.integer({ min: 1, max: 40 }) }),
);
const made = fc.record({
  dim: fc.integer({ min: 2, max: 70 }),
  bits: fc.constantFrom(1, 1.5, 2, 2.5, 3, 4, 4.3, 5, 6.7, 8),
  metric: fc.constantFrom("cosine" as const, "dot" as const),
  centred: fc.boolean(),
  originals: fc.boolean(),
  kernels: fc.constantFrom("plain" as const, "simd" as const, "relaxed" as const),
});

function vectorOf({ seed, kind }: { readonly seed: number; readonly kind: string }, dim: number, metric: string): Float32Array {
  const vector = randomVector(dim, createNormals(seed + 1));
  if (kind === "spike") return vector.map((_, at) => (at === seed % dim ? 3 : 0));
  if (kind === "zeros") return vector.fill(0);
  if (kind === "equal") return vector.fill(1);
  // Beside vectors of other lengths these would be below or above everything: where only the direction counts they are like any other.
  if (metric === "dot") return vector;
  return kind === "tiny" ? vector.map((value) => value * 1e-38) : kind === "huge" ? vector.map((value) => value * 3e37) : vector;
}

const lengthOf = (vector: Float32Array): number => Math.sqrt(dot(vector, vector));

/** What a search of all candidates has to say, by the vectors that codes stand for. */
function agrees(index: VectorIndex, names: ReadonlySet<VectorId>, query: Float32Array): void {
  const unit = index.header.metric === "cosine" ? lengthOf(query) || 1 : 1;
  const expected = new Map<VectorId, number>();
  let longest = 0;
  for (const name of names) {
    const vector = index.get(name) as Float32Array;
    longest = Math.max(longest, lengthOf(vector), lengthOf(index.header.center ?? vector));
    expected.set(name, dot(vector, query) / unit);
  }
  const off = ROUNDING * 3 * longest * (lengthOf(query) / unit);
  for (const k of [1, 5, 200]) {
    const { hits, expectedRecall } = index.search(query, { k, candidates: 10_000, exact: false });
    expect(hits.length).toBe(Math.min(k, names.size));
    expect(new Set(hits.map((hit) => hit.id)).size).toBe(hits.length);
    expect(expectedRecall).toBeGreaterThan(0);
    for (const [nth, hit] of hits.entries()) {
      expect(Math.abs(hit.score - (expected.get(hit.id) as number))).toBeLessThanOrEqual(off);
      if (nth > 0) expect(hit.score).toBeLessThanOrEqual(hits[nth - 1]?.score as number);
    }
    const left = [...expected].filter(([name]) => !hits.some((hit) => hit.id === name)).map(([, score]) => score);
    expect(Math.max(Number.NEGATIVE_INFINITY, ...left)).toBeLessThanOrEqual((hits.at(-1)?.score ?? Number.POSITIVE_INFINITY) + 2 * off);
  }
}

it("an index in which anything happens in any order holds what it was given, and a search of all finds by its codes", () => {
  fc.assert(
    fc.property(made, fc.array(step, { maxLength: 15 }), draw, ({ centred, ...rest }, steps, asked) => {
      const { dim, metric } = rest;
      const options: VectorIndexOptions = { ...rest, ...(centred ? { center: new Float32Array(dim).fill(0.3) } : {}) };
      let index = createVectorIndex(options);
      const names = new Set<VectorId>();
      for (const each of steps) {
        if (each.do === "add") {
          index.add(each.id, vectorOf(each.draw, dim, metric));
          names.add(each.id);
        } else if (each.do === "addBatch") {
          const ids = Array.from({ length: each.count }, (_, nth) => each.first + nth);
          const matrix = new Float32Array(each.count * dim);
          for (const [nth, name] of ids.entries()) {
            matrix.set(vectorOf({ ...each.draw, seed: each.draw.seed + nth }, dim, metric), nth * dim);
            names.add(name);
          }
          index.addBatch(ids, matrix);
        } else if (each.do === "remove") expect(index.remove(each.id)).toBe(names.delete(each.id));
        else if (each.do === "truncate") index.truncate(1 + each.share * (rest.bits - 1), each.ids ?? undefined);
        else {
          const again = createVectorIndex(options);
          for (const segment of index.segments(each.rows)) again.load(segment);
          index = again;
        }
        expect(index.size).toBe(names.size);
        for (const name of names) expect(index.has(name)).toBe(true);
      }
      const found = [...index.segments()].flatMap(({ ids }) => ids);
      expect(new Set(found)).toEqual(names);
      expect(found.length).toBe(names.size);
      agrees(index, names, vectorOf({ ...asked, kind: asked.kind === "zeros" ? "normal" : asked.kind }, dim, metric));
    }),
    { numRuns: 20 },
  );
});
