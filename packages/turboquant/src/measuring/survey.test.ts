import { expect, test } from "vitest";
import type { Metric } from "../file/segment.ts";
import { openVectors } from "../reading/open-vectors.ts";
import { fileOf } from "../reading/test-file.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import { createSample } from "./sample.ts";
import { type Survey, surveyOf } from "./survey.ts";

async function surveyed(rows: readonly ArrayLike<number>[], metric: Metric = "cosine", sample = 100): Promise<Survey> {
  const dim = rows[0]?.length ?? 0;
  const numbers = Float32Array.from(rows.flatMap((row) => Array.from(row)));
  const file = await openVectors(fileOf("x.f32", new Uint8Array(numbers.buffer)), { dim });
  return surveyOf(dim, file.batches(), { metric, sample, seed: 1 });
}

test("lengths, zero rows, repeated rows", async () => {
  const survey = await surveyed([
    [3, 4],
    [0, 0],
    [3, 4],
    [-0, 0],
    [6, 8],
  ]);
  expect(survey).toMatchObject({ count: 5, dim: 2, normalised: false, zeroRows: 2, duplicates: 2, comparedRows: 5 });
  expect(survey.norms).toEqual({ least: 0, median: 5, most: 10 });
});

test("normalised is what has length one, as near as floats are", async () => {
  expect(
    (
      await surveyed([
        [0.6, 0.8],
        [1, 0],
      ])
    ).normalised,
  ).toBe(true);
  expect(
    (
      await surveyed([
        [0.6, 0.8],
        [1.01, 0],
      ])
    ).normalised,
  ).toBe(false);
});

test("what a centre saves: all of what is everywhere the same, nothing of what lies around zero", async () => {
  const normal = createNormals(3);
  const around = Array.from({ length: 2000 }, () => randomVector(64, normal));
  expect((await surveyed(around)).centreSaves).toBeLessThan(0.005);
  expect(
    (
      await surveyed([
        [1, 1],
        [1, 1],
      ])
    ).centreSaves,
  ).toBeCloseTo(1, 6);
  // Energy of the mean, 64 * 0.25, beside 64 of the rest.
  const shifted = around.map((vector) => vector.map((value) => value + 0.5));
  expect((await surveyed(shifted, "dot")).centreSaves).toBeCloseTo(0.2, 2);
});

test("what is compared by angle has length one; as inner product it stays as it is", async () => {
  expect([...((await surveyed([[3, 4]])).sample[0] ?? [])]).toEqual([Math.fround(0.6), Math.fround(0.8)]);
  expect([...((await surveyed([[3, 4]], "dot")).sample[0] ?? [])]).toEqual([3, 4]);
});

test("a sample takes each row as often as any other, once, in any order, and the same from the same seed", () => {
  const drawn = (seed: number): readonly number[] => {
    const sample = createSample<number>(10, seed);
    for (let at = 0; at < 40; at++) sample.offer(() => at);
    return sample.drawn();
  };
  expect(drawn(5)).toEqual(drawn(5));
  const times = new Map<number, number>();
  const first = new Map<number, number>();
  for (let seed = 0; seed < 800; seed++) {
    const rows = drawn(seed);
    expect(new Set(rows).size).toBe(10);
    for (const row of rows) times.set(row, (times.get(row) ?? 0) + 1);
    first.set(rows[0] ?? -1, (first.get(rows[0] ?? -1) ?? 0) + 1);
  }
  // 200 expected, by chance give or take 12; 20 expected, give or take 4.4.
  for (let row = 0; row < 40; row++) {
    expect(Math.abs((times.get(row) ?? 0) - 200)).toBeLessThan(60);
    expect(Math.abs((first.get(row) ?? 0) - 20)).toBeLessThan(20);
  }
});
