import { describe, expect, it } from "vitest";
import { createRotation } from "../codec/rotation.ts";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { distanceSpread, expectedRecall, leastThat, meanDistance, normalBelow, recallOfEstimates } from "./error-law.ts";

const PAIRS = 3000;

/** How many of the first signs of rotated pairs at this cosine differ. */
function distancesAt(dim: number, cosine: number, part = dim): readonly number[] {
  const normal = createNormals(dim + Math.round(100 * cosine));
  const unit = (vector: Float32Array): Float32Array => vector.map((value) => value / Math.sqrt(dot(vector, vector)));
  const rotation = createRotation(dim, 3n);
  return Array.from({ length: PAIRS }, () => {
    const one = unit(randomVector(dim, normal));
    const drawn = randomVector(dim, normal);
    const along = dot(one, drawn);
    const across = unit(drawn.map((value, at) => value - along * (one[at] as number)));
    const other = one.map((value, at) => cosine * value + Math.sqrt(1 - cosine * cosine) * (across[at] as number));
    rotation.apply(one);
    rotation.apply(other);
    return one.subarray(0, part).reduce((sum, value, at) => sum + (value < 0 !== (other[at] as number) < 0 ? 1 : 0), 0);
  });
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("signs of rotated vectors", () => {
  it.each([0, 0.3, 0.65, 0.9])("at a cosine of %d differ as often, and spread as much, as the law says", (cosine) => {
    const dim = 384;
    const distances = distancesAt(dim, cosine);
    const middle = mean(distances);
    const spread = Math.sqrt(mean(distances.map((distance) => (distance - middle) ** 2)));
    expect(Math.abs(middle - meanDistance(dim, cosine))).toBeLessThan((4 * spread) / Math.sqrt(PAIRS));
    expect(Math.abs(spread / distanceSpread(dim, cosine) - 1)).toBeLessThan(0.05);
    // Throws of a coin would spread more: what makes candidates fewer.
    const share = meanDistance(dim, cosine) / dim;
    expect(spread).toBeLessThan(0.93 * Math.sqrt(dim * share * (1 - share)));
  });
});

describe("a part of the signs of rotated vectors", () => {
  it.each([0, 0.65, 0.9])("at a cosine of %d spreads as the law says of a part", (cosine) => {
    const [dim, part] = [384, 192];
    const distances = distancesAt(dim, cosine, part);
    const middle = mean(distances);
    const spread = Math.sqrt(mean(distances.map((distance) => (distance - middle) ** 2)));
    expect(Math.abs(middle - meanDistance(part, cosine))).toBeLessThan((4 * spread) / Math.sqrt(PAIRS));
    expect(Math.abs(spread / distanceSpread(part, cosine, dim) - 1)).toBeLessThan(0.05);
    expect(spread / distanceSpread(part, cosine)).toBeGreaterThan(1.03);
  });
});

describe("laws", () => {
  it("of the normal below", () => {
    for (const [at, below] of [
      [0, 0.5],
      [1, 0.841_344_746],
      [-2, 0.022_750_132],
      [5, 0.999_999_713],
    ] as const)
      expect(normalBelow(at)).toBeCloseTo(below, 6);
  });

  it("each that was found stands for as many as had to be there", () => {
    expect(expectedRecall([])).toBe(1);
    expect(expectedRecall([1, 1])).toBe(1);
    expect(expectedRecall([0.5, 0.5])).toBe(0.5);
    expect(expectedRecall([1, 0.25])).toBeCloseTo(2 / 5);
    expect(expectedRecall([0])).toBeLessThan(1e-300);
  });

  it("the least that holds", () => {
    expect(leastThat(0, 100, (value) => value >= 37)).toBe(37);
    expect(leastThat(5, 9, () => false)).toBe(9);
    expect(leastThat(5, 9, () => true)).toBe(5);
  });

  it("how much of the best is among the best by estimates", () => {
    const normal = createNormals(4);
    const spread = 0.3;
    const rounds = Array.from({ length: 300 }, () => {
      const truths = Array.from({ length: 200 }, normal);
      const estimates = truths.map((truth) => truth + spread * normal());
      const order = (of: readonly number[]): number[] =>
        of.map((_, nth) => nth).sort((left, right) => (of[right] as number) - (of[left] as number));
      const [byTruth, byEstimate] = [order(truths).slice(0, 10), order(estimates)];
      const sorted = byEstimate.map((nth) => estimates[nth] as number);
      return {
        told: recallOfEstimates(
          sorted,
          sorted.map(() => spread),
          10,
        ),
        is: byEstimate.slice(0, 10).filter((nth) => byTruth.includes(nth)).length / 10,
      };
    });
    expect(Math.abs(mean(rounds.map(({ told }) => told)) - mean(rounds.map(({ is }) => is)))).toBeLessThan(0.03);
    expect(recallOfEstimates([3, 2], [1, 1], 5)).toBe(1);
    expect(recallOfEstimates(new Array<number>(100).fill(1), new Array<number>(100).fill(0.1), 10)).toBeCloseTo(0.1, 2);
    expect(recallOfEstimates([3, 2, 1], [0, 0, 0], 2)).toBe(1);
  });
});
