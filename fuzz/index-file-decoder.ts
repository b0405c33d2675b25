/** The file of an index of vectors: whole, from its end and from its beginning, strictly and past damage, for reading and for writing. */

import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { isTurboQuantError } from "../packages/turboquant/src/error.ts";
import type { IndexFile, RangeSource } from "../packages/turboquant/src/file/index-file.ts";
import { type IndexReader, readIndexFile } from "../packages/turboquant/src/file/index-reader.ts";
import { openIndexFile } from "../packages/turboquant/src/file/index-writer.ts";
import { createMemoryFile } from "../packages/turboquant/src/file/memory-file.ts";
import { planeCoordinates, rowBytes } from "../packages/turboquant/src/file/segment.ts";
import { withRightChecksums } from "../packages/turboquant/src/file/test-checksums.ts";
import { testColumns, testHeader, testIds } from "../packages/turboquant/src/file/test-columns.ts";
import type { Decoder } from "./decoder.ts";

/** To open a file and read all of it takes no more of its bytes than this many times all of them. */
const MOST_READ = 6;
const MAX_BYTES = 8192;
/** Of the files that can be read, how many are also written to. */
const CHECKED_ONE_IN = 8;

export async function indexFileDecoder(): Promise<Decoder> {
  return {
    name: "index file",
    take: async (input) => {
      try {
        await takeFile(input);
      } catch (error) {
        // Reading has two ways to say no.
        if (isTurboQuantError(error) && (error.code === "bad-file" || error.code === "wrong-version"))
          throw new PerdureError("malformed", error.message);
        throw error;
      }
      return undefined;
    },
    seeds: await Promise.all([seed(true, false), seed(false, true), seed(false, false), seed(true, true)]),
    words: [Uint8Array.of(0x89, 0x54, 0x51, 0x49, 0x0d, 0x0a, 0x1a, 1), new Uint8Array(64)],
    repair: withRightChecksums,
    maxBytes: MAX_BYTES,
    share: 8,
  };
}

async function takeFile(input: Bytes): Promise<void> {
  const found = await readIndexFile(bounded(input))
    .then(shownBy)
    .catch(async (fault: unknown) => {
      if (!isTurboQuantError(fault)) throw fault;
      await shownBy(await readIndexFile(bounded(input), { damaged: "skip" }));
      throw fault;
    });
  // Where there is nothing wrong, most of the work is what was tried a moment ago.
  if (input.reduce((sum, byte) => sum + byte, 0) % CHECKED_ONE_IN !== 0) return;
  const lenient = await shownBy(await readIndexFile(bounded(input), { damaged: "skip" }));
  if (lenient !== found) throw new RangeError("what is not damaged is not the same when damage is passed over");
  await goOn(input, found);
}

/** What a writer finds is what a reader found, also after it wrote. */
async function goOn(input: Bytes, found: string): Promise<void> {
  const file = createMemoryFile(input);
  const writer = await openIndexFile(boundedFile(file));
  if ((await shownBy(writer)) !== found) throw new RangeError("a writer finds something else than a reader");
  // The last number there is was taken already.
  if ((writer.segments.at(-1)?.number ?? 0) > 2 ** 32 - 4) return;
  await writer.append(testColumns(writer.header, ["new"]));
  await writer.close();
  const after = await shownBy(await readIndexFile(bounded(file.bytes())));
  if (!after.startsWith(found) || !after.includes('"new"'))
    throw new RangeError("what was there before is not there after something was written");
}

/** Everything in it, held against what is promised of it. */
async function shownBy(reader: IndexReader): Promise<string> {
  const { dim } = reader.header;
  let shown = "";
  for await (const { count, bits, ids, scales, planes, originals } of reader.columns()) {
    const widths = planeCoordinates(dim, bits).map((coordinates) => count * rowBytes(coordinates));
    const fits =
      count <= 4096 &&
      ids.length === count &&
      scales.length === count &&
      scales.every(Number.isFinite) &&
      (originals?.length ?? 0) % dim === 0;
    if (!fits || planes.length !== widths.length || planes.some((plane, nth) => plane.length !== widths[nth]))
      throw new RangeError("columns do not fit each other");
    shown += JSON.stringify([bits, ids, [...scales], planes.map((plane) => Buffer.from(plane).toString("base64"))]);
  }
  return shown;
}

/** Says so where something is asked of it that is not there, or too much. */
function bounded(bytes: Bytes): RangeSource {
  let read = 0;
  return {
    size: bytes.length,
    read: async (at, length) => {
      if (!(at >= 0 && length >= 0 && at + length <= bytes.length))
        throw new RangeError(`${length} bytes at ${at} of ${bytes.length} were asked for`);
      read += length;
      if (read > bytes.length * MOST_READ) throw new RangeError(`${read} bytes were read of ${bytes.length}`);
      return bytes.slice(at, at + length);
    },
  };
}

function boundedFile(file: IndexFile): IndexFile {
  return {
    get size() {
      return file.size;
    },
    append: file.append,
    sync: file.sync,
    truncate: file.truncate,
    read: async (at, length) => {
      if (!(at >= 0 && length >= 0 && at + length <= file.size))
        throw new RangeError(`${length} bytes at ${at} of ${file.size} were asked for`);
      return await file.read(at, length);
    },
  };
}

async function seed(closed: boolean, rich: boolean): Promise<Bytes> {
  const header = testHeader({ dim: 12, bits: rich ? 2.5 : 2, from: 4, originals: rich });
  const file = createMemoryFile();
  const writer = await openIndexFile(file, rich ? { ...header, center: new Float32Array(12) } : header, { identity: 3n });
  await writer.append(testColumns(header, testIds(3)));
  if (rich) {
    await writer.append(testColumns(header, ["a", 7, "bc"]), [1]);
    await writer.sync();
    await writer.truncateSegment(writer.segments[0] as never, 1.25, Float32Array.of(1, 2, 3));
    await writer.remove(["a", 2]);
  }
  await writer.sync();
  await writer.append(testColumns(header, [9, 8]));
  if (closed) await writer.close();
  return file.bytes();
}
