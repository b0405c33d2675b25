import { expect, test } from "vitest";
import { drawSample, wilson } from "./sample.ts";

const ALL = ["a.ts", "b.ts", "c.ts"].flatMap((file, index) =>
  Array.from({ length: 100 * (index + 1) }, (_, nth) => ({ id: `${file}:${nth}`, file })),
);

test("each file has its share, and the seed decides which mutants", () => {
  const sample = drawSample(ALL, 60, 1);
  const share = (file: string) => sample.filter((each) => each.file === file).length;
  expect(new Set(sample).size).toBe(60);
  expect([share("a.ts"), share("b.ts"), share("c.ts")].map((count, index) => Math.abs(count - 10 * (index + 1)) <= 1)).toEqual([
    true,
    true,
    true,
  ]);
  expect(drawSample([...ALL].reverse(), 60, 1)).toEqual(sample);
  expect(drawSample(ALL, 60, 2)).not.toEqual(sample);
});

test("a sample of more than there is takes all of them once", () => {
  expect(new Set(drawSample(ALL, 10_000, 3)).size).toBe(ALL.length);
});

test("the interval of a share is Wilson's", () => {
  const [low, high] = wilson(80, 100);
  expect(low).toBeCloseTo(0.7112, 4);
  expect(high).toBeCloseTo(0.8666, 4);
  expect(wilson(0, 0)).toEqual([0, 1]);
  expect(wilson(10, 10)[1]).toBeCloseTo(1, 6);
});
