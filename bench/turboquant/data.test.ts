import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, test } from "vitest";
import { captions, embeddingLike, noise, toLengthOne, type VectorSet } from "./data.ts";
import { createNormalDraws } from "./normal-draws.ts";
import { createScatter } from "./scatter.ts";

const dot = (left: Float32Array, right: Float32Array): number => left.reduce((sum, value, at) => sum + value * (right[at] as number), 0);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function drawn({ dim }: VectorSet, fill: (nth: number, into: Float32Array) => void, count: number): readonly Float32Array[] {
  return Array.from({ length: count }, (_, nth) => {
    const vector = new Float32Array(dim);
    fill(nth, vector);
    return vector;
  });
}

function cosines(left: readonly Float32Array[], right: readonly Float32Array[]): readonly number[] {
  return left.flatMap((one) => right.map((other) => dot(one, other)));
}

describe("draws", () => {
  it("are normal, and two of one word have nothing in common", () => {
    const values = new Float32Array(200_000);
    createNormalDraws(1, 2, 3).addTo(values, 1);
    const moment = (power: number): number => mean([...values].map((value) => value ** power));
    expect(moment(1)).toBeCloseTo(0, 1);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(moment(4)).toBeGreaterThan(2.9);
    expect(moment(4)).toBeLessThan(3.1);
    const product = mean(Array.from({ length: 100_000 }, (_, nth) => (values[2 * nth] as number) * (values[2 * nth + 1] as number)));
    expect(Math.abs(product)).toBeLessThan(0.015);
  });

  it("are the same from the same words, and others from others", () => {
    const of = (...words: readonly [number, number, number]): Float32Array => {
      const values = new Float32Array(9);
      createNormalDraws(...words).addTo(values, 1);
      return values;
    };
    expect(of(1, 2, 3)).toEqual(of(1, 2, 3));
    for (const words of [
      [2, 2, 3],
      [1, 3, 3],
      [1, 2, 4],
    ] as const)
      expect(of(...(words as [number, number, number]))).not.toEqual(of(1, 2, 3));
  });
});

it.each([96, 384, 1536])("scattering %i coordinates keeps lengths and angles, and spreads one over all", (dim) => {
  const scatter = createScatter(dim, createNormalDraws(1, 1, 1));
  const [left, right] = [2, 3].map((row) => {
    const vector = new Float32Array(dim);
    createNormalDraws(1, 1, row).addTo(vector, 1);
    toLengthOne(vector);
    return vector;
  }) as [Float32Array, Float32Array];
  const before = dot(left, right);
  scatter(left);
  scatter(right);
  expect(dot(left, left)).toBeCloseTo(1, 5);
  expect(dot(left, right)).toBeCloseTo(before, 5);
  const one = new Float32Array(dim);
  one[3] = 1;
  scatter(one);
  expect(Math.max(...one.map(Math.abs))).toBeLessThan(0.6);
  expect(one.filter((value) => value !== 0).length).toBeGreaterThan(dim / 3);
});

describe("vectors like embeddings", () => {
  const set = embeddingLike("few", 384, 1_000, 2);
  const base = drawn(set, set.base, 300);

  it("are of length one, and the same each time", () => {
    for (const vector of base) expect(dot(vector, vector)).toBeCloseTo(1, 5);
    expect(drawn(set, set.base, 3)).toEqual(base.slice(0, 3));
  });

  it("have a common mean, and topics", () => {
    const many = embeddingLike("many", 1536, 1_000, 500);
    const all = cosines(drawn(many, many.base, 60), drawn(many, many.query, 60));
    // 0.36 of 1 + 0.36 + 0.0625 is common to all.
    expect(mean(all)).toBeGreaterThan(0.23);
    expect(mean(all)).toBeLessThan(0.29);
    // Of two topics, half of all pairs share theirs: another half of what is left of the directions.
    const pairs = [...cosines(base.slice(0, 100), base.slice(100, 200))].sort((a, b) => a - b);
    expect(mean(pairs.slice(-2_000))).toBeGreaterThan(0.57);
    expect(mean(pairs.slice(0, 2_000))).toBeLessThan(0.35);
  });
});

it("noise has next to nothing in common, but every other query has a vector it was made of", () => {
  const set = noise("noise", 384, 500);
  const base = drawn(set, set.base, 500);
  const best = drawn(set, set.query, 20).map((query) => Math.max(...base.map((vector) => dot(query, vector))));
  for (const [nth, cosine] of best.entries()) {
    if (nth % 2 === 0) expect(cosine).toBeGreaterThan(0.62);
    else expect(cosine).toBeLessThan(0.3);
  }
});

const REAL = fileURLToPath(new URL("../../../shared/data/embeddings/minilm-captions-1000x384.f32", import.meta.url));
test.skipIf(!existsSync(REAL))("captions: 800 to be found and 200 to ask, none both (skipped where the file is not there)", () => {
  const set = captions("real") as VectorSet;
  expect([set.count, set.queries, set.dim]).toEqual([800, 200, 384]);
  const [last, first] = [drawn(set, set.base, 800)[799], drawn(set, set.query, 1)[0]] as [Float32Array, Float32Array];
  expect(dot(last, last)).toBeCloseTo(1, 4);
  expect(dot(last, first)).toBeLessThan(0.999);
});
