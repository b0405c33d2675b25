import { describe, expect, it } from "vitest";
import { createCodebook } from "./codebook.ts";

/** Squared error of the best codebook of N(0,1), by 4^bits: Max (1960), table I, and numerical integration for more bits. */
const NORMAL = [1.4535, 1.8797, 2.2111, 2.4323, 2.5648, 2.6392, 2.6792, 2.6997];

describe("codebooks", () => {
  it.each(NORMAL.map((error, nth) => [nth + 1, error] as const))("of %i bits tend to those of N(0,1)", (bits, error) => {
    expect(Math.abs((createCodebook(8192, bits).distortion * 4 ** bits) / error - 1)).toBeLessThan(0.001);
  });

  it("are those of the exact law in few dimensions: even steps where it is even", () => {
    const { centroids } = createCodebook(3, 4);
    const step = Math.sqrt(3) / 8;
    for (const [nth, centroid] of centroids.entries()) expect(centroid).toBeCloseTo(step * (nth + 0.5), 4);
  });

  it("have less error in fewer dimensions, and never more than the bound of the paper", () => {
    for (let bits = 1; bits <= 8; bits++) {
      const errors = [2, 8, 64, 1024].map((dim) => createCodebook(dim, bits).distortion);
      expect(errors).toEqual([...errors].sort((a, b) => a - b));
      expect(errors.at(-1)).toBeLessThan(((Math.sqrt(3) * Math.PI) / 2) * 4 ** -bits);
    }
  });

  it("rise, with each border halfway", () => {
    const { centroids, borders } = createCodebook(384, 5);
    expect([...centroids]).toEqual([...centroids].sort((a, b) => a - b));
    for (const [nth, border] of borders.entries())
      expect(border).toBe(Math.fround(((centroids[nth] as number) + (centroids[nth + 1] as number)) / 2));
  });
});
