import { describe, expect, it } from "vitest";
import { createRandomBits } from "../codec/random-bits.ts";
import { type AngleCodebook, createAngleCodebook, sine } from "./angle-codebook.ts";
import { createNormalDraws } from "./normals.ts";

const BOOKS = [
  [1, 1],
  [1, 4],
  [1, 8],
  [2, 1],
  [2, 2],
  [3, 2],
  [4, 2],
  [4, 5],
  [6, 3],
] as const;

const anglesOf = ({ cosines, sines }: AngleCodebook): readonly number[] =>
  [...cosines].map((cosine, nth) => {
    const angle = Math.atan2(sines[nth] as number, cosine);
    return angle < 0 ? angle + 2 * Math.PI : angle;
  });

const distance = (one: number, other: number): number => {
  const apart = Math.abs(one - other);
  return Math.min(apart, 2 * Math.PI - apart);
};

/** The length of so many normal numbers. */
const lengthOf = (count: number, normal: () => number): number => {
  let sum = 0;
  for (let nth = 0; nth < count; nth++) sum += normal() ** 2;
  return Math.sqrt(sum);
};

describe("codebooks of angles", () => {
  it.each(BOOKS)("of level %i with %i bits take the nearest", (level, bits) => {
    const book = createAngleCodebook(level, bits);
    const angles = anglesOf(book);
    expect(angles).toEqual([...angles].sort((a, b) => a - b));
    expect(angles.length).toBe(2 ** bits);
    const normal = createNormalDraws(createRandomBits(BigInt(level * 16 + bits)));
    for (let nth = 0; nth < 5_000; nth++) {
      const [x, y] = level === 1 ? [normal(), normal()] : [Math.abs(normal()), Math.abs(normal())];
      const angle = (Math.atan2(y, x) + 2 * Math.PI) % (2 * Math.PI);
      const nearest = Math.min(...angles.map((each) => distance(each, angle)));
      expect(distance(angles[book.place(x, y)] as number, angle)).toBeLessThan(nearest + 1e-12);
    }
  });

  it.each(BOOKS)("of level %i with %i bits are the means of what they stand for, and keep what they say", (level, bits) => {
    const book = createAngleCodebook(level, bits);
    const angles = anglesOf(book);
    const [sums, counts] = [new Float64Array(2 ** bits), new Float64Array(2 ** bits)];
    const normal = createNormalDraws(createRandomBits(BigInt(level * 16 + bits)));
    let kept = 0;
    const draws = 20_000;
    for (let nth = 0; nth < draws; nth++) {
      const half = 2 ** (level - 2);
      const [x, y] = level === 1 ? [normal(), normal()] : [lengthOf(2 * half, normal), lengthOf(2 * half, normal)];
      const angle = (Math.atan2(y, x) + 2 * Math.PI) % (2 * Math.PI);
      const place = book.place(x, y);
      sums[place] = (sums[place] as number) + angle;
      counts[place] = (counts[place] as number) + 1;
      kept += Math.cos(angle - (angles[place] as number)) / draws;
    }
    for (const [place, count] of counts.entries()) {
      if (count < 100) continue;
      // Of a cell no wider than all angles together by how many there are; twice that at the ends of a law.
      const width = (level === 1 ? 2 * Math.PI : Math.PI / 2) / 2 ** bits;
      expect(Math.abs((sums[place] as number) / count - (angles[place] as number))).toBeLessThan((2 * width) / Math.sqrt(count));
    }
    expect(Math.abs((1 - kept) / (1 - book.kept) - 1)).toBeLessThan(0.04);
  });

  it("know the directions of the axes, and what to do without one", () => {
    const book = createAngleCodebook(1, 2);
    expect([book.place(1, 0.001), book.place(-0.001, 1), book.place(-1, -0.001), book.place(0.001, -1)]).toEqual([0, 1, 2, 3]);
    expect(book.place(-1, 0)).toBe(2);
    expect(book.place(0, 0)).toBe(0);
    expect(createAngleCodebook(2, 2).place(0, 0)).toBe(0);
    expect([createAngleCodebook(2, 2).place(1, 0), createAngleCodebook(2, 2).place(0, 1)]).toEqual([0, 3]);
  });

  it("come from a sine that is right to the last digits", () => {
    for (let angle = -3; angle <= 8; angle += 0.01) expect(Math.abs(sine(angle) - Math.sin(angle))).toBeLessThan(4e-15);
  });
});
