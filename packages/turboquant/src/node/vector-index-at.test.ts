import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { codeOfLater } from "../file/test-code-of.ts";
import { testHeader } from "../file/test-columns.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import { openIndexAt } from "./disk-index.ts";
import { killedRound, OPTIONS, type States } from "./test-killed-index.ts";
import { openVectorIndexAt, type VectorIndexAtOptions } from "./vector-index-at.ts";

const folder = mkdtempSync(join(tmpdir(), "turboquant-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const newPath = (): string => join(folder, `${made++}.tqi`);
const vectorOf = (id: number, dim = 48): Float32Array => randomVector(dim, createNormals(id + 1));

describe("an index at a path", () => {
  it("is there again, whole, by its path alone", async () => {
    const path = newPath();
    const center = vectorOf(99);
    const query = vectorOf(500);
    let hits: unknown;
    {
      await using index = await openVectorIndexAt(path, { dim: 48, bits: 2.5, seed: 2n ** 60n, metric: "dot", center, originals: true });
      for (let id = 0; id < 100; id++) index.add(`note ${id}`, vectorOf(id));
      hits = index.search(query).hits;
    }
    await using again = await openVectorIndexAt(path);
    expect(again.header).toMatchObject({ dim: 48, bits: 2.5, seed: 2n ** 60n, metric: "dot", center, originals: true });
    expect(again.search(query).hits).toEqual(hits);
    expect(again.tail).toBeUndefined();
    expect(again.damage).toEqual([]);
  });

  it.each<readonly [VectorIndexAtOptions, RegExp]>([
    [{ dim: 64 }, /dim is 48, and 64 was/],
    [{ bits: 4 }, /bits is 3, and 4 was/],
    [{ seed: 5 }, /seed is 7, and 5 was/],
    [{ metric: "dot" }, /metric is cosine, and dot was/],
    [{ originals: true }, /originals is false, and true was/],
    [{ center: new Float32Array(48).fill(0.25) }, /center is 0.5 at coordinate 0, and 0.25 was/],
    [{ center: [1, 2] }, /center is no vector of this dimension: a vector has 48 coordinates, not 2/],
  ])("is not opened as another: %o", async (options, message) => {
    const path = newPath();
    const said = { dim: 48, bits: 3, seed: 7, center: new Array<number>(48).fill(0.5) };
    await (await openVectorIndexAt(path, said)).close();
    await expect(openVectorIndexAt(path, options)).rejects.toThrow(message);
    await (await openVectorIndexAt(path, said)).close();
    await (await openVectorIndexAt(path, { seed: 7n })).close();
  });

  it("needs a dim to be begun, and does not begin it otherwise", async () => {
    const path = newPath();
    expect(await codeOfLater(() => openVectorIndexAt(path))).toBe("bad-argument");
    expect(await codeOfLater(() => openVectorIndexAt(path, { bits: 3 }))).toBe("bad-argument");
    expect(await codeOfLater(() => openVectorIndexAt(path, { dim: 1 }))).toBe("bad-argument");
    expect(() => statSync(path)).toThrow("ENOENT");
  });

  it("is begun anew where a crash left no whole header, and only there", async () => {
    const path = newPath();
    await (await openVectorIndexAt(path, { dim: 48 })).close();
    writeFileSync(path, readFileSync(path).subarray(0, 100));
    expect(await codeOfLater(() => openVectorIndexAt(path))).toBe("bad-file");
    await (await openVectorIndexAt(path, { dim: 48 })).close();
    writeFileSync(path, "notes of mine");
    expect(await codeOfLater(() => openVectorIndexAt(path, { dim: 48 }))).toBe("bad-file");
    expect(readFileSync(path, "utf8")).toBe("notes of mine");
  });

  it("is nobody else's meanwhile, and of no other sort", async () => {
    const path = newPath();
    const first = await openVectorIndexAt(path, { dim: 48 });
    expect(await codeOfLater(() => openVectorIndexAt(path))).toBe("file-busy");
    await first.close();
    await (await openVectorIndexAt(path)).close();
    const other = newPath();
    await (await openIndexAt(other, testHeader({ scale: "norm" }))).close();
    await expect(openVectorIndexAt(other)).rejects.toThrow(/scale norm/);
    const cut = newPath();
    await (await openIndexAt(cut, testHeader({ bits: 2, from: 4 }))).close();
    await expect(openVectorIndexAt(cut)).rejects.toMatchObject({
      message: expect.stringMatching(/2 bits of 4/),
      hint: expect.stringMatching(/bits: header.from/),
    });
  });

  it("is opened without what is damaged where that is asked for, and lets go of the file where it is not", async () => {
    const path = newPath();
    {
      await using index = await openVectorIndexAt(path, { dim: 48 });
      index.add(1, vectorOf(1));
      await index.sync();
      index.add(2, vectorOf(2));
    }
    const bytes = readFileSync(path);
    const at = 192 + 192 + 3 * 64;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(path, bytes);
    expect(await codeOfLater(() => openVectorIndexAt(path))).toBe("bad-file");
    await using index = await openVectorIndexAt(path, { damaged: "skip" });
    expect([...index.ids()]).toEqual([2]);
    expect(index.damage).toMatchObject([{ segment: 0 }]);
  });
});

describe("a process that is killed while it adds, removes, truncates and compacts", () => {
  it("leaves everything that was synced, and nothing that was never there", async () => {
    const path = newPath();
    await (await openVectorIndexAt(path, OPTIONS)).close();
    let states: States = new Map();
    for (const [round, lives] of [4, 25, 50].entries()) {
      const found = await killedRound(path, round, states, lives, 7 * round);
      expect(found.synced).toBeGreaterThan(lives);
      expect(found.wrong).toEqual([]);
      expect(found.isSameAsAnew).toBe(true);
      states = found.states;
    }
    expect(states.size).toBeGreaterThan(20);
  }, 90_000);

  it("would be noticed if it lost what was synced", async () => {
    const path = newPath();
    await (await openVectorIndexAt(path, OPTIONS)).close();
    // As if what a round before had added were gone.
    const lost: States = new Map([[299, { version: "9 9", cuts: [] }]]);
    expect((await killedRound(path, 77, lost, 2, 0)).wrong).toContain(299);
  });
});
