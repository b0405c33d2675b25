import { refuse, shown } from "../argument.ts";
import { isTurboQuantError, TurboQuantError } from "../error.ts";
import { checkOptions, type OptionNames, optionNames } from "../options.ts";
import { type ReadColumns, type ReadOptions, readColumns, readPlane, readRows } from "./column-reading.ts";
import { type Contents, known } from "./contents.ts";
import { checkSource, type RangeSource } from "./index-file.ts";
import { aligned, HEAD_BYTES } from "./record.ts";
import { type Damage, type DamageRule, recover } from "./recovery.ts";
import { headerCopy, type IndexHeader, planeCoordinates } from "./segment.ts";
import { liveBytes, type StoredSegment } from "./stored-segment.ts";
import type { Tail } from "./tail.ts";

export interface ReadingOptions {
  /** `refuse` (unless said): what cannot be read is an error that names it. `skip`: it is passed over and told in `damage`. */
  readonly damaged?: DamageRule;
}

export interface IndexReader {
  /** A copy. */
  readonly header: IndexHeader;
  /** In the order they were written in; later ones count where an id is in several. */
  readonly segments: readonly StoredSegment[];
  /** What was passed over, so far. */
  readonly damage: readonly Damage[];
  /** What stood behind the last record that counts when the file was opened: what a crash left, which was never synced, or a copy that broke off. It is no part of the index. */
  readonly tail?: Tail;
  readonly stats: IndexFileStats;
  /** The vectors of a segment that were not removed. Throws `bad-file` where a column of it is damaged, and `bad-argument` for a segment of before. */
  readColumns(segment: StoredSegment, options?: ReadOptions): Promise<ReadColumns>;
  /** One more plane of what `readColumns` brought with fewer: `rows` are those it told. */
  readPlane(segment: StoredSegment, plane: number, rows?: Uint16Array): Promise<Uint8Array>;
  /**
   * One plane of a few vectors alone: `rows`, rising, are places in the stored segment. Rows that lie near each other come in one piece. What a part of a plane says is checked by no
   * checksum, which are of whole planes.
   */
  readRows(segment: StoredSegment, plane: number, rows: readonly number[]): Promise<Uint8Array>;
  /** The columns of all segments, one after the other; damaged ones as the file was opened with. */
  columns(options?: ReadOptions): AsyncIterable<ReadColumns>;
}

export interface IndexFileStats {
  /** Of the file, as far as it counts. */
  readonly bytes: number;
  /** Of those, what compaction would leave out: planes that were cut off, scales of before, removals, old directories. Rows of removed vectors come on top. */
  readonly deadBytes: number;
  readonly segments: number;
  /** Rows of all segments, with those of removed vectors. */
  readonly rows: number;
  /** Ids that are kept as removed. */
  readonly removed: number;
}

export const READING_OPTIONS: OptionNames = optionNames<ReadingOptions>({ damaged: true });

/** Segments that are read before they are asked for: so many of them are in memory at once, beside the one that somebody looks at. */
const READ_AHEAD = 3;

/**
 * Reads the file of an index, all of it or only what is asked for: first the header, the directory, or what stands for it, and no column.
 * Throws `bad-file`, and `wrong-version` for a file that is newer than this.
 */
export async function readIndexFile(source: RangeSource, options: ReadingOptions = {}): Promise<IndexReader> {
  checkSource(source);
  checkOptions("readIndexFile", options, READING_OPTIONS);
  const damaged = damageRule(options);
  const { contents, damage, tail } = await recover(source, damaged);
  // Nobody writes to it: what is told of it is found once, but for what each is to have for themselves.
  return {
    ...readerOf(() => ({ source, contents, damage }), damaged),
    ...(tail === undefined ? {} : { tail }),
    get header() {
      return headerCopy(contents.header);
    },
  };
}

/** What is to become of damage. Throws `bad-argument`. */
export function damageRule({ damaged = "refuse" }: ReadingOptions): DamageRule {
  if (damaged !== "refuse" && damaged !== "skip") refuse(`damaged is ${shown(damaged)}`, "It is refuse or skip.");
  return damaged;
}

/** What a reader looks at; for a writer it changes. */
export interface Readable {
  readonly source: RangeSource;
  readonly contents: Contents;
  readonly damage: Damage[];
}

/** Throws `bad-argument` where the segment is not as it was, or has no such plane. */
function withPlane(readable: Readable, segment: StoredSegment, plane: number): Readable {
  known(readable.contents, segment);
  if (!Number.isInteger(plane) || plane < 0 || plane >= planeCoordinates(readable.contents.header.dim, segment.bits).length)
    throw new TurboQuantError("bad-argument", `segment ${segment.number} has no plane ${shown(plane)}`, "Planes count from 0, the signs.");
  return readable;
}

export function readerOf(now: () => Readable, damaged: DamageRule): IndexReader {
  const reader: IndexReader = {
    get header() {
      return headerCopy(now().contents.header);
    },
    get segments() {
      return [...now().contents.segments.values()];
    },
    get damage() {
      return now().damage;
    },
    get stats() {
      return statsOf(now().contents);
    },
    readColumns: async (segment, options) => await readColumns(now().source, now().contents, known(now().contents, segment), options),
    readPlane: async (segment, plane, rows) => {
      const { source, contents } = withPlane(now(), segment, plane);
      return await readPlane(source, contents, segment, plane, rows);
    },
    readRows: async (segment, plane, rows) => {
      const { source, contents } = withPlane(now(), segment, plane);
      return await readRows(source, contents, segment, plane, rows);
    },
    columns: async function* (options) {
      for await (const { segment, outcome } of readAhead(reader.segments, (one) => reader.readColumns(one, options))) {
        if ("columns" in outcome) yield outcome.columns;
        else if (damaged !== "skip" || !isTurboQuantError(outcome.error) || outcome.error.code !== "bad-file") throw outcome.error;
        else now().damage.push({ at: segment.at, bytes: segment.length, segment: segment.number, why: outcome.error.message });
      }
    },
  };
  return reader;
}

interface Reading {
  readonly segment: StoredSegment;
  readonly outcome: { readonly columns: ReadColumns } | { readonly error: unknown };
}

/** Reads segments in their order, and the next ones while somebody looks at one: of a server far away each takes its time. */
async function* readAhead(
  segments: readonly StoredSegment[],
  read: (segment: StoredSegment) => Promise<ReadColumns>,
): AsyncGenerator<Reading> {
  const begun: Promise<Reading>[] = [];
  const begin = async (segment: StoredSegment): Promise<Reading> => ({
    segment,
    outcome: await read(segment).then(
      (columns) => ({ columns }),
      (error: unknown) => ({ error }),
    ),
  });
  for (const segment of segments) {
    begun.push(begin(segment));
    if (begun.length > READ_AHEAD) yield await (begun.shift() as Promise<Reading>);
  }
  for (const reading of begun) yield await reading;
}

function statsOf({ header, segments, removed, end, directory, directoryEnd }: Contents): IndexFileStats {
  const all = [...segments.values()];
  const head = HEAD_BYTES + (header.center === undefined ? 0 : aligned(header.dim * 4));
  const live = all.reduce((sum, segment) => sum + liveBytes(header.dim, segment), head + (directoryEnd - directory));
  const rows = all.reduce((sum, { count }) => sum + count, 0);
  return { bytes: end, deadBytes: end - live, segments: all.length, rows, removed: removed.size };
}
