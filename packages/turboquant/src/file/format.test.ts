import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readIndexFile } from "./index-reader.ts";
import { openIndexFile } from "./index-writer.ts";
import { createMemoryFile, type MemoryFile } from "./memory-file.ts";
import { MOST_ROWS } from "./segment.ts";
import { testColumns, testHeader, testIds } from "./test-columns.ts";
import { rowsIn } from "./test-rows.ts";

/** A file with one of everything there is. */
async function goldenFile(): Promise<MemoryFile> {
  const file = createMemoryFile();
  const header = testHeader({ dim: 20, bits: 3.5, from: 5, seed: 2n ** 63n + 1n, scale: "mse", metric: "dot", originals: true });
  const writer = await openIndexFile(
    file,
    { ...header, center: Float32Array.from({ length: 20 }, (_, at) => at / 8) },
    { identity: 0x0123456789abcdefn },
  );
  const first = await writer.append(testColumns(header, [3, 5, 2 ** 40, 7]));
  await writer.append(testColumns(header, ["a", 3, "\uFEFFé"], { seed: 2 }), [3, "gone"]);
  await writer.sync();
  await writer.remove([5, 6, 7, "a"]);
  await writer.truncateSegment(first, 2.25, Float32Array.of(1, 2, 3, 4));
  await writer.close();
  await writer.append(testColumns(header, ["behind the directory"], { seed: 3 }));
  await writer.sync();
  return file;
}

describe("the format", () => {
  it("writes the same bytes of the same", async () => {
    const file = await goldenFile();
    // When this changes, files of before cannot be read any more: it wants another version.
    expect([file.size, createHash("sha256").update(file.bytes()).digest("hex")]).toEqual([
      4032,
      "e1ab526c24d809bee8d3d266b598b81f28e2ea95d9cf894c4599cf23f20f8f72",
    ]);
    expect((await rowsIn(file)).map(({ id, bits }) => [id, bits])).toEqual([
      [2 ** 40, 2.25],
      [3, 3.5],
      ["\uFEFFé", 3.5],
      ["behind the directory", 3.5],
    ]);
  });

  it.each([
    [384, 1],
    [384, 2.5],
    [384, 4],
    [768, 3],
    [1536, 4],
    [1536, 8],
  ])("takes at most dim * bits / 8 + 8 bytes a vector and 1 percent more, at %i dimensions and %d bits", async (dim, bits) => {
    const header = testHeader({ dim, bits, from: bits });
    const file = createMemoryFile();
    const writer = await openIndexFile(file, header);
    // Rising, with gaps of up to 2^32.
    for (const segment of [0, 1])
      await writer.append(
        testColumns(
          header,
          testIds(MOST_ROWS).map((id) => segment * 2 ** 45 + id * (2 ** 32 - 1)),
        ),
      );
    await writer.close();
    const budget = 2 * MOST_ROWS * ((dim * bits) / 8 + 8) * 1.01;
    expect(file.size).toBeLessThanOrEqual(budget);
    expect((await readIndexFile(file)).stats).toEqual({ bytes: file.size, deadBytes: 0, segments: 2, rows: 2 * MOST_ROWS, removed: 0 });
  });

  it("puts the beginnings of all columns at multiples of 64", async () => {
    const { segments } = await readIndexFile(await goldenFile());
    const places = segments.flatMap(({ ids, scales, planes, originals, removes }) => [ids, scales, ...planes, originals, removes]);
    for (const part of places) expect((part?.at ?? 0) % 64).toBe(0);
  });
});
