import { expect, test } from "vitest";
import { createHistogram } from "./histogram.ts";

test("quantiles are within a percent of the times they stand for", () => {
  const histogram = createHistogram();
  for (let at = 1; at <= 10_000; at++) histogram.add(at / 100);
  expect(Math.abs((histogram.quantile(0.5) ?? 0) / 50 - 1)).toBeLessThan(0.01);
  expect(Math.abs((histogram.quantile(0.99) ?? 0) / 99 - 1)).toBeLessThan(0.01);
});

test("there is no quantile of nothing, and none is left after a clearing", () => {
  const histogram = createHistogram();
  expect(histogram.quantile(0.5)).toBeUndefined();
  histogram.add(1);
  histogram.clear();
  expect(histogram.quantile(0.5)).toBeUndefined();
});

test("times below and above all buckets are in the first and the last", () => {
  const histogram = createHistogram();
  histogram.add(0);
  expect(histogram.quantile(0)).toBeCloseTo(0.001);
  histogram.clear();
  histogram.add(1e12);
  expect(histogram.quantile(0)).toBeGreaterThan(1e6);
});
