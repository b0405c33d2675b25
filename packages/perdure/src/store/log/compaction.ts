/**
 * Moves the few records that keep a file to the end of the log, so that mail which waits long does not hold a whole segment each.
 *
 * A record moves in this order: its copy is durable, then the copy counts in its stead, then the segment it lay in may go. A loss
 * of power in between leaves both, and both are replayed.
 */
import type { Bytes } from "../../wire/bytes.ts";
import { isPerdureError } from "../../wire/error.ts";
import type { AppendQueue } from "./append-queue.ts";
import type { LogWriter } from "./log-writer.ts";
import type { RecordAt, RecordLog } from "./record-log.ts";
import type { LiveRecord, SegmentSet } from "./segment-set.ts";

export interface CompactionOptions {
  readonly segments: SegmentSet;
  readonly queue: AppendQueue;
  readonly writer: LogWriter;
  readonly readAll: RecordLog["readAll"];
  /** Places, as their owner knows them, of what it needs of a segment of which the log keeps none. */
  readonly needed: ((segment: number) => Promise<readonly RecordAt[]>) | undefined;
  readonly closed: () => boolean;
  /** Lets go of segments that hold nothing needed. */
  readonly dropDead: () => void;
}

/** Records copied with one sync are at most so many ... */
const COPY_RECORDS = 256;
/** ... and, but for the last one, so large: they are held in memory. */
const COPY_BYTES = 1024 * 1024;

/** One round: `RecordLog.compact`. */
export function compaction({ segments, queue, writer, readAll, needed, closed, dropDead }: CompactionOptions): () => Promise<boolean> {
  /** Segments with a record that cannot be read, which stays where it is for its reader to find. bound: one per damaged segment */
  const unmovable = new Set<number>();

  const copyRecords = async (live: readonly LiveRecord[]): Promise<boolean> => {
    const given: RecordAt[] = [];
    const records: Bytes[] = [];
    const found = await readAll(live.map((each) => each.given));
    for (const [index, each] of live.entries()) {
      const record = found[index]?.record;
      if (record === undefined) {
        unmovable.add(each.actual.segment);
        continue;
      }
      given.push(each.given);
      records.push(record);
    }
    // While they were read the disk may have got stuck: then they would wait for it.
    if (closed() || writer.health.state === "stuck") return false;
    if (records.length === 0) return true;
    const { at, synced } = queue.add(records, true, writer.begin);
    writer.wake();
    try {
      await synced;
    } catch (error) {
      if (isPerdureError(error)) return false;
      throw error;
    }
    for (const [index, copy] of at.entries()) segments.move(given[index] as RecordAt, copy);
    return true;
  };

  return async () => {
    const { active, health } = writer;
    const segment = segments.sparsest((each) => each === active || unmovable.has(each));
    if (segment === undefined || health.state === "stuck" || closed()) return false;
    const resting = segments.hasResting(segment) && needed !== undefined ? await needed(segment) : [];
    const live = [...segments.liveIn(segment)];
    for (const given of resting) {
      const actual = segments.actual(given);
      if (actual.segment === segment) live.push({ given, actual });
    }
    if (live.length === 0) unmovable.add(segment);
    for (const group of groupsOf(live)) if (!(await copyRecords(group))) return false;
    dropDead();
    return true;
  };
}

function groupsOf(live: readonly LiveRecord[]): readonly (readonly LiveRecord[])[] {
  const groups: LiveRecord[][] = [];
  let bytes = COPY_BYTES;
  for (const each of live) {
    const last = groups.at(-1);
    if (last === undefined || bytes >= COPY_BYTES || last.length >= COPY_RECORDS) {
      groups.push([each]);
      bytes = 0;
    } else last.push(each);
    bytes += each.actual.length;
  }
  return groups;
}
