import { expect, test } from "vitest";
import { fileOf, readAll } from "./test-file.ts";

const floats = (...numbers: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(numbers).buffer);
const fvecs = (...rows: readonly (readonly number[])[]): Uint8Array => {
  const pieces = rows.flatMap((row) => [new Uint8Array(Int32Array.of(row.length).buffer), floats(...row)]);
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
};

test("raw floats", async () => {
  const { rows } = await readAll(fileOf("x.f32", floats(1, 2, 3, 4, 5, 6), 5), { dim: 3 });
  expect(rows).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

test("rows that say how long they are", async () => {
  const { rows } = await readAll(fileOf("x.fvecs", fvecs([1, 2], [3, 4], [5, 6]), 5));
  expect(rows).toEqual([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
});

test("a raw file without a dimension: what it could be is told", async () => {
  await expect(readAll(fileOf("x.f32", new Uint8Array(4 * 384)))).rejects.toMatchObject({
    code: "bad-argument",
    hint: expect.stringContaining("384, 128, 64") as unknown,
  });
});

test.each([
  ["half a number", "x.f32", floats(1, 2).subarray(0, 7), { dim: 2 }, /7 bytes are not a whole number/],
  ["half a row", "x.f32", floats(1, 2, 3), { dim: 2 }, /12 bytes are not a whole number/],
  ["one coordinate", "x.f32", floats(1, 2), { dim: 1 }, /vectors of 1 coordinates/],
  ["an infinity", "x.f32", floats(1, 2, Number.NEGATIVE_INFINITY, 4), { dim: 2 }, /row 2, column 1 is -Infinity/],
  ["half a row that says its length", "x.fvecs", fvecs([1, 2]).subarray(0, 9), {}, /not a whole number of rows/],
  ["rows of different lengths", "x.fvecs", fvecs([1, 2], [3, 4, 5], [6]), {}, /row 2 has 3 coordinates, the first has 2/],
  ["a negative length", "x.fvecs", new Uint8Array(Int32Array.of(-1, 0).buffer), {}, /vectors of -1 coordinates/],
  ["three bytes", "x.fvecs", Uint8Array.of(1, 2, 3), {}, /cut short/],
] as const)("%s: refused", async (_, name, content, options, message) => {
  await expect(readAll(fileOf(name, content), options)).rejects.toMatchObject({
    code: "bad-input",
    message: expect.stringMatching(message) as unknown,
  });
});

test.each([
  ["another dimension than it says", "x.fvecs", fvecs([1, 2]), { dim: 3 }, /have 2 coordinates, not 3/],
  ["an unknown ending", "x.parquet", "PAR1", {}, /\.parquet is no format/],
  ["no ending", "vectors", "1,2", {}, /does not end in a format/],
  ["an ending every object has", "x.constructor", "1,2", {}, /\.constructor is no format/],
  ["columns of a file without", "x.f32", floats(1, 2), { dim: 2, idColumn: "id" }, /no columns with names/],
] as const)("%s: a wrong call", async (_, name, content, options, message) => {
  await expect(readAll(fileOf(name, content), options)).rejects.toMatchObject({
    code: "bad-argument",
    message: expect.stringMatching(message) as unknown,
  });
});

test("where an index is taken for vectors, the hint says what it is", async () => {
  await expect(readAll(fileOf("x.tqi", ""))).rejects.toMatchObject({ hint: /^It is an index already/ });
});
