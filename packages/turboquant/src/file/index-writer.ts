import { checkFunction, kindOf, refuse, shown } from "../argument.ts";
import { isTurboQuantError, TurboQuantError } from "../error.ts";
import { checkOptions, type OptionNames, optionNames } from "../options.ts";
import { checkColumns, scalesFault } from "./column-checks.ts";
import { checkNewWidth, known } from "./contents.ts";
import { inLists } from "./directory.ts";
import { floatBytes } from "./float-column.ts";
import { checkHeader, encodeHeader, headerDifference, MAX_SEED, widthFault } from "./header-record.ts";
import { encodeIdSet, encodeIds } from "./id-column.ts";
import { checkFile, type IndexFile, type RangeSource } from "./index-file.ts";
import { damageRule, type IndexReader, type Readable, type ReadingOptions, readerOf } from "./index-reader.ts";
import { isTornBeginning, type RecordContent } from "./record.ts";
import { createRecordLog } from "./record-log.ts";
import { type DamageRule, type Recovered, recover } from "./recovery.ts";
import { type IndexHeader, MOST_ROWS, type SegmentColumns, type VectorId } from "./segment.ts";
import { packed } from "./segment-builder.ts";
import { HAS_ORIGINALS, REMOVES, type StoredSegment } from "./stored-segment.ts";
import { isWorthKeeping, type Tail } from "./tail.ts";
import { createTurns } from "./turns.ts";
import { checkIdList } from "./vector-id.ts";

export interface WritingOptions extends ReadingOptions {
  /** Of a file that is begun, 64 bits; drawn at random unless said. */
  readonly identity?: bigint;
  /**
   * Puts what stands behind the last record that counts somewhere, before it is cut, and says where. Asked only where something is in it that may be missed. Where it throws, nothing is cut and the
   * file is not opened. Without it, what is cut is gone.
   */
  readonly keepTail?: (tail: Tail, source: RangeSource) => Promise<string>;
}

export const WRITING_OPTIONS: OptionNames = optionNames<WritingOptions>({ damaged: true, identity: true, keepTail: true });

/**
 * What is written counts for readers when it is whole, and survives a crash when `sync` resolved. Calls take effect one after the other; what they are given
 * is not to change before they resolve.
 */
export interface IndexWriter extends IndexReader {
  /** Writes vectors behind all others. `replaces`: ids that segments before lose with it, at once or not at all; at most 4,096. */
  append(columns: SegmentColumns, replaces?: readonly VectorId[]): Promise<StoredSegment>;
  /** Takes ids out of all segments there are; those that are in none do no harm. */
  remove(ids: readonly VectorId[]): Promise<void>;
  /** Leaves a segment fewer bits. `scales`: those of `rows`, or of all vectors stored in it; what is in neither was removed. */
  truncateSegment(segment: StoredSegment, bits: number, scales: Float32Array, rows?: Uint16Array): Promise<StoredSegment>;
  sync(): Promise<void>;
  /**
   * Writes what is left of everything into an empty file, in full segments, and goes on with that one. `publish` runs when it is written for good and
   * before anything else is; when it throws, the file stays the one before.
   */
  compact(into: IndexFile, publish?: () => Promise<void>): Promise<void>;
  /** Writes a directory, so that the next one to open the file finds everything at once, and syncs. */
  close(): Promise<void>;
}

/**
 * Opens the file of an index to add to it; begins it with `header` where it is empty. What stands behind the last record that counts (tail.ts) is cut and told
 * in `tail`. Throws `bad-file`, `wrong-version`, and `bad-argument` where the file is that of another index than `header` says.
 */
export async function openIndexFile(file: IndexFile, header?: IndexHeader, options: WritingOptions = {}): Promise<IndexWriter> {
  checkFile(file);
  if (header !== undefined) checkHeader(header);
  checkOptions("openIndexFile", options, WRITING_OPTIONS);
  const { identity = randomIdentity(), keepTail } = options;
  if (typeof identity !== "bigint" || identity < 0n || identity >= MAX_SEED)
    refuse(`identity is ${shown(identity)}`, "It is a bigint of at most 64 bits.");
  checkFunction("keepTail", keepTail);
  const damaged = damageRule(options);
  const torn = header === undefined ? undefined : await cutTornBeginning(file, header);
  if (file.size === 0) {
    if (header === undefined)
      throw new TurboQuantError("bad-argument", "the file is empty", "With a header an empty file becomes that of a new index.");
    await file.append(encodeHeader(header, identity));
  }
  const recovered = await recover(file, damaged);
  const different = header === undefined ? undefined : headerDifference(recovered.contents.header, header);
  if (different !== undefined)
    throw new TurboQuantError(
      "bad-argument",
      `the file is of another index: ${different}`,
      "Open it without a header, or with that of the file.",
    );
  const tail = torn ?? (recovered.tail === undefined ? undefined : await cutTail(file, recovered, recovered.tail, keepTail));
  await file.sync();
  return createWriter(file, recovered, damaged, tail);
}

async function cutTail(file: IndexFile, { contents }: Recovered, tail: Tail, keepTail: WritingOptions["keepTail"]): Promise<Tail> {
  const isKept = keepTail !== undefined && (await isWorthKeeping(file, contents.identity, tail));
  const kept = isKept ? await keepTail(tail, file) : undefined;
  await file.truncate(tail.at);
  return kept === undefined ? tail : { ...tail, kept };
}

function randomIdentity(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0] as bigint;
}

