import { beforeAll, describe, expect, it } from "vitest";
import { readIndexFile } from "./index-reader.ts";
import { type IndexWriter, openIndexFile } from "./index-writer.ts";
import { createMemoryFile } from "./memory-file.ts";
import { codeOfLater } from "./test-code-of.ts";
import { testColumns, testHeader, testIds } from "./test-columns.ts";
import { rowsIn, rowsRead } from "./test-rows.ts";

const HEADER = testHeader();
const HEADER_BYTES = 192;

/** Of what is cut off, the bytes that were kept. */
async function keptOf(bytes: Uint8Array): Promise<{ readonly writer: IndexWriter; readonly kept?: Uint8Array }> {
  let kept: Uint8Array | undefined;
  const keepTail = async (tail: { at: number; bytes: number }, source: { read(at: number, length: number): Promise<Uint8Array> }) => {
    kept = await source.read(tail.at, tail.bytes);
    return "there";
  };
  const writer = await openIndexFile(createMemoryFile(bytes), HEADER, { keepTail });
  return { writer, ...(kept === undefined ? {} : { kept }) };
}

describe("what stands behind the last record that counts", () => {
  let bytes: Uint8Array;
  /** Where the directory begins that the file ends with. */
  let directory: number;
  beforeAll(async () => {
    const file = createMemoryFile();
    const writer = await openIndexFile(file, HEADER, { identity: 5n });
    await writer.append(testColumns(HEADER, testIds(300)));
    await writer.append(testColumns(HEADER, testIds(200, 300)));
    await writer.sync();
    directory = file.size;
    await writer.close();
    bytes = file.bytes();
  });

  it("is kept before it is cut, byte for byte, wherever a copy broke off", async () => {
    for (let end = HEADER_BYTES; end <= directory; end += 16) {
      const { writer, kept } = await keptOf(bytes.subarray(0, end));
      const { tail } = writer;
      const whole = tail?.at ?? end;
      expect((await rowsRead(writer)).length, `cut at ${end}`).toBe(whole === HEADER_BYTES ? 0 : whole < directory ? 300 : 500);
      // In less than a head there is no vector.
      if (end - whole < HEADER_BYTES) expect(kept).toBeUndefined();
      else expect(Buffer.compare(kept ?? new Uint8Array(0), bytes.subarray(whole, end))).toBe(0);
      expect(tail?.kept).toBe(kept === undefined ? undefined : "there");
    }
  });

  it("is told with the vectors that it may be about", async () => {
    const { tail } = await readIndexFile(createMemoryFile(bytes.subarray(0, 5000)));
    expect(tail).toEqual({ at: HEADER_BYTES, bytes: 5000 - HEADER_BYTES, vectors: 300 });
    // The first segment has lost a bit, and nothing behind it was promised apart from it.
    const damaged = bytes.slice(0, directory);
    damaged[700] = (damaged[700] as number) ^ 1;
    expect((await readIndexFile(createMemoryFile(damaged))).tail).toMatchObject({ vectors: 500 });
    // Records of another file are none of this.
    const other = createMemoryFile();
    await (await openIndexFile(other, HEADER, { identity: 6n })).append(testColumns(HEADER, testIds(20)));
    const foreign = Buffer.concat([bytes.subarray(0, HEADER_BYTES), other.bytes().subarray(HEADER_BYTES)]);
    expect((await readIndexFile(createMemoryFile(foreign))).tail).toMatchObject({ at: HEADER_BYTES, vectors: 0 });
  });

  it("is kept where it is anything at all, and not where it is a piece of a directory or zeros", async () => {
    const before = bytes.subarray(0, directory);
    for (let end = directory + HEADER_BYTES; end < bytes.length; end += 16) {
      const { writer, kept } = await keptOf(bytes.subarray(0, end));
      expect(writer.tail).toMatchObject({ at: directory, bytes: end - directory });
      expect(kept).toBeUndefined();
    }
    expect((await keptOf(Buffer.concat([before, Buffer.alloc(600_000)]))).kept).toBeUndefined();
    for (const at of [0, 300_000, 599_999]) {
      const anything = Buffer.alloc(600_000);
      anything[at] = 1;
      expect((await keptOf(Buffer.concat([before, anything]))).kept?.length).toBe(600_000);
    }
    // Behind a piece of a directory that was not the end.
    const more = Buffer.concat([bytes.subarray(0, directory + HEADER_BYTES + 64), Buffer.alloc(2000, 3)]);
    expect((await keptOf(more)).kept?.length).toBe(more.length - directory);
  });

  it("stays where it is when it cannot be kept", async () => {
    const file = createMemoryFile(bytes.subarray(0, 5000));
    const keepTail = async (): Promise<string> => {
      throw new RangeError("no");
    };
    await expect(openIndexFile(file, HEADER, { keepTail })).rejects.toThrow("no");
    expect(file.size).toBe(5000);
    // This test would notice: without anybody to keep it, it is cut.
    expect(await codeOfLater(() => openIndexFile(file, HEADER))).toBe("nothing");
    expect(file.size).toBe(HEADER_BYTES);
    expect(await rowsIn(file)).toEqual([]);
  });
});
