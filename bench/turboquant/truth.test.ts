import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { noise } from "./data.ts";
import { baseRows, readQueries, settle } from "./opened-set.ts";
import { recallAt } from "./recall.ts";
import { createTopOf } from "./systems/top-of.ts";
import { createTruth } from "./truth.ts";

const folder = mkdtempSync(join(tmpdir(), "perdure-settled-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("what is nearest", () => {
  it("is what a plain sort finds, for numbers of queries that are no multiple of those gone through at once", () => {
    const [dim, count] = [24, 300];
    const set = noise("few", dim, count);
    const rows = Array.from({ length: count + 7 }, (_, row) => {
      const vector = new Float32Array(dim);
      set.base(row, vector);
      return vector;
    });
    const queries = rows.slice(count);
    const truth = createTruth(Float32Array.from(queries.flatMap((query) => [...query])), dim, 12);
    const base = rows.slice(0, count);
    for (const [id, vector] of base.entries()) truth.see(id, vector);
    for (const [nth, query] of queries.entries()) {
      const scores = base.map((vector, id) => ({ id, score: vector.reduce((sum, value, at) => sum + value * (query[at] as number), 0) }));
      const sorted = scores.sort((a, b) => b.score - a.score).slice(0, 12);
      expect(truth.nearest(nth).ids).toEqual(sorted.map(({ id }) => id));
      for (const [place, { score }] of sorted.entries()) expect(truth.nearest(nth).scores[place]).toBeCloseTo(score, 6);
    }
  });

  it("is found among what is read back from the files, each vector in its place", () => {
    const { settled, nearest } = settle(noise("files", 16, 1_100), folder);
    expect(readQueries(settled)).toHaveLength(200);
    const query = readQueries(settled)[4] as Float32Array;
    const top = createTopOf(10);
    let seen = 0;
    for (const { first, rows } of baseRows(settled))
      for (let at = 0; at < rows.length; at += 16, seen++)
        top.see(
          first + at / 16,
          query.reduce((sum, value, place) => sum + value * (rows[at + place] as number), 0),
        );
    expect(seen).toBe(1_100);
    expect(top.ids()).toEqual(nearest[4]?.ids.slice(0, 10));
  });
});

describe("the best of many", () => {
  it("are as many as wanted, best first, whatever order they come in", () => {
    for (const scores of [
      [1, 2, 3, 4, 5],
      [5, 4, 3, 2, 1],
      [3, 1, 5, 2, 4],
    ]) {
      const top = createTopOf(3);
      for (const score of scores) top.see(score, score);
      expect(top.ids()).toEqual([5, 4, 3]);
    }
    const few = createTopOf(3);
    few.see(7, -1);
    expect(few.ids()).toEqual([7]);
  });
});

describe("recall", () => {
  const nearest = { ids: [4, 8, 1, 6], scores: [0.9, 0.8, 0.7, 0.6] };

  it("is the share of what was to be found, in any order", () => {
    expect(recallAt(2, [8, 4], nearest)).toBe(1);
    expect(recallAt(2, [8, 1], nearest)).toBe(0.5);
    expect(recallAt(2, [1, 6], nearest)).toBe(0);
    expect(recallAt(1, [8, 4], nearest)).toBe(0);
  });

  it("does not count one twice, nor what comes behind the places there are", () => {
    expect(recallAt(2, [4, 4], nearest)).toBe(0.5);
    expect(recallAt(2, [1, 6, 4, 8], nearest)).toBe(0);
  });

  it("takes either of two that are as near", () => {
    const tied = { ids: [4, 8, 1], scores: [0.9, 0.8, 0.8] };
    expect(recallAt(2, [4, 1], tied)).toBe(1);
    expect(recallAt(2, [8, 1], tied)).toBe(1);
    expect(recallAt(1, [8], tied)).toBe(0);
  });
});
