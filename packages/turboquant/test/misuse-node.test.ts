/** As misuse.test.ts, of what needs Node. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { afterAll, describe, expect, test } from "vitest";
import { createMemoryFile, createQuantizer, createVectorIndex, openIndexFile, readIndexFile } from "../src/index.ts";
import { createParallelIndex, openIndexAt, openVectorIndexAt, readIndexAt } from "../src/node/index.ts";
import { INDEX_OPTIONS, options, sweep } from "./garbage.ts";

const VECTOR = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const folder = mkdtempSync(join(tmpdir(), "turboquant-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const newPath = (): string => join(folder, `${made++}.tqi`);
const { header } = createVectorIndex({ dim: 8 });
/** Closed again: a name is free for the next. */
const closed = async (opening: Promise<AsyncDisposable>): Promise<void> => await (await opening)[Symbol.asyncDispose]();
/** A text is a path like any other. */
const within = (path: string): string => (typeof path === "string" && path !== "" ? join(folder, path) : path);

describe("an index at a path", () => {
  const begin = (given: never): Promise<void> => closed(openVectorIndexAt(newPath(), given));
  options("openVectorIndexAt", { dim: 8 }, begin, {
    ...INDEX_OPTIONS,
    damaged: ["undefined"],
    keepTail: ["undefined", "function"],
  });
  const there = newPath();
  const again = async (given: never): Promise<void> => {
    await closed(openVectorIndexAt(there, { dim: 8 }));
    await closed(openVectorIndexAt(there, given));
  };
  options("openVectorIndexAt of a file that is there", {}, again, {
    dim: ["undefined"],
    bits: ["undefined"],
    seed: ["undefined"],
    metric: ["undefined"],
    center: ["undefined"],
    originals: ["undefined"],
    flatUpTo: ["undefined", "Infinity"],
    kernels: ["undefined"],
  });
  sweep([
    ["openVectorIndexAt", ['"8"', "text of 8"], (garbage) => closed(openVectorIndexAt(within(garbage), { dim: 8 }))],
    ["openIndexAt", ['"8"', "text of 8"], (garbage) => closed(openIndexAt(within(garbage), header))],
    ["readIndexAt", ['"8"', "text of 8"], (garbage) => closed(readIndexAt(within(garbage)))],
    [
      "openIndexAt, its options",
      ["undefined", "{}", "bare", "DataView", "ArrayBuffer"],
      (garbage) => closed(openIndexAt(newPath(), header, garbage)),
    ],
  ]);

  const opening = openVectorIndexAt(newPath(), { dim: 8 });
  afterAll(async () => await closed(opening));
  sweep([
    ["add, its vector", ["Int8Array", "vector"], async (garbage) => (await opening).add(1, garbage)],
    ["addBatch, its ids", ["[]"], async (garbage) => (await opening).addBatch(garbage, new Float32Array(0))],
    ["addBatch, its matrix", ["vector"], async (garbage) => (await opening).addBatch([2], garbage)],
    ["truncate", ["1.5"], async (garbage) => (await opening).truncate(garbage)],
    [
      "truncate, its ids",
      ["undefined", "[]", '[1, "2"]', "8 texts", "Set", "Int8Array", "vector of NaN", "vector"],
      async (garbage) => (await opening).truncate(1, garbage),
    ],
    ["search", ["Int8Array", "vector"], async (garbage) => (await opening).search(garbage)],
    ["searchBatch", ["[]"], async (garbage) => (await opening).searchBatch(garbage)],
    [
      "select",
      ["function", "[]", '[1, "2"]', "8 texts", "Set", "Int8Array", "vector of NaN", "vector"],
      async (garbage) => (await opening).select(garbage),
    ],
  ]);

  test("nothing is begun with options that are misspelt", async () => {
    const before = readdirSync(folder);
    const error = {
      code: "bad-argument",
      message: 'openVectorIndexAt has no option "bit"',
      hint: expect.stringMatching(/^Is bits meant\?/) as unknown,
    };
    await expect(openVectorIndexAt(newPath(), { dim: 8, bit: 4 } as never)).rejects.toMatchObject(error);
    expect(readdirSync(folder)).toEqual(before);
  });

  test("vectors are kept in cells from where flatUpTo says", async () => {
    await using index = await openVectorIndexAt(newPath(), { dim: 8, flatUpTo: 1024 });
    for (let id = 0; id < 1100; id++)
      index.add(
        id,
        VECTOR.map((value) => value + Math.sin(id * value)),
      );
    expect(index.stats().cells).toBeGreaterThan(0);
  });
});

