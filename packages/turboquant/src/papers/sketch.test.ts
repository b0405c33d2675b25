import { describe, expect, it } from "vitest";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { createSketch, type SketchKind } from "./sketch.ts";

const KINDS: readonly SketchKind[] = ["gaussian", "orthogonal"];
const ESTIMATES = 16_000;

/** What `factor * |r| * <S r, sign(S r)>` is of <r, r>, on average over S. */
function shareFound(kind: SketchKind, dim: number, vectorOf: (seed: number) => Float32Array): number {
  const seeds = Math.ceil(ESTIMATES / dim);
  let sum = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const sketch = createSketch(kind, dim, BigInt(seed));
    const vector = vectorOf(seed);
    const sizes = sketch.apply(vector).reduce((total, value) => total + Math.abs(value), 0);
    sum += (sketch.factor * sizes) / Math.sqrt(dot(vector, vector));
  }
  return sum / seeds;
}

describe("a sketch", () => {
  it.each(KINDS.flatMap((kind) => [2, 3, 8, 31, 32, 100, 128].map((dim) => [kind, dim] as const)))(
    "that is %s, of %i coordinates, has a factor that makes signs right on average",
    (kind, dim) => {
      const share = shareFound(kind, dim, (seed) => randomVector(dim, createNormals(seed + 1)));
      expect(Math.abs(share - 1)).toBeLessThan(0.02);
    },
  );

  it.each(KINDS)("that is %s does so for a vector of a single coordinate", (kind) => {
    const share = shareFound(kind, 128, (seed) => Float32Array.from({ length: 128 }, (_, at) => (at === seed % 128 ? 3 : 0)));
    expect(Math.abs(share - 1)).toBeLessThan(0.02);
  });

  it("has a factor of sqrt(pi/2) / d where it is Gaussian, and one that tends to sqrt(pi / (2 d)) where it is orthogonal", () => {
    for (const dim of [128, 1024]) {
      expect(createSketch("gaussian", dim, 0n).factor * dim).toBeCloseTo(Math.sqrt(Math.PI / 2), 12);
      const ratio = createSketch("orthogonal", dim, 0n).factor / Math.sqrt(Math.PI / (2 * dim));
      expect(Math.abs(ratio - 1)).toBeLessThan(1 / (3 * dim));
    }
    // The mean size of a coordinate of a point on a sphere: 1/2 in three dimensions, 4 / (3 pi) in four.
    expect(createSketch("orthogonal", 3, 0n).factor).toBeCloseTo(2 / 3, 12);
    expect(createSketch("orthogonal", 4, 0n).factor).toBeCloseTo((3 * Math.PI) / 16, 12);
  });

  it.each(KINDS)("that is %s has the transposed that it says", (kind) => {
    const sketch = createSketch(kind, 96, 4n);
    const normal = createNormals(9);
    const [left, right] = [randomVector(96, normal), randomVector(96, normal)];
    expect(dot(sketch.apply(left), right)).toBeCloseTo(dot(left, sketch.transposed(right)), 3);
  });
});
