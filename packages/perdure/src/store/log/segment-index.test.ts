import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDisk, createMemoryFiles } from "../../host/simulated/index.ts";
import { encodeIndex, type IndexOf, indexName, openIndex, segmentOfIndex, writeIndex } from "./segment-index.ts";

const OF: IndexOf = { magic: "relay", logId: new Uint8Array(8).fill(7), segment: 12, end: 4096 };
const body = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255);

async function written(bytes: Uint8Array) {
  const files = createMemoryFiles(createDisk());
  const file = await files.open(`log/${indexName(OF.segment)}`, "write");
  await file.write(0, bytes);
  await file.close();
  return files;
}

describe("the index beside a segment", () => {
  it("is read back in any part", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(70_000), fc.nat(70_000), fc.nat(70_000), async (length, a, b) => {
        const files = createMemoryFiles(createDisk());
        const whole = body(length);
        await writeIndex(files, "log", OF, whole);
        await using index = await openIndex(files, "log", OF);
        const [from, to] = [Math.min(a, b) % (length + 1), Math.max(a, b) % (length + 1)].sort((x, y) => x - y) as [number, number];
        expect(index?.bytes).toBe(length);
        expect(await index?.read(from, to - from)).toEqual(whole.subarray(from, to));
      }),
      { numRuns: 60 },
    );
  });

  it("is none of another segment, log, kind or end, and none without a name of its own", async () => {
    const files = createMemoryFiles(createDisk());
    await writeIndex(files, "log", OF, body(10));
    for (const other of [{ end: 4128 }, { magic: "agent" }, { logId: new Uint8Array(8) }])
      expect(await openIndex(files, "log", { ...OF, ...other })).toBeUndefined();
    expect(await openIndex(files, "log", { ...OF, segment: 13 })).toBeUndefined();
    await files.rename("log/000012.idx", "log/000013.idx");
    expect(await openIndex(files, "log", { ...OF, segment: 13 })).toBeUndefined();
    expect(["000012.idx", "000012.idx.part", "12.idx", "000012.log", "0.spare"].map(segmentOfIndex)).toEqual([
      { segment: 12, whole: true },
      { segment: 12, whole: false },
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("gives no byte that was not written, whichever one changes and wherever the file ends", async () => {
    const whole = body(40_000);
    const bytes = encodeIndex(OF, whole);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, change, cut) => {
        const other = cut ? bytes.slice(0, at) : bytes.slice();
        if (!cut) other[at] = (other[at] as number) ^ change;
        const index = await openIndex(await written(other), "log", OF);
        if (index === undefined) return;
        const parts = [0, 16_384, 32_768].map((from) => index.read(from, Math.min(16_384, whole.length - from)));
        const read = await Promise.allSettled(parts);
        expect(read.filter(({ status }) => status === "rejected")).toHaveLength(1);
        for (const [nth, part] of read.entries())
          if (part.status === "fulfilled") expect(part.value).toEqual(whole.subarray(nth * 16_384, (nth + 1) * 16_384));
      }),
      { numRuns: 200 },
    );
  });
});
