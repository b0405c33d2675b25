/**
 * The public interface in the hands of a program without types: whatever stands in place of an argument, it is an error of ours with a hint, or it is one of the few things that do.
 */
import { describe, expect, test } from "vitest";
import {
  createKernels,
  createMemoryFile,
  createQuantizer,
  createVectorIndex,
  type IndexWriter,
  openHttpRange,
  openIndexFile,
  openRemoteIndex,
  readIndexFile,
  type SegmentColumns,
  type StoredSegment,
  type TurboQuantErrorCode,
} from "../src/index.ts";
import { createInnerProductQuantizer, createPolarQuantizer } from "../src/papers/index.ts";
import { GARBAGE, INDEX_OPTIONS, options, sweep } from "./garbage.ts";

const VECTOR = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
/** What is a list of ids, though of none that is there. */
const LISTS = ["undefined", "[]", '[1, "2"]', "8 texts", "Set", "Int8Array", "vector of NaN", "vector"] as const;

const filled = () => {
  const index = createVectorIndex({ dim: 8, originals: true });
  index.add(1, VECTOR);
  return index;
};
const quantizer = createQuantizer({ dim: 8 });
const code = quantizer.encode(VECTOR);

describe("options", () => {
  options("createQuantizer", { dim: 8 }, createQuantizer, {
    dim: [],
    bits: ["undefined", "1.5"],
    seed: ["undefined", "5n"],
    scale: ["undefined"],
    from: ["undefined"],
    center: ["undefined", "Int8Array", "vector"],
    kernels: ["undefined"],
  });
  options("createVectorIndex", { dim: 8 }, createVectorIndex, INDEX_OPTIONS);
  options("search", {}, (given) => filled().search(VECTOR, given), {
    k: ["undefined"],
    recall: ["undefined"],
    candidates: ["undefined"],
    filter: ["undefined", "function"],
    exact: ["undefined", "true"],
  });
  options("createInnerProductQuantizer", { dim: 8, bits: 3 }, createInnerProductQuantizer, {
    dim: [],
    bits: [],
    seed: ["undefined", "5n"],
    sketch: ["undefined"],
  });
  options("createPolarQuantizer", { dim: 32 }, createPolarQuantizer, {
    dim: [],
    levels: ["undefined"],
    bits: ["undefined"],
    seed: ["undefined", "5n"],
    radius: ["undefined"],
  });
  options("openHttpRange", {}, (given) => openHttpRange("http://127.0.0.1:9/x", { ...(given as object), timeoutMs: -1 }), {
    fetch: [],
    headers: [],
    signal: [],
    requestsAtOnce: [],
  });
  sweep([
    ["createQuantizer()", [], createQuantizer],
    ["createVectorIndex()", [], createVectorIndex],
    ["createKernels()", ["undefined"], createKernels],
    ["createInnerProductQuantizer()", [], createInnerProductQuantizer],
    ["createPolarQuantizer()", [], createPolarQuantizer],
  ]);
});

describe("vectors and codes", () => {
  const forms = {
    quantizer,
    product: createInnerProductQuantizer({ dim: 8, bits: 3 }),
    polar: createPolarQuantizer({ dim: 8, levels: 2 }),
  };
  for (const [name, form] of Object.entries(forms))
    sweep([
      [`${name}.encode`, ["Int8Array", "vector"], (garbage) => form.encode(garbage)],
      [`${name}.query`, ["Int8Array", "vector"], (garbage) => form.query(garbage)],
      [`${name}.decode`, name === "quantizer" ? ["Int8Array"] : [], (garbage) => form.decode(garbage)],
      [`${name}.query().dot`, name === "quantizer" ? ["Int8Array"] : [], (garbage) => form.query(VECTOR).dot(garbage)],
    ]);
  sweep([
    ["quantizer.truncate, its code", ["Int8Array"], (garbage) => quantizer.truncate(garbage, 2)],
    ["quantizer.truncate, its bits", ["1.5"], (garbage) => quantizer.truncate(code, garbage)],
    ["index.add, its id", ['"8"', '""', "text of 8"], (garbage) => filled().add(garbage, VECTOR)],
    ["index.add, its vector", ["Int8Array", "vector"], (garbage) => filled().add(2, garbage)],
    ["index.addBatch, its ids", ['[1, "2"]'], (garbage) => filled().addBatch(garbage, new Float32Array(16))],
    ["index.addBatch, its matrix", ["vector"], (garbage) => filled().addBatch([2], garbage)],
    ["index.search, its query", ["Int8Array", "vector"], (garbage) => filled().search(garbage)],
    ["index.searchBatch", ["[]"], (garbage) => filled().searchBatch(garbage)],
    ["index.searchBatch of one", ["Int8Array", "vector"], (garbage) => filled().searchBatch([garbage])],
    ["index.truncate, its bits", ["1.5"], (garbage) => filled().truncate(garbage)],
    ["index.truncate, its ids", LISTS, (garbage) => filled().truncate(4, garbage)],
    ["index.select", ["function", ...LISTS.slice(1)], (garbage) => filled().select(garbage)],
    ["index.select of one", ["NaN", "-1", "1.5", "Infinity", '"8"', '""', "text of 8"], (garbage) => filled().select([garbage])],
    ["index.segments, its rows", ["undefined"], (garbage) => [...filled().segments(garbage)]],
    ["index.segments, its ids", LISTS, (garbage) => [...filled().segments(10, garbage)]],
    ["index.load", [], (garbage) => filled().load(garbage)],
    ["openHttpRange, its address", [], (garbage) => openHttpRange(garbage)],
    ["openRemoteIndex", [], openRemoteIndex],
    ["readIndexFile", [], readIndexFile],
  ]);

  test("nothing of a vector that is refused is in the index", () => {
    const index = filled();
    for (const wrong of [Object.values(GARBAGE["8 texts"]), GARBAGE["BigInt64Array"]])
      expect(() => index.add(1, wrong as never)).toThrow(expect.objectContaining({ code: "bad-vector" }));
    expect(index.size).toBe(1);
    expect(index.search(VECTOR, { k: 1 }).hits[0]?.score).toBeCloseTo(1, 5);
  });
});

