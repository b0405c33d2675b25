/** `turboquant compress <file> -o <file.tqi>`: vectors of other programs as the file of an index. */
import { rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { createQuantizer } from "../../codec/quantizer.ts";
import { isTurboQuantError, TurboQuantError } from "../../error.ts";
import { readIndexFile } from "../../file/index-reader.ts";
import { openIndexFile } from "../../file/index-writer.ts";
import { type IndexHeader, MOST_ROWS, type VectorId } from "../../file/segment.ts";
import { compared } from "../../measuring/metric.ts";
import { createSample } from "../../measuring/sample.ts";
import { surveyOf } from "../../measuring/survey.ts";
import { type DiskFile, openDiskFile } from "../../node/disk-file.ts";
import { openVectors } from "../../reading/open-vectors.ts";
import type { VectorFile } from "../../reading/vector-file.ts";
import { createVectorIndex, type VectorIndex } from "../../search/vector-index.ts";
import { diskSource } from "../disk-source.ts";
import { EXIT } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import { startProgress } from "../progress.ts";
import { countOf, countText, durationText, figure, sizeText } from "../quantity.ts";
import { factLines } from "../table.ts";
import type { CompressWords } from "../words.ts";

/** Vectors whose codes are laid beside what they were: the error is known to a few thousandths of itself. */
const READ_BACK = 1000;
/** As other programs write files: whoever may read the vectors may read this. */
const FILE_MODE = 0o666;

export async function compress(path: string, words: CompressWords, { terminal, signal }: Invocation): Promise<number> {
  const startedAt = performance.now();
  const source = await diskSource(path, signal);
  const file = await openVectors(source, words);
  await checkOut(path, words);
  const center = words.center === true ? await meanOf(file, source.size, words, terminal) : undefined;
  const header = headerOf(file.dim, words, center);
  // Under a name of its own until all of it is there: nobody else writes to it, and nobody finds half of it.
  const part = `${words.out}.${process.pid}.part`;
  const progress = startProgress(terminal, "encoding", "vectors");
  const disk = await openDiskFile(part, "replace", FILE_MODE);
  try {
    const written = await write(disk, header, file, (rows, bytes) => {
      signal.throwIfAborted();
      progress.at(bytes / source.size, rows);
    });
    progress.end();
    const readBack = await errorOf(disk, written.sample);
    const { size } = disk;
    await disk.moveTo(words.out);
    const tookMs = performance.now() - startedAt;
    const vectors = written.rows - written.replaced;
    const result = {
      vectors,
      bytesBefore: source.size,
      bytesAfter: size,
      bytesPerVector: size / vectors,
      replaced: written.replaced,
      ...readBack,
      tookMs,
    };
    terminal.object({ type: "compression", file: path, out: words.out, dim: file.dim, bits: words.bits, ...result });
    for (const line of [
      terminal.strong(
        `${words.out}   ${countOf(vectors, "vector")} of ${file.dim}, ${words.bits} ${words.bits === 1 ? "bit" : "bits"}, ${words.metric}`,
      ),
      "",
      ...factLines([
        ["before", `${sizeText(source.size)} (${file.says})`],
        ["after", `${sizeText(size)}, ${comparedSize(source.size, size)}, ${(size / vectors).toFixed(1)} bytes a vector`],
        [
          "squared error",
          `${figure(readBack.error)} of 1, by theory ${figure(readBack.expectedError)} (${countOf(readBack.readBack, "vector")} read back from the file)`,
        ],
        [
          "ids",
          file.hasIds
            ? `those of the file${written.replaced === 0 ? "" : `; ${countOf(written.replaced, "row")} replaced by later ones of the same id`}`
            : "rows, from 0 on",
        ],
        ["took", `${durationText(tookMs)}, ${countText(Math.round(vectors / (tookMs / 1000)))} vectors/s with reading and writing`],
      ]),
    ])
      terminal.line(line);
    return EXIT.done;
  } finally {
    progress.end();
    await disk.close();
    await rm(part, { force: true });
  }
}

function comparedSize(before: number, after: number): string {
  return after < before ? `${figure(before / after)} times smaller` : `${figure(after / before)} times larger`;
}

/** The vectors themselves are replaced by nothing, under whatever name: what was left off them is nowhere else. */
async function checkOut(path: string, { out, force }: CompressWords): Promise<void> {
  const found = await stat(out).catch(() => undefined);
  if (found === undefined) {
    const folder = await stat(dirname(out)).catch(() => undefined);
    if (folder === undefined)
      throw new TurboQuantError("bad-argument", `there is no folder ${dirname(out)}`, "Make it, or name another place.");
    return;
  }
  if (found.isDirectory()) throw new TurboQuantError("bad-argument", `${out} is a folder`, "Name a file in it.");
  const vectors = await stat(path);
  if (found.dev === vectors.dev && found.ino === vectors.ino)
    throw new TurboQuantError(
      "bad-argument",
      `${out} is the file of the vectors itself`,
      "Name another: what compressing leaves off would be lost.",
    );
  if (force !== true)
    throw new TurboQuantError("bad-argument", `there is already a file ${out}`, "Name another, or replace it with --force.");
}

async function meanOf(file: VectorFile, bytes: number, { metric }: CompressWords, terminal: Invocation["terminal"]): Promise<Float32Array> {
  const progress = startProgress(terminal, "averaging", "vectors");
  const options = { metric, sample: 1, seed: 0, onBatch: (rows: number, read: number) => progress.at(read / bytes, rows) };
  const { centre } = await surveyOf(file.dim, file.batches(), options).finally(() => progress.end());
  return centre;
}

function headerOf(
  dim: number,
  { bits, seed = 0, metric, originals = false }: CompressWords,
  center: Float32Array | undefined,
): IndexHeader {
  return { dim, bits, from: bits, seed: BigInt(seed), scale: "unbiased", metric, originals, ...(center === undefined ? {} : { center }) };
}

interface Named {
  readonly id: VectorId;
  /** As it is compared. */
  readonly vector: Float32Array;
}

interface Written {
  readonly rows: number;
  readonly replaced: number;
  /** What the file has to give back. */
  readonly sample: readonly Named[];
}

/** Segment by segment, so that no more than one of them is in memory. */
async function write(disk: DiskFile, header: IndexHeader, file: VectorFile, tell: (rows: number, bytes: number) => void): Promise<Written> {
  const writer = await openIndexFile(disk, header);
  const index = createVectorIndex(header);
  const sample = createSample<Named>(READ_BACK, 0);
  const ids = new Set<VectorId>();
  const again = new Set<VectorId>();
  let replaces: VectorId[] = [];
  let [rows, replaced] = [0, 0];
  const flush = async (): Promise<void> => {
    for (const columns of index.segments(MOST_ROWS)) await writer.append(columns, replaces);
    replaces = [];
    empty(index);
  };
  for await (const batch of file.batches()) {
    for (let row = 0; row < batch.count; row++, rows++) {
      const id = batch.ids?.[row] ?? rows;
      const vector = batch.values.subarray(row * file.dim, (row + 1) * file.dim);
      if (ids.has(id)) {
        replaced++;
        again.add(id);
        if (!index.has(id)) replaces.push(id);
      } else if (batch.ids !== undefined) ids.add(id);
      addRow(index, id, vector, rows + 1);
      sample.offer(() => ({ id, vector: compared(vector, header.metric).slice() }));
      if (index.size === MOST_ROWS) await flush();
    }
    tell(rows, batch.bytesRead);
  }
  await flush();
  if (rows === 0) throw new TurboQuantError("bad-input", "there are no vectors in it", "Vectors are rows of numbers.");
  await writer.close();
  return { rows, replaced, sample: sample.drawn().filter(({ id }) => !again.has(id)) };
}

/** The last first: places are taken again in the opposite order, so that ids go on rising, which makes them short in the file. */
function empty(index: VectorIndex): void {
  for (const { ids } of [...index.segments()].toReversed()) for (const id of ids.toReversed()) index.remove(id);
}

function addRow(index: VectorIndex, id: VectorId, vector: Float32Array, row: number): void {
  try {
    index.add(id, vector);
  } catch (error) {
    if (!isTurboQuantError(error)) throw error;
    throw new TurboQuantError("bad-input", `row ${row}: ${error.message}`, error.hint);
  }
}

interface ReadBack {
  readonly error: number;
  readonly expectedError: number;
  readonly readBack: number;
}

/** Every checksum of the file is checked on the way. */
async function errorOf(disk: DiskFile, sample: readonly Named[]): Promise<ReadBack> {
  const reader = await readIndexFile(disk);
  const { header } = reader;
  const { distortion } = createQuantizer({ dim: header.dim, bits: header.bits });
  const wanted = new Map(sample.map(({ id, vector }) => [id, vector]));
  // Without originals, whatever the file has: those would be found as they were.
  const index = createVectorIndex({ ...header, originals: false });
  const sums = { lost: 0, all: 0, left: 0, found: 0 };
  for await (const { originals: _, ...columns } of reader.columns()) {
    index.load(columns);
    for (const id of columns.ids) {
      const vector = wanted.get(id);
      const decoded = vector === undefined ? undefined : index.get(id);
      if (vector === undefined || decoded === undefined) continue;
      sums.found++;
      for (let at = 0; at < vector.length; at++) {
        const value = vector[at] as number;
        sums.lost += (value - (decoded[at] as number)) ** 2;
        sums.left += (value - (header.center?.[at] ?? 0)) ** 2;
        sums.all += value * value;
      }
    }
    empty(index);
  }
  if (sums.found !== wanted.size)
    throw new TurboQuantError(
      "bad-file",
      `${wanted.size - sums.found} of ${wanted.size} vectors are not in the file that was written`,
      "This is a mistake of ours.",
    );
  const all = Math.max(sums.all, Number.MIN_VALUE);
  return { error: sums.lost / all, expectedError: ((distortion / (1 - distortion)) * sums.left) / all, readBack: sums.found };
}
