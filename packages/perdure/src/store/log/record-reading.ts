/** Reading records back: one by one, or many in few reads of the disk, since those of one owner lie near each other. */
import type { SpareMemory } from "../../host/spare-memory.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { AppendQueue } from "./append-queue.ts";
import type { ReadBack, RecordAt, RecordLog, RunRead } from "./record-log.ts";
import { createRunCheck, type RunCheck } from "./run-check.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { type Crc32, RECORD_HEADER_BYTES, recordsIn } from "./segment-format.ts";
import type { SegmentSet } from "./segment-set.ts";

export interface RecordReadingOptions {
  readonly queue: Pick<AppendQueue, "pending" | "reaches">;
  readonly segments: Pick<SegmentSet, "actual" | "liesAsKnown">;
  readonly files: Pick<SegmentFiles, "read" | "path">;
  readonly logId: Bytes;
  readonly crc32: Crc32 | undefined;
  /** For runs; without it each is read into memory of its own. */
  readonly spare: Pick<SpareMemory, "take" | "giveBack"> | undefined;
}

/** Bytes read at once, and held for one caller ... */
const RUN_BYTES = 256 * 1024;
/** ... over records of others in between, which cost less than another read. */
const GAP_BYTES = 16 * 1024;

interface Wanted {
  readonly index: number;
  readonly at: RecordAt;
  readonly actual: RecordAt;
}

export function createRecordReading({
  queue,
  segments,
  files,
  logId,
  crc32,
  spare,
}: RecordReadingOptions): Pick<RecordLog, "read" | "readAll" | "readRun"> {
  const checkRun = createRunCheck();

  const readBack = async ({ segment, offset, length }: RecordAt): Promise<Bytes | undefined> => {
    const bytes = await files.read(segment, offset - RECORD_HEADER_BYTES, length + RECORD_HEADER_BYTES);
    return recordsIn({ logId, segment, offset: offset - RECORD_HEADER_BYTES, crc32 }, bytes)(0, length);
  };

  const read = async (at: RecordAt): Promise<Bytes> => {
    const pending = queue.pending(at);
    if (pending !== undefined) return pending;
    const actual = segments.actual(at);
    const record = await readBack(actual);
    if (record !== undefined) return record;
    throw new PerdureError(
      "log-damaged",
      `${files.path(actual.segment)} is damaged at byte ${actual.offset}: a record there is not what was written`,
      {
        hint: "Check the disk; the rest of the log is still read.",
      },
    );
  };

  /** Those of one stretch of a file. What cannot be had in one read is read by itself, and says why itself. */
  const readRun = async (run: readonly Wanted[], found: ReadBack[]): Promise<void> => {
    const [first, last] = [run[0] as Wanted, run.at(-1) as Wanted];
    const { segment } = first.actual;
    const from = first.actual.offset - RECORD_HEADER_BYTES;
    const bytes =
      run.length === 1 ? undefined : await files.read(segment, from, last.actual.offset + last.actual.length - from).catch(() => undefined);
    const isSparse = bytes !== undefined && 2 * run.reduce((sum, { actual }) => sum + actual.length, 0) < bytes.length;
    const recordAt = bytes && recordsIn({ logId, segment, offset: from, crc32 }, bytes);
    for (const { index, at, actual } of run) {
      const record = recordAt?.(actual.offset - RECORD_HEADER_BYTES - from, actual.length);
      found[index] = record === undefined ? await outcomeOf(read(at)) : { record: isSparse ? record.slice() : record, failure: undefined };
    }
  };

  const areRecords: RunCheck = (place, bytes, offsets, lengths) => {
    const recordAt = recordsIn(place, bytes);
    return (
      checkRun(place, bytes, offsets, lengths) ??
      offsets.every((offset, index) => recordAt(offset - RECORD_HEADER_BYTES - place.offset, lengths[index] as number) !== undefined)
    );
  };

  const readTogether: RecordLog["readRun"] = async (segment, offsets, lengths) => {
    const from = (offsets[0] as number) - RECORD_HEADER_BYTES;
    const last = offsets.at(-1) as number;
    if (queue.reaches(segment, last) || !segments.liesAsKnown(segment, offsets)) return undefined;
    const span = last + (lengths.at(-1) as number) - from;
    const memory = spare?.take(span);
    const bytes = await files.read(segment, from, span, memory).catch(() => undefined);
    if (bytes === undefined || !areRecords({ logId, segment, offset: from, crc32 }, bytes, offsets, lengths)) return undefined;
    const release = (): void => {
      if (memory !== undefined) spare?.giveBack(memory);
    };
    return { bytes, from, release } satisfies RunRead;
  };

  return {
    read,
    readRun: readTogether,
    readAll: async (all) => {
      const found: ReadBack[] = [];
      const wanted: Wanted[] = [];
      for (const [index, at] of all.entries()) {
        const record = queue.pending(at);
        if (record !== undefined) found[index] = { record, failure: undefined };
        else wanted.push({ index, at, actual: segments.actual(at) });
      }
      for (const turn of turnsOf(runsOf(wanted))) await Promise.all(turn.map((run) => readRun(run, found)));
      return found;
    },
  };
}

/** In order of where they lie, cut where the next is far or a run is long. */
function runsOf(wanted: readonly Wanted[]): readonly (readonly Wanted[])[] {
  const sorted = [...wanted].sort((one, other) => one.actual.segment - other.actual.segment || one.actual.offset - other.actual.offset);
  const runs: Wanted[][] = [];
  let end = 0;
  for (const each of sorted) {
    const { segment, offset, length } = each.actual;
    const last = runs.at(-1);
    const first = last?.[0]?.actual;
    const isNear =
      first !== undefined && first.segment === segment && offset - end <= GAP_BYTES && offset + length - first.offset <= RUN_BYTES;
    if (isNear) last?.push(each);
    else runs.push([each]);
    end = offset + length;
  }
  return runs;
}

/** Runs that are read together: what lies in memory at once must not grow with how far apart records lie. */
function turnsOf(runs: readonly (readonly Wanted[])[]): readonly (readonly (readonly Wanted[])[])[] {
  const turns: (readonly Wanted[])[][] = [];
  let bytes = RUN_BYTES;
  for (const run of runs) {
    const [first, last] = [run[0]?.actual as RecordAt, run.at(-1)?.actual as RecordAt];
    const span = last.offset + last.length - first.offset;
    if (bytes + span > RUN_BYTES || turns.length === 0) {
      turns.push([]);
      bytes = 0;
    }
    turns.at(-1)?.push(run);
    bytes += span;
  }
  return turns;
}

function outcomeOf(read: Promise<Bytes>): Promise<ReadBack> {
  return read.then(
    (record) => ({ record, failure: undefined }),
    (failure: unknown) => ({ record: undefined, failure }),
  );
}
