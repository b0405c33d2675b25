import { describe, expect, it } from "vitest";
import { createNormals } from "../test-vectors.ts";
import { expectedRecall, leastThat, normalBelow, recallOfEstimates } from "./error-law.ts";

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

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
