import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { TurboQuantError } from "../error.ts";
import { codeOfLater } from "../file/test-code-of.ts";
import { testColumns, testHeader, testIds } from "../file/test-columns.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import { openIndexAt } from "./disk-index.ts";
import { keepTail as keepTailOf, keptTails, MOST_KEPT } from "./kept-tails.ts";
import { openVectorIndexAt } from "./vector-index-at.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "turboquant-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const newPath = (): string => join(folder, `${made++}.tqi`);

const HEADER = testHeader();
const HEADER_BYTES = 192;

async function written(rows = 500): Promise<Buffer> {
  const path = newPath();
  await using index = await openIndexAt(path, HEADER);
  await index.append(testColumns(HEADER, testIds(rows)));
  await index.sync();
  return readFileSync(path);
}

async function openedAndClosed(path: string): Promise<string | undefined> {
  await using index = await openIndexAt(path);
  return index.tail?.kept;
}

describe("a copy that broke off within its first segment", () => {
  it("opens by itself, empty, and what was cut lies beside it: both together are the copy as it was", async () => {
    const path = newPath();
    let copy: Buffer;
    {
      const whole = newPath();
      await using index = await openVectorIndexAt(whole, { dim: 48 });
      for (let id = 0; id < 500; id++) index.add(id, randomVector(48, createNormals(id + 1)));
      await index.sync();
      copy = readFileSync(whole).subarray(0, -1000);
    }
    writeFileSync(path, copy, { mode: 0o640 });
    {
      await using index = await openVectorIndexAt(path);
      expect(index.size).toBe(0);
      expect(index.tail).toEqual({
        ...{ at: HEADER_BYTES, bytes: copy.length - HEADER_BYTES, vectors: 500 },
        kept: `${path}.tail-${HEADER_BYTES}`,
      });
      index.add(1, randomVector(48, createNormals(1)));
    }
    const kept = `${path}.tail-${HEADER_BYTES}`;
    expect(statSync(kept).mode & 0o777).toBe(statSync(path).mode & 0o777);
    expect(Buffer.concat([copy.subarray(0, HEADER_BYTES), readFileSync(kept)]).equals(copy)).toBe(true);
    expect(existsSync(`${path}.keeping`)).toBe(false);
    await using again = await openVectorIndexAt(path);
    expect([again.size, again.tail]).toEqual([1, undefined]);
  });

  it("is not opened, and stays as it was, where whoever opens it will have none that is cut", async () => {
    const path = newPath();
    const copy = (await written()).subarray(0, 4000);
    writeFileSync(path, copy);
    const keepTail = async (): Promise<string> => {
      throw new TurboQuantError("bad-file", "the copy broke off", "Copy again.");
    };
    expect(await codeOfLater(() => openVectorIndexAt(path, { keepTail }))).toBe("bad-file");
    expect(readFileSync(path).equals(copy)).toBe(true);
    expect(await keptTails(path)).toEqual([]);
    // And the lock was let go.
    expect(await openedAndClosed(path)).toBe(`${path}.tail-${HEADER_BYTES}`);
  });
});

describe("tails that are kept", () => {
  it("are kept once, also by a process that ended before it cut them; others that stood there have other names", async () => {
    const path = newPath();
    const [copy, other] = [(await written()).subarray(0, 4000), (await written(400)).subarray(0, 4000)];
    const name = `${path}.tail-${HEADER_BYTES}`;
    for (let time = 0; time < 2; time++) {
      writeFileSync(path, copy);
      expect(await openedAndClosed(path)).toBe(name);
    }
    for (let time = 0; time < 2; time++) {
      writeFileSync(path, other);
      expect(await openedAndClosed(path)).toBe(`${name}-2`);
    }
    expect((await keptTails(path)).map((kept) => kept.path)).toEqual([name, `${name}-2`]);
    expect(readFileSync(name).equals(copy.subarray(HEADER_BYTES))).toBe(true);
    expect(readFileSync(`${name}-2`).equals(other.subarray(HEADER_BYTES))).toBe(true);
    // What belongs to another file is not counted.
    writeFileSync(`${path}.tail-of-mine`, "x");
    writeFileSync(`${path}2.tail-5`, "x");
    expect((await keptTails(path)).length).toBe(2);
  });

  it("are so many at most: of those before, the smallest goes, and never the last", async () => {
    const path = newPath();
    await (await openIndexAt(path, HEADER)).close();
    const kept: string[] = [];
    // The first is the largest: a copy that broke off, of which then a program is made that crashes and crashes.
    for (const bytes of [90_000, ...Array.from({ length: 30 }, (_, nth) => 1000 + ((nth * 7) % 30))]) {
      writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(bytes, kept.length + 1)]));
      kept.push((await openedAndClosed(path)) as string);
      expect(existsSync(kept.at(-1) as string)).toBe(true);
    }
    const left = await keptTails(path);
    expect(left.length).toBe(MOST_KEPT);
    expect(Math.max(...left.map(({ bytes }) => bytes))).toBe(90_000);
    expect(Math.min(...left.filter(({ path: at }) => at !== kept.at(-1)).map(({ bytes }) => bytes))).toBeGreaterThan(1013);
  });

  it("where they cannot be written nothing is cut, and the file can be opened as soon as they can", async () => {
    const path = newPath();
    const copy = (await written()).subarray(0, 4000);
    writeFileSync(path, copy);

    const source = { size: 4000, read: async (at: number, length: number) => copy.subarray(at, at + length) };
    // As on a disk that is full.
    mkdirSync(`${path}.keeping`);
    const tail = { at: HEADER_BYTES, bytes: 4000 - HEADER_BYTES, vectors: 500 };
    await expect(keepTailOf(path, tail, source)).rejects.toMatchObject({
      code: "file-failed",
      message: expect.stringContaining(`the ${tail.bytes} bytes behind the end of ${path} could not be kept: could not open`) as unknown,
      hint: expect.stringContaining("Nothing was cut.") as unknown,
    });
    expect(await codeOfLater(() => openIndexAt(path))).toBe("file-failed");
    expect(readFileSync(path).equals(copy)).toBe(true);
    rmdirSync(`${path}.keeping`);
    expect(await openedAndClosed(path)).toBe(`${path}.tail-${HEADER_BYTES}`);
  });

  it("are not begun where the file cannot be read to its end, and nothing is left of them", async () => {
    const path = newPath();
    writeFileSync(path, await written());

    const failing = {
      size: 9e6,
      read: async (at: number, length: number): Promise<Uint8Array> => {
        if (at > 2e6) throw new TurboQuantError("file-failed", "could not read", "It is broken.");
        return new Uint8Array(length).fill(1);
      },
    };
    expect(await codeOfLater(() => keepTailOf(path, { at: 64, bytes: 8e6, vectors: 0 }, failing))).toBe("file-failed");
    expect(await keptTails(path)).toEqual([]);
    expect(existsSync(`${path}.keeping`)).toBe(false);
  });
});
