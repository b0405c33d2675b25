import { describe, expect, it } from "vitest";
import { createRandomBits } from "../codec/random-bits.ts";
import { createNormalDraws, naturalLogarithm } from "./normals.ts";

const DRAWS = 400_000;

describe("normal numbers from a seed", () => {
  const normal = createNormalDraws(createRandomBits(5n));
  const drawn = Float64Array.from({ length: DRAWS }, normal);
  const mean = (of: (value: number) => number): number => drawn.reduce((sum, value) => sum + of(value), 0) / DRAWS;

  // Each within four standard errors of what the law has.
  it.each([
    ["value", (value: number) => value, 0, 1],
    ["square", (value: number) => value ** 2, 1, Math.sqrt(2)],
    ["size", Math.abs, Math.sqrt(2 / Math.PI), Math.sqrt(1 - 2 / Math.PI)],
    ["cube", (value: number) => value ** 3, 0, Math.sqrt(15)],
    ["fourth power", (value: number) => value ** 4, 3, Math.sqrt(96)],
    ["sixth power", (value: number) => value ** 6, 15, Math.sqrt(10_395 - 225)],
    ["share beyond 1", (value: number) => (value > 1 ? 1 : 0), 0.158_655, 0.3654],
    ["share beyond 2", (value: number) => (value > 2 ? 1 : 0), 0.022_75, 0.1491],
    ["share beyond 3", (value: number) => (value > 3 ? 1 : 0), 0.001_35, 0.036_72],
  ])("have the mean %s of the normal law", (_, of, expected, spread) => {
    expect(Math.abs(mean(of) - expected)).toBeLessThan((4 * spread) / Math.sqrt(DRAWS));
  });

  it("have nothing to do with the one before", () => {
    const shared = drawn.reduce((sum, value, at) => sum + (at > 0 ? value * (drawn[at - 1] as number) : 0), 0) / DRAWS;
    expect(Math.abs(shared)).toBeLessThan(4 / Math.sqrt(DRAWS));
  });

  it("come from a logarithm that is right to the last digits", () => {
    for (const value of [1e-19, 2e-10, 0.01, 0.3, 0.5, Math.SQRT1_2, 0.999_999, 1, 1.4, 2, 1e6])
      expect(Math.abs(naturalLogarithm(value) - Math.log(value))).toBeLessThanOrEqual(2e-16 * Math.max(1, Math.abs(Math.log(value))));
  });
});
