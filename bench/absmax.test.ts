import { describe, expect, it } from "vitest";
import { createRandomBits } from "../packages/turboquant/src/codec/random-bits.ts";
import { createNormalDraws } from "../packages/turboquant/src/papers/normals.ts";
import { dot, randomVector, relativeError } from "../packages/turboquant/src/test-vectors.ts";
import { createAbsmax } from "./absmax.ts";

describe("integers by the largest coordinate", () => {
  // Of the requirements, R4: at 128 coordinates with a step in full.
  it.each([
    [2, 0.59],
    [3, 0.076],
    [4, 0.0139],
  ])("err at %i bits by %d of the square", (bits, expected) => {
    const coder = createAbsmax({ dim: 128, bits });
    const normal = createNormalDraws(createRandomBits(BigInt(bits)));
    const errors = Array.from({ length: 2_000 }, () => {
      const vector = randomVector(128, normal);
      return relativeError(vector, coder.decode(coder.encode(vector)));
    });
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    expect(Math.abs(mean / expected - 1)).toBeLessThan(0.02);
  });

  it("give the inner products of what is decoded, and zeros for zeros", () => {
    const coder = createAbsmax({ dim: 100, bits: 3 });
    const normal = createNormalDraws(createRandomBits(1n));
    const [vector, query] = [randomVector(100, normal), randomVector(100, normal)];
    const code = coder.encode(vector);
    expect(code.length).toBe(coder.codeBytes);
    expect(coder.codeBytes).toBe(42);
    expect(coder.query(query).dot(code)).toBeCloseTo(dot(coder.decode(code), query), 4);
    expect(coder.decode(coder.encode(new Float32Array(100))).every((value) => value === 0)).toBe(true);
    expect(() => createAbsmax({ dim: 100, bits: 1 })).toThrow(RangeError);
  });
});