describe("files", () => {
  const { header } = filled();
  const [columns] = [...filled().segments()] as [SegmentColumns];
  const written = async (act: (writer: IndexWriter, segment: StoredSegment) => unknown): Promise<void> => {
    const writer = await openIndexFile(createMemoryFile(), header);
    await act(writer, await writer.append(columns));
  };
  options("openIndexFile, its header", { ...header }, (given) => openIndexFile(createMemoryFile(), given), {
    dim: [],
    bits: ["1.5"],
    from: [],
    seed: ["5n"],
    scale: [],
    metric: [],
    center: ["undefined", "vector"],
    originals: ["true"],
  });
  options("openIndexFile", {}, (given) => openIndexFile(createMemoryFile(), header, given), {
    damaged: ["undefined"],
    identity: ["undefined", "5n"],
    keepTail: ["undefined", "function"],
  });
  options("append", columns, (given) => written((writer) => writer.append(given)), {
    count: [],
    bits: [],
    from: [],
    ids: [],
    scales: [],
    planes: [],
    originals: ["vector"],
  });
  options("readColumns", {}, (given) => written((writer, segment) => writer.readColumns(segment, given)), {
    planes: ["undefined"],
    originals: ["undefined", "true"],
  });
  sweep([
    ["createMemoryFile", ["undefined"], createMemoryFile],
    ["openIndexFile", [], (garbage) => openIndexFile(garbage, header)],
    ["append", [], (garbage) => written((writer) => writer.append(garbage))],
    ["append of an id", ['"8"', '""', "text of 8"], (garbage) => written((writer) => writer.append({ ...columns, ids: [garbage] }))],
    ["append of a plane", [], (garbage) => written((writer) => writer.append({ ...columns, planes: columns.planes.map(() => garbage) }))],
    [
      "append, what it replaces",
      ["undefined", "[]", '[1, "2"]', "8 texts", "Set", "Int8Array", "vector"],
      (garbage) => written((writer) => writer.append(columns, garbage)),
    ],
    ["remove", ["[]", '[1, "2"]', "8 texts", "Set", "Int8Array", "vector"], (garbage) => written((writer) => writer.remove(garbage))],
    ["truncateSegment", [], (garbage) => written((writer) => writer.truncateSegment(garbage, 2, new Float32Array(1)))],
    [
      "truncateSegment, its bits",
      ["1.5"],
      (garbage) => written((writer, segment) => writer.truncateSegment(segment, garbage, new Float32Array(1))),
    ],
    ["truncateSegment, its scales", [], (garbage) => written((writer, segment) => writer.truncateSegment(segment, 2, garbage))],
    [
      "truncateSegment, its rows",
      ["undefined"],
      (garbage) => written((writer, segment) => writer.truncateSegment(segment, 2, new Float32Array(1), garbage)),
    ],
    ["compact", [], (garbage) => written((writer) => writer.compact(garbage))],
    ["compact, what publishes", ["undefined", "function"], (garbage) => written((writer) => writer.compact(createMemoryFile(), garbage))],
    ["readColumns", [], (garbage) => written((writer) => writer.readColumns(garbage))],
    ["readPlane", [], (garbage) => written((writer, segment) => writer.readPlane(segment, garbage))],
    ["readPlane, its rows", ["undefined", "[]"], (garbage) => written((writer, segment) => writer.readPlane(segment, 0, garbage))],
    ["readRows, its rows", ["[]"], (garbage) => written((writer, segment) => writer.readRows(segment, 0, garbage))],
  ]);
});