/** A file that a crash left before its header was whole has nothing in it that anybody was promised. Nothing else is cut. */
async function cutTornBeginning(file: IndexFile, header: IndexHeader): Promise<Tail | undefined> {
  const { size } = file;
  if (size === 0 || size > encodeHeader(header, 0n).length) return undefined;
  const fault: unknown = await recover(file, "refuse").then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isTurboQuantError(fault) || fault.code !== "bad-file" || !isTornBeginning(await file.read(0, size))) return undefined;
  await file.truncate(0);
  return { at: 0, bytes: size, vectors: 0 };
}

function createWriter(file: IndexFile, recovered: Recovered, damaged: DamageRule, tail: Tail | undefined): IndexWriter {
  let log = createRecordLog(file, recovered.contents);
  const now = (): Readable => ({ source: log.file, contents: log.contents, damage: recovered.damage });
  const reader = readerOf(now, damaged);
  const inTurn = createTurns();
  const removeAll = async (ids: readonly VectorId[]): Promise<void> => {
    checkIdList(ids);
    for (const list of inLists([...new Set(ids)]))
      await log.put({ kind: "removal", fields: (view) => view.setUint32(4, list.length, true), parts: [encodeIdSet(list)] });
  };
  const compact = async (into: IndexFile, publish?: () => Promise<void>): Promise<void> => {
    checkFile(into);
    checkFunction("publish", publish);
    if (into.size !== 0) throw new TurboQuantError("bad-argument", "the file to compact into is not empty", "Take a new one.");
    const { header } = log.contents;
    const target = await openIndexFile(into, header, { damaged });
    for await (const columns of packed(header, reader.columns())) await target.append(columns);
    await target.close();
    const { contents } = await recover(into, "refuse");
    await publish?.();
    log = createRecordLog(into, contents);
  };
  const writing = {
    tail,
    append: (columns: SegmentColumns, replaces: readonly VectorId[] = []) =>
      inTurn(async () => {
        checkColumns(log.contents.header, columns);
        checkIdList(replaces);
        checkNewWidth(log.contents, columns.bits, columns.from);
        const number = log.contents.next;
        await log.put(segmentRecord(number, columns, replaces));
        return log.contents.segments.get(number) as StoredSegment;
      }),
    remove: (ids: readonly VectorId[]) => inTurn(() => removeAll(ids)),
    truncateSegment: (segment: StoredSegment, bits: number, scales: Float32Array, rows?: Uint16Array) =>
      inTurn(async () => {
        const record = truncationRecord(known(log.contents, segment), bits, scales, rows);
        checkNewWidth(log.contents, bits, segment.from);
        await log.put(record);
        return log.contents.segments.get(segment.number) as StoredSegment;
      }),
    sync: () => inTurn(() => log.sync()),
    compact: (into: IndexFile, publish?: () => Promise<void>) => inTurn(() => compact(into, publish)),
    close: () => inTurn(() => log.close()),
  };
  return Object.defineProperties(writing, Object.getOwnPropertyDescriptors(reader)) as typeof writing & IndexReader as IndexWriter;
}

function segmentRecord(number: number, columns: SegmentColumns, replaces: readonly VectorId[]): RecordContent {
  const { count, bits, from, ids, scales, planes, originals } = columns;
  return {
    kind: "segment",
    flags: (originals === undefined ? 0 : HAS_ORIGINALS) | (replaces.length === 0 ? 0 : REMOVES),
    fields: (view) => {
      view.setUint32(0, number, true);
      view.setUint32(4, count, true);
      view.setFloat64(8, bits, true);
      view.setFloat64(16, from, true);
    },
    parts: [
      encodeIds(ids, 0),
      floatBytes(scales),
      ...planes,
      ...(originals === undefined ? [] : [floatBytes(originals)]),
      ...(replaces.length === 0 ? [] : [replacesPart(replaces)]),
    ],
  };
}

function replacesPart(replaces: readonly VectorId[]): Uint8Array {
  const ids = [...new Set(replaces)];
  if (ids.length > MOST_ROWS)
    throw new TurboQuantError(
      "bad-argument",
      `a segment replaces ${ids.length} ids`,
      `It replaces at most ${MOST_ROWS}; remove the others apart.`,
    );
  const list = encodeIdSet(ids);
  const bytes = new Uint8Array(4 + list.length);
  new DataView(bytes.buffer).setUint32(0, ids.length, true);
  bytes.set(list, 4);
  return bytes;
}

const TRUNCATION_HINT = "Fewer bits, a scale for each row.";

function truncationRecord(segment: StoredSegment, bits: number, scales: Float32Array, rows: Uint16Array | undefined): RecordContent {
  const { number, count, from } = segment;
  const wrong =
    widthFault(bits, from) ?? (rows === undefined || kindOf(rows) === "Uint16Array" ? undefined : `rows that are ${shown(rows)}`);
  if (wrong !== undefined || kindOf(scales) !== "Float32Array")
    refuse(`a segment to truncate has ${wrong ?? `scales that are ${shown(scales)}`}`, TRUNCATION_HINT);
  const all = rows === undefined ? scales : new Float32Array(count);
  rows?.forEach((row, nth) => {
    all[row] = scales[nth] as number;
  });
  const fault =
    (rows !== undefined && (rows.length !== scales.length || rows.some((row) => row >= count))
      ? "rows that do not fit its scales"
      : undefined) ?? (bits < segment.bits ? scalesFault(all, count) : `${segment.bits} bits already`);
  if (fault !== undefined) throw new TurboQuantError("bad-argument", `a segment to truncate to ${bits} bits has ${fault}`, TRUNCATION_HINT);
  return {
    kind: "truncation",
    fields: (view) => {
      view.setUint32(0, number, true);
      view.setUint32(4, count, true);
      view.setFloat64(8, bits, true);
    },
    parts: [floatBytes(all)],
  };
}
