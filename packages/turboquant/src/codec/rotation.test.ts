import { describe, expect, it } from "vitest";
import { createNormals, dot, randomVector } from "../test-vectors.ts";
import { createRotation } from "./rotation.ts";

const DIMS = [2, 3, 5, 16, 31, 32, 33, 47, 64, 96, 100, 160, 384, 500, 768, 1000, 1023, 1280, 1536, 3072, 5000, 8192];

describe("a rotation", () => {
  it.each(DIMS)("of %i coordinates keeps lengths and angles, and can be undone", (dim) => {
    const rotation = createRotation(dim, 7n);
    const normal = createNormals(dim);
    const [left, right] = [randomVector(dim, normal), randomVector(dim, normal)];
    const [turnedLeft, turnedRight] = [left.slice(), right.slice()];
    rotation.apply(turnedLeft);
    rotation.apply(turnedRight);
    const length = Math.sqrt(dot(left, left) * dot(right, right));
    expect(Math.abs(dot(turnedLeft, turnedLeft) / dot(left, left) - 1)).toBeLessThan(1e-5);
    expect(Math.abs(dot(turnedLeft, turnedRight) - dot(left, right)) / length).toBeLessThan(1e-5);
    rotation.undo(turnedLeft);
    for (const [at, value] of turnedLeft.entries()) expect(value).toBeCloseTo(left[at] as number, 4);
  });

  it.each(DIMS.filter((dim) => dim >= 32))("of %i coordinates makes a bell of a single one", (dim) => {
    const fourth: number[] = [];
    for (let seed = 0; seed < 200; seed++) {
      const vector = new Float32Array(dim);
      vector[seed % dim] = Math.sqrt(dim);
      createRotation(dim, BigInt(seed)).apply(vector);
      fourth.push(vector.reduce((sum, value) => sum + value ** 4, 0) / dim);
    }
    // 3 for a normal law, 1 where all are alike, `dim` where nothing was mixed.
    const mean = fourth.reduce((sum, value) => sum + value, 0) / fourth.length;
    expect(mean).toBeGreaterThan(2.6);
    expect(mean).toBeLessThan(3.4);
  });

  it("is another one with another seed", () => {
    const turned = [1n, 2n].map((seed) => {
      const vector = randomVector(384, createNormals(3));
      createRotation(384, seed).apply(vector);
      return [...vector];
    });
    expect(turned[0]).not.toEqual(turned[1]);
  });
});
