import { expect, test } from "vitest";
import { createNormals, randomVector } from "../test-vectors.ts";
import { compared } from "./metric.ts";
import { best, createExam, LOOKED_AT, NEAREST } from "./quality.ts";

const DIM = 64;
const normal = createNormals(11);
const VECTORS = Array.from({ length: 600 }, () => compared(randomVector(DIM, normal), "cosine"));

test("more bits, less error, more found; as theory says", () => {
  const exam = createExam(DIM, VECTORS, 100);
  expect([exam.stored, exam.queries]).toEqual([500, 100]);
  const found = [1, 2, 4, 8].map((bits) => exam.measure(bits));
  for (const { error, expectedError } of found) expect(error / expectedError).toBeCloseTo(1, 1);
  const recalls = found.map(({ recall }) => recall);
  expect(recalls).toEqual(recalls.toSorted((a, b) => a - b));
  expect(recalls[0]).toBeGreaterThan(0.2);
  expect(recalls[0]).toBeLessThan(0.6);
  expect(recalls[3]).toBeGreaterThan(0.97);
  for (const { recall, recallLookedAt } of found) expect(recallLookedAt).toBeGreaterThanOrEqual(recall);
  for (const { recall, expectedRecall, recallLookedAt, expectedRecallLookedAt } of found) {
    // A thousand neighbours: by chance give or take 0.016.
    expect(Math.abs(recall - expectedRecall)).toBeLessThan(0.06);
    expect(Math.abs(recallLookedAt - expectedRecallLookedAt)).toBeLessThan(0.06);
  }
});

test("a centre takes away what all have in common, and theory knows", () => {
  const shift = compared(randomVector(DIM, normal), "cosine");
  const shifted = VECTORS.map((vector) => vector.map((value, at) => value + (shift[at] as number)));
  const exam = createExam(DIM, shifted, 100);
  const [plain, centred] = [exam.measure(2), exam.measure(2, shift)];
  expect(centred.error / plain.error).toBeCloseTo(0.5, 1);
  // No gain for a search whose questions have it in common, too: what a code loses then lies across the question in both.
  expect(Math.abs(centred.recall - plain.recall)).toBeLessThan(0.09);
  // What they share errs alike in all, which theory does not count.
  for (const { error, expectedError, recall, expectedRecall } of [plain, centred]) {
    expect(error / expectedError).toBeCloseTo(1, 1);
    expect(Math.abs(recall - expectedRecall)).toBeLessThan(0.09);
  }
});

test("what is exactly as near as the last of the nearest counts as one of them", () => {
  const stored = Array.from({ length: 100 }, () => VECTORS[0] as Float32Array);
  expect(createExam(DIM, [...VECTORS.slice(1, 11), ...stored], 10).measure(1).recall).toBe(1);
});

test("the largest scores, in order", () => {
  for (let round = 0; round < 200; round++) {
    const scores = Float64Array.from({ length: 1 + (round % 60) }, () => Math.round(normal() * 4));
    const places = best(scores, LOOKED_AT);
    const sorted = [...scores].sort((a, b) => b - a).slice(0, LOOKED_AT);
    expect(places.map((place) => scores[place])).toEqual(sorted);
    expect(new Set(places).size).toBe(places.length);
  }
});

test("fewer stored than are looked for", () => {
  const exam = createExam(DIM, VECTORS.slice(0, NEAREST + 3), 5);
  expect(exam.stored).toBe(8);
  expect(exam.measure(8)).toMatchObject({ recall: 1, recallLookedAt: 1 });
});
