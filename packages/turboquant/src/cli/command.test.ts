import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openIndexFile } from "../file/index-writer.ts";
import { createMemoryFile } from "../file/memory-file.ts";
import { testColumns, testHeader, testIds } from "../file/test-columns.ts";
import { npyBytes } from "../reading/test-file.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import { call } from "./test-streams.ts";

const DIM = 32;
const COUNT = 400;

let folder = "";
let vectors = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "turboquant-command-"));
  vectors = join(folder, "vectors.npy");
  const normal = createNormals(5);
  const data = new Uint8Array(randomVector(DIM * COUNT, normal).buffer);
  writeFileSync(vectors, npyBytes({ shape: `(${COUNT}, ${DIM})`, data }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("inspect", () => {
  test("says what is in a file and what each width does to it", async () => {
    const { exit, out, err } = await call(["inspect", vectors]);
    expect([exit, err]).toEqual([0, ""]);
    expect(out).toContain("vectors.npy   400 vectors of 32 (npy, float32), 51 KB");
    expect(out).toMatch(/^length {6}[2-9]\.\d\d to [2-9]\.\d\d, half of them below 5\.\d\d$/m);
    expect(out).toMatch(/^zero rows {3}none$/m);
    expect(out).toMatch(/^bits {3}bytes {3}smaller/m);
    expect(out.match(/^ {3}[1-8] /gm)).toHaveLength(8);
    expect(out).toContain("measured: cosine, 320 of these vectors stored, 80 others asked for");
    expect(out).not.toContain("\u001b");
  });

  test("for programs", async () => {
    const { exit, out, objects } = await call(["inspect", vectors, "--json", "--metric", "dot", "--sample", "200", "--queries", "10"]);
    expect([exit, out.trim().split("\n").length]).toEqual([0, 1]);
    expect(objects[0]).toMatchObject({ type: "inspection", count: COUNT, dim: DIM, metric: "dot", sample: 190, queries: 10, zeroRows: 0 });
    const qualities = objects[0]?.["qualities"] as readonly { readonly bits: number; readonly bytes: number; readonly recall: number }[];
    expect(qualities.map(({ bits, bytes }) => [bits, bytes])).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((bits) => [bits, bits * 4 + 4]));
    expect(qualities.at(-1)?.recall).toBeGreaterThan(0.9);
  });

  test("few vectors are looked at, and not measured", async () => {
    writeFileSync(join(folder, "few.csv"), "1,2\n3,4\n0,0\n1,2\n");
    const { exit, out } = await call(["inspect", join(folder, "few.csv")]);
    expect(exit).toBe(0);
    expect(out).toContain("4 vectors of 2 (csv, no header");
    expect(out).toContain("1: near nothing");
    expect(out).toContain("1 row equal to one before");
    expect(out).toContain("Too few vectors to measure with");
  });

  test("on a terminal: a bar, and emphasis unless NO_COLOR", async () => {
    const shown = await call(["inspect", vectors], { columns: "80" });
    expect(shown.err).toMatch(/measuring ░+ {3}0 %/);
    expect(shown.err.endsWith("\r\u001b[K")).toBe(true);
    expect(shown.out).toContain("\u001b[1m");
    expect((await call(["inspect", vectors], { columns: "80", NO_COLOR: "1" })).out).not.toContain("\u001b");
  });
});

describe("inspect on the file of an index", () => {
  const bytes = async (): Promise<Uint8Array> => {
    const header = testHeader({ dim: 64, bits: 4, from: 4, originals: true });
    const file = createMemoryFile();
    const writer = await openIndexFile(file, header);
    const [first] = [await writer.append(testColumns(header, testIds(500))), await writer.append(testColumns(header, ["a", "b"]))];
    await writer.truncateSegment(first, 2, new Float32Array(500));
    await writer.remove([1, 2, 3]);
    await writer.close();
    return file.bytes();
  };

  test("says what it holds, and that every checksum holds", async () => {
    const path = join(folder, "whole.tqi");
    writeFileSync(path, await bytes());
    const { exit, out, err } = await call(["inspect", path]);
    expect([exit, err]).toEqual([0, ""]);
    expect(out).toContain("499 vectors of 64, cosine");
    expect(out).toMatch(/^bits +4 \(2 vectors\), 2 \(497 vectors\)$/m);
    expect(out).toMatch(/^ids +2 texts, the others numbers$/m);
    expect(out).toMatch(/^originals +kept$/m);
    expect(out).toMatch(/^removed +3 rows/m);
    expect(out).toContain("Every checksum holds.");
    expect((await call(["inspect", path, "--json"])).objects).toMatchObject([
      { type: "index", vectors: 499, ok: true, damage: [], center: false },
    ]);
  });

  test("a single changed bit is found, told with its place, and the exit code says so", async () => {
    const path = join(folder, "damaged.tqi");
    const damaged = await bytes();
    // Within the originals of the first segment, by far its largest part.
    damaged[60_000] = (damaged[60_000] as number) ^ 4;
    writeFileSync(path, damaged);
    const { exit, out } = await call(["inspect", path]);
    expect(exit).toBe(1);
    expect(out).toContain("1 place in the file cannot be read as written:");
    expect(out).toMatch(/bytes at [\d,]+: segment 0 is damaged: its originals/);
    expect((await call(["inspect", path, "--json"])).objects).toMatchObject([{ ok: false, vectors: 2, damage: [{ segment: 0 }] }]);
  });

  test("another file is refused", async () => {
    const path = join(folder, "other.tqi");
    writeFileSync(path, "no index");
    const { exit, err } = await call(["inspect", path]);
    expect(exit).toBe(1);
    expect(err).toContain(`cannot inspect ${path}`);
    expect((await call(["inspect", join(folder, "missing.tqi")])).exit).toBe(1);
  });
});

describe("a call that fails says what, why and what to do", () => {
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  test.each([
    ["no such file", () => join(folder, "missing.npy"), 1, "there is no such file"],
    [
      "a folder",
      () => {
        mkdirSync(join(folder, "folder.npy"), { recursive: true });
        return join(folder, "folder.npy");
      },
      1,
      "it is a folder",
    ],
    ["a bad number", () => file("bad.csv", "1,2\n3,x\n"), 1, 'line 2, column 2 is "x"'],
    ["a header alone", () => file("head.npy", "x"), 1, "the file does not begin as .npy files do"],
    ["no dimension", () => file("raw.f32", "12345678"), 2, "a .f32 file does not say its dimension"],
    ["an unknown ending", () => file("a.parquet", "PAR1"), 2, ".parquet is no format that can be read"],
  ] as const)("%s", async (_, path, exit, why) => {
    const at = path();
    const called = await call(["inspect", at]);
    expect(called).toMatchObject({ exit, out: "" });
    expect(called.err.split("\n")).toEqual([
      `turboquant: cannot inspect ${at}`,
      expect.stringContaining(`   why: ${why}`),
      expect.stringMatching(/^ {2}hint: \S/),
      "",
    ]);
    const json = await call(["inspect", at, "--json"]);
    expect(json).toMatchObject({
      exit,
      err: "",
      objects: [{ type: "failure", what: `cannot inspect ${at}`, why: expect.stringContaining(why) as unknown }],
    });
  });

  test.each([
    [["inspect"], "missing required argument"],
    [["inspect", "x", "--bogus"], "unknown option"],
    [["bogus"], "unknown command"],
    [["inspect", "x", "--dim", "1.5"], "whole number"],
    [["inspect", "x", "--dim", "0"], "whole number"],
    [["inspect", "x", "--metric", "hamming"], "Allowed choices are cosine, dot"],
  ])("%j", async (words, why) => {
    const called = await call(words);
    expect(called).toMatchObject({ exit: 2, out: "" });
    expect(called.err).toContain(why);
    expect(called.err).toContain("  hint: ");
  });
});

test("help and version are data; no words at all are a mistake, with the help beside it", async () => {
  expect(await call(["--version"])).toMatchObject({ exit: 0, out: "0.1.0\n" });
  expect((await call(["--help"])).out).toContain("inspect");
  const bare = await call([]);
  expect(bare).toMatchObject({ exit: 2, out: "" });
  expect(bare.err).toContain("Usage: turboquant");
});
