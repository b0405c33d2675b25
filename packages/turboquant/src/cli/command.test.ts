import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openIndexFile } from "../file/index-writer.ts";
import { createMemoryFile } from "../file/memory-file.ts";
import { testColumns, testHeader, testIds } from "../file/test-columns.ts";
import { openIndexAt, readIndexAt } from "../node/disk-index.ts";
import { npyBytes } from "../reading/test-file.ts";
import { createVectorIndex } from "../search/vector-index.ts";
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

  test("a single vector is its own mean: no number of bits does as much", async () => {
    writeFileSync(join(folder, "one.csv"), "1,2,3\n");
    const { exit, out } = await call(["inspect", join(folder, "one.csv")]);
    expect(exit).toBe(0);
    expect(out).toMatch(/^centre {6}100.0 % of the squared error would go with the mean subtracted$/m);
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
    expect(out).toMatch(/^not read {7}500 rows, damaged ones and removed ones$/m);
    expect(out).not.toContain("compacting");
    expect((await call(["inspect", path, "--json"])).objects).toMatchObject([{ ok: false, vectors: 2, damage: [{ segment: 0 }] }]);
  });

  test("an end that is not whole has an exit code of its own, and what was cut off is named until somebody takes it away", async () => {
    mkdirSync(join(folder, "cut"));
    const path = join(folder, "cut", "cut.tqi");
    const whole = await bytes();
    // Within the first segment, as a copy that broke off leaves it.
    writeFileSync(path, whole.subarray(0, 50_000));
    const { exit, out } = await call(["inspect", path]);
    expect(exit).toBe(3);
    expect(out).toContain("0 vectors of 64");
    expect(out).toMatch(/^cut short +49,808 bytes, of 500 vectors at the end, left by a crash or a copy that broke off/m);
    expect(out).toContain("Every checksum holds, but the end of the file is not whole.");
    const [said] = (await call(["inspect", path, "--json"])).objects;
    expect(said).toMatchObject({ ok: false, damage: [], tail: { at: 192, bytes: 49_808, vectors: 500 } });
    await (await openIndexAt(path)).close();
    const after = await call(["inspect", path]);
    expect(after.exit).toBe(0);
    expect(after.out).toMatch(/^kept +49,808 bytes that were cut off at 192: .*cut\.tqi\.tail-192$/m);
    expect((await call(["inspect", path, "--json"])).objects[0]).toMatchObject({ ok: true, keptTails: [{ at: 192, bytes: 49_808 }] });
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

describe("compress", () => {
  const out = (name: string): string => join(folder, name);

  test("writes the file of an index that finds what was in the vectors, in the bytes it should take", async () => {
    const { exit, out: said, err } = await call(["compress", vectors, "-o", out("a.tqi"), "--bits", "6", "--metric", "dot", "--seed", "9"]);
    expect([exit, err]).toEqual([0, ""]);
    expect(said).toContain("400 vectors of 32, 6 bits, dot");
    expect(said).toMatch(/^squared error +0\.000\d+ of 1, by theory 0\.000\d+ \(400 vectors read back from the file\)$/m);
    await using reader = await readIndexAt(out("a.tqi"));
    expect(reader.header).toMatchObject({ dim: DIM, bits: 6, metric: "dot", seed: 9n, originals: false });
    const index = createVectorIndex(reader.header);
    for await (const columns of reader.columns()) index.load(columns);
    expect(index.size).toBe(COUNT);
    expect(index.search(randomVector(DIM, createNormals(5)), { k: 1 }).hits[0]?.id).toBe(0);
    expect((await call(["inspect", out("a.tqi")])).out).toContain("Every checksum holds.");
  });

  test("segments stay full and ids short, over many of them", async () => {
    const many = out("many.f32");
    writeFileSync(many, new Uint8Array(randomVector(8 * 10_000, createNormals(1)).buffer));
    const { objects } = await call(["compress", many, "--dim", "8", "-o", out("many.tqi"), "--json"]);
    expect(objects[0]).toMatchObject({ type: "compression", vectors: 10_000, readBack: 1000, replaced: 0 });
    // Eight coordinates at four bits, a scale, an id; heads beside them.
    expect(objects[0]?.["bytesPerVector"]).toBeLessThan(4 + 4 + 1.5);
    await using reader = await readIndexAt(out("many.tqi"));
    expect(reader.segments.map(({ count }) => count)).toEqual([4096, 4096, 1808]);
  });

  test("ids of the file; of those that are there twice the last counts, in whatever segment the first is", async () => {
    const rows = Array.from({ length: 5000 }, (_, row) => `n${row},${row},1`);
    writeFileSync(out("ids.csv"), ["name,x,y", ...rows, "n7,-1,0", "n4999,0,-1", "n7,0,1"].join("\n"));
    const { objects } = await call(["compress", out("ids.csv"), "-o", out("ids.tqi"), "--bits", "8", "--originals", "--json"]);
    expect(objects[0]).toMatchObject({ vectors: 5000, replaced: 3 });
    await using reader = await readIndexAt(out("ids.tqi"));
    const found = new Map<unknown, readonly number[]>();
    for await (const { ids, originals } of reader.columns())
      for (const [row, id] of ids.entries()) {
        expect(found.has(id)).toBe(false);
        found.set(id, [...(originals?.subarray(row * 2, row * 2 + 2) ?? [])]);
      }
    expect(found.size).toBe(5000);
    expect([found.get("n7"), found.get("n4999"), found.get("n8")]).toEqual([
      [0, 1],
      [0, -1],
      [8, 1],
    ]);
  });

  test("a centre is the mean of what is compared, and takes error away", async () => {
    const shifted = out("shifted.f32");
    writeFileSync(shifted, new Uint8Array(randomVector(DIM * COUNT, createNormals(2)).map((value) => value + 2).buffer));
    const errors = await Promise.all(
      [[], ["--center"]].map(async (more, nth) => {
        const { objects } = await call(["compress", shifted, "--dim", `${DIM}`, "-o", out(`shifted-${nth}.tqi`), "--json", ...more]);
        const { error, expectedError } = objects[0] as { readonly error: number; readonly expectedError: number };
        expect(error / expectedError).toBeCloseTo(1, 0);
        return error;
      }),
    );
    expect(errors[1]).toBeLessThan((errors[0] ?? 0) / 3);
  });

  test("a file that is there is replaced only with --force, and a failed call leaves nothing", async () => {
    writeFileSync(out("there.tqi"), "mine");
    expect(await call(["compress", vectors, "-o", out("there.tqi")])).toMatchObject({ exit: 2 });
    expect(readFileSync(out("there.tqi"), "utf8")).toBe("mine");
    expect(await call(["compress", vectors, "-o", out("there.tqi"), "--force"])).toMatchObject({ exit: 0 });
    writeFileSync(out("half.csv"), "1,2\n3,4\n5,nan\n");
    expect(await call(["compress", out("half.csv"), "-o", out("half.tqi")])).toMatchObject({ exit: 1 });
    writeFileSync(out("long.csv"), `id,x,y\n${"i".repeat(2000)},1,2\n`);
    expect((await call(["compress", out("long.csv"), "-o", out("half.tqi")])).err).toMatch(/why: row 1: /);
    expect(readdirSync(folder).filter((name) => /^half.tqi|\.part|\.lock/.test(name))).toEqual([]);
  });

  test("the vectors themselves are not replaced, under any name, with --force neither", async () => {
    const [before, link] = [readFileSync(vectors), out("link.npy")];
    symlinkSync(vectors, link);
    for (const name of [vectors, link]) {
      expect(await call(["compress", vectors, "-o", name, "--force"])).toMatchObject({ exit: 2 });
      expect((await call(["compress", link, "-o", name, "--force"])).err).toMatch(/why: .* is the file of the vectors itself/);
    }
    expect(readFileSync(vectors)).toEqual(before);
  });

  test("a folder that is not there is named, and a folder is no file", async () => {
    expect((await call(["compress", vectors, "-o", out("nowhere/new.tqi")])).err).toMatch(/why: there is no folder .*nowhere$/m);
    expect((await call(["compress", vectors, "-o", folder, "--force"])).err).toMatch(/why: .* is a folder$/m);
  });

  test("called off, it leaves nothing and says nothing", async () => {
    const called = await call(["compress", vectors, "-o", out("off.tqi")], {}, AbortSignal.abort());
    expect(called).toMatchObject({ out: "", err: "" });
    expect(readdirSync(folder).filter((name) => name.startsWith("off"))).toEqual([]);
  });

  test.each([[["--bits", "0.5"]], [["--bits", "9"]], [["--bits", ""]], [["--seed", "-1"]], [[]]])("%j is no call of it", async (words) => {
    expect((await call(["compress", vectors, ...(words.length === 0 ? [] : ["-o", out("no.tqi")]), ...words])).exit).toBe(2);
  });
});

describe("bench", () => {
  test("times what is found, beside an exact scan, and measures it", async () => {
    const { exit, out, err } = await call(["bench", vectors, "--bits", "8", "--queries", "20"]);
    expect([exit, err]).toEqual([0, ""]);
    expect(out).toContain("380 vectors of 32 (npy, float32), 20 others asked for, cosine");
    expect(out).toMatch(/^encoding +[\d,]+ vectors\/s/m);
    expect(out.match(/^(float32|8 bits).* ms +[\d.]+ ms$/gm)).toHaveLength(7);
  });

  test("for programs, with the arithmetic that is named", async () => {
    const { objects } = await call(["bench", vectors, "--kernels", "plain", "--limit", "200", "--json"]);
    expect(objects[0]).toMatchObject({ type: "bench", vectors: 160, kernels: "plain", bits: 4 });
    const searches = objects[0]?.["searches"] as readonly { readonly how: string; readonly recall: number; readonly medianMs: number }[];
    expect(searches.map(({ recall }) => recall > 0.8 && recall <= 1)).toEqual(Array(7).fill(true));
    expect(searches.at(-1)?.recall).toBeGreaterThan(0.97);
    for (const { medianMs } of searches) expect(medianMs).toBeGreaterThan(0);
  });

  test("too few vectors say nothing", async () => {
    writeFileSync(join(folder, "ninety.csv"), Array.from({ length: 90 }, (_, row) => `${row},1`).join("\n"));
    expect(await call(["bench", join(folder, "ninety.csv")])).toMatchObject({ exit: 1, out: "" });
  });
});

test.each([
  [["insepct", "a.npy"], "unknown command 'insepct'", "Is inspect meant? See turboquant --help."],
  [["pack", "a.npy"], "unknown command 'pack'", "There are inspect, compress, bench. See turboquant --help."],
  [["inspect", "a.npy", "--metrik", "dot"], "unknown option '--metrik'", "Is --metric meant? See turboquant inspect --help."],
  [["compress", "a.npy"], "required option '-o, --out <file>' not specified", "See turboquant compress --help."],
])("%j is misunderstood with what may be meant", async (words, why, hint) => {
  expect(await call(words)).toMatchObject({ exit: 2, err: `turboquant: the call is not understood\n   why: ${why}\n  hint: ${hint}\n` });
});

test("ids and coordinates of a table with texts in it are those of its columns that are named", async () => {
  const [table, out] = [join(folder, "table.tsv"), join(folder, "table.tqi")];
  writeFileSync(table, `id\ttext\tx\ty\n${Array.from({ length: 9 }, (_, row) => `n${row}\tsome text\t${row}\t1\n`).join("")}`);
  expect((await call(["inspect", table])).err).toContain("as --columns 3-4; or");
  expect((await call(["compress", table, "-o", out, "--columns", "x-y", "--id-column", "id", "--originals"])).out).toContain(
    "(tsv, line 1 is a header, coordinates in columns 3 to 4, ids in column 1)",
  );
  await using reader = await readIndexAt(out);
  for await (const { ids, originals } of reader.columns()) expect([ids[8], ...(originals?.slice(-2) ?? [])]).toEqual(["n8", 8, 1]);
  expect(reader.segments.length).toBe(1);
});

test("a file of tabs is one by its name and by --format, also where more commas stand in it", async () => {
  const rows = Array.from({ length: 9 }, (_, row) => `n${row}\ta, b, c\t[${row}, 1, 2]\n`).join("");
  const named = join(folder, "tabs.tsv");
  const unnamed = join(folder, "tabs.data");
  for (const path of [named, unnamed]) writeFileSync(path, rows);
  const says = "(tsv, no header, arrays in column 3, ids in column 1)";
  const out = (nth: number): string => join(folder, `tabs-${nth}.tqi`);
  expect((await call(["compress", named, "-o", out(0)])).out).toContain(says);
  expect((await call(["compress", unnamed, "-o", out(1), "--format", "tsv"])).out).toContain(says);
  expect((await call(["compress", unnamed, "-o", out(2)])).err).toContain("There are .npy, .f32, .fvecs, .csv, .tsv, .txt; or say");
  expect((await call(["compress", named, "-o", out(3), "--format", "csv"])).exit).toBe(1);
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