describe("an index far away", async () => {
  const file = createMemoryFile();
  const writer = await openIndexFile(file, createVectorIndex({ dim: 8 }).header);
  const index = createVectorIndex({ dim: 8 });
  index.add(1, VECTOR);
  for (const columns of index.segments()) await writer.append(columns);
  await writer.close();
  const remote = await openRemoteIndex(file);
  options("find", {}, (given) => remote.find(VECTOR, given), {
    k: ["undefined"],
    recall: ["undefined"],
    filter: ["undefined", "function"],
  });
  options("refine", {}, (given) => remote.refine(given), { planes: ["undefined"] });
  options("readIndexFile", {}, (given) => readIndexFile(file, given), { damaged: ["undefined"] });
  sweep([
    ["find", ["Int8Array", "vector"], (garbage) => remote.find(garbage)],
    ["search", ["Int8Array", "vector"], (garbage) => remote.search(garbage)],
  ]);

  test("is asked for nothing where what is asked cannot be", async () => {
    let asked = 0;
    const read: typeof file.read = async (at, length) => {
      asked++;
      return await file.read(at, length);
    };
    const far = await openRemoteIndex({ size: file.size, read });
    asked = 0;
    for (const wrong of [{ k: 0 }, { recall: 2 }, { K: 1 }])
      await expect(far.find(VECTOR, wrong)).rejects.toMatchObject({ code: "bad-argument" });
    expect(asked).toBe(0);
    await far.find(VECTOR);
    expect(asked).toBeGreaterThan(0);
  });
});

describe("what is misspelt, and what is forgotten, is named", () => {
  const find = (given: object) => filled().search(VECTOR, given);
  test.each<readonly [name: string, act: () => unknown, code: TurboQuantErrorCode, said: RegExp]>([
    ["bit for bits", () => createVectorIndex({ dim: 8, bit: 4 } as never), "bad-argument", /no option "bit" Is bits meant\?/],
    ["K for k", () => find({ K: 5 }), "bad-argument", /no option "K" Is k meant\?/],
    ["topK", () => find({ topK: 5 }), "bad-argument", /"topK" There are k, recall, candidates, filter, exact\./],
    [
      "no options",
      () => createVectorIndex(undefined as never),
      "bad-argument",
      /are undefined They are an object with some of these: dim, bits/,
    ],
    ["a number for options", () => find(5 as never), "bad-argument", /the options of search are 5/],
    ["dim as text", () => createVectorIndex({ dim: "8" } as never), "bad-argument", /dim is "8" It is a whole number/],
    ["bits as text", () => createQuantizer({ dim: 8, bits: "4" } as never), "bad-argument", /bits is "4" It is a number/],
    [
      "no await",
      () => filled().add(2, Promise.resolve(VECTOR) as never),
      "bad-vector",
      /a vector is a Promise It is not here yet: await it\./,
    ],
    ["texts for numbers", () => filled().add(2, [..."12345678"] as never), "bad-vector", /coordinate 0 is "1"/],
    ["a hole", () => filled().search(GARBAGE.sparse), "bad-vector", /coordinate 1 is undefined/],
    [
      "a matrix for queries",
      () => filled().searchBatch(VECTOR as never),
      "bad-argument",
      /queries are a Float32Array They are an array of vectors/,
    ],
    ["an address for a source", () => openRemoteIndex("https://a.example/x.tqi" as never), "bad-argument", /await openHttpRange\(url\)/],
    [
      "no await of a source",
      () => openRemoteIndex(openHttpRange("http://127.0.0.1:9/x").catch(() => 0) as never),
      "bad-argument",
      /await it/,
    ],
    ["no address", () => openHttpRange("hello"), "bad-argument", /"hello" is no URL It begins with the scheme: "https:/],
    ["a path for an address", () => openHttpRange("C:\\notes.tqi"), "bad-argument", /file of this machine With Node: readIndexAt/],
    [
      "Headers",
      () => openHttpRange("http://127.0.0.1:9", { headers: new Headers({ a: "b" }) as never }),
      "bad-argument",
      /Object.fromEntries/,
    ],
    [
      "all segments at once",
      () => filled().load([...filled().segments()] as never),
      "bad-argument",
      /a segment is an array of 1 Take one after the other: for \(const columns/,
    ],
    ["half a character", () => filled().add("\ud800", VECTOR), "bad-argument", /an id is "\\ud800" It is .* a well-formed text/],
    ["a scale of an index", () => createVectorIndex({ dim: 8, scale: "norm" } as never), "bad-argument", /scale is "norm"/],
    ["codes cut before", () => createVectorIndex({ dim: 8, bits: 4, from: 8 } as never), "bad-argument", /from is 8/],
  ])("%s", async (_, act, code, said) => {
    const error: unknown = await (async () => await act())().then(
      () => "nothing",
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code });
    const { message, hint } = error as { message: string; hint: string };
    expect(`${message} ${hint}`).toMatch(said);
  });

  test("a header is as good as options", () => {
    expect(createVectorIndex(filled().header).header).toEqual(filled().header);
  });
});