describe("an index over threads", () => {
  const opening = createParallelIndex({ dim: 8, threads: 1 });
  afterAll(async () => await closed(opening));
  const begin = (given: never): Promise<void> => closed(createParallelIndex(given));
  options("createParallelIndex", { dim: 8, threads: 1 }, begin, {
    dim: [],
    center: ["undefined", "Int8Array", "vector"],
    kernels: ["undefined"],
    mostWaiting: ["undefined"],
  });
  options("search", {}, async (given) => await (await opening).search(VECTOR, given), {
    k: ["undefined"],
    recall: ["undefined"],
    candidates: ["undefined"],
    filter: ["undefined", "[]", '[1, "2"]', "8 texts"],
    exact: ["undefined", "true"],
  });
  sweep([
    ["createParallelIndex()", [], begin],
    ["add, its id", ['"8"', '""', "text of 8"], async (garbage) => await (await opening).add(garbage, VECTOR)],
    ["add, its vector", ["Int8Array", "vector"], async (garbage) => await (await opening).add(1, garbage)],
    ["addBatch, its ids", ["[]"], async (garbage) => await (await opening).addBatch(garbage, new Float32Array(0))],
    ["addBatch, its matrix", ["vector"], async (garbage) => await (await opening).addBatch([2], garbage)],
    ["get", ['"8"', '""', "text of 8"], async (garbage) => await (await opening).get(garbage)],
    ["remove", ['"8"', '""', "text of 8"], async (garbage) => await (await opening).remove(garbage)],
    ["truncate", ["1.5"], async (garbage) => await (await opening).truncate(garbage)],
    [
      "truncate, its ids",
      ["undefined", "[]", '[1, "2"]', "8 texts", "Set", "Int8Array", "vector"],
      async (garbage) => await (await opening).truncate(4, garbage),
    ],
    ["search", ["Int8Array", "vector"], async (garbage) => await (await opening).search(garbage)],
    ["searchBatch", ["[]"], async (garbage) => await (await opening).searchBatch(garbage)],
    ["select", ["[]", '[1, "2"]', "8 texts", "Set", "Int8Array", "vector"], async (garbage) => await (await opening).select(garbage)],
  ]);
});

/** Test runners run tests in a sandbox, where every class is another one than that of what comes from outside. */
test("what is of another realm is as good, and as bad", async () => {
  const { floats, bytes, ids, options, never } = runInNewContext(
    "({ floats: (from) => Float32Array.from(from), bytes: (from) => Uint8Array.from(from), ids: ['a'], options: { dim: 8 }, never: async () => false })",
  ) as {
    readonly floats: (from: Iterable<number>) => Float32Array;
    readonly bytes: (from: Iterable<number>) => Uint8Array;
    readonly ids: readonly string[];
    readonly options: { readonly dim: number };
    readonly never: () => never;
  };
  const vector = floats(VECTOR);
  expect(vector).not.toBeInstanceOf(Float32Array);
  const index = createVectorIndex({ ...options, center: vector, originals: true });
  index.addBatch(ids, vector);
  expect(index.search(vector, { k: 1 }).hits[0]?.id).toBe("a");
  const quantizer = createQuantizer(options);
  expect(quantizer.decode(bytes(quantizer.encode(vector)))).toEqual(quantizer.decode(quantizer.encode(VECTOR)));
  const file = createMemoryFile();
  const writer = await openIndexFile(file, { ...index.header, center: vector });
  for (const { scales, planes, originals = VECTOR, ...rest } of index.segments())
    await writer.append({ ...rest, scales: floats(scales), planes: planes.map(bytes), originals: floats(originals) });
  await writer.close();
  const again = await readIndexFile(createMemoryFile(bytes(file.bytes())));
  for await (const columns of again.columns()) expect(columns.originals).toEqual(VECTOR);
  expect(() => index.search(vector, { filter: never })).toThrow("a filter answered with a promise");
});
