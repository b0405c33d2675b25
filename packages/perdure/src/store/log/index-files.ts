/**
 * The indexes beside closed segments as a log with records that rest uses them. They come to it from outside, because most logs, those of
 * agents in pages, have none.
 */
import type { Files } from "../../host/files.ts";
import { isPerdureError } from "../../wire/error.ts";
import type { IndexedRecords } from "./record-log.ts";
import { type LogDamage, type Recovered, readClosed, type SegmentFound } from "./recover-log.ts";
import type { Crc32 } from "./segment-format.ts";
import { type IndexOf, openIndex, segmentOfIndex, writeIndex } from "./segment-index.ts";
import type { SegmentSet } from "./segment-set.ts";

export interface IndexFiles {
  readonly open: typeof openIndex;
  readonly write: typeof writeIndex;
  readonly segmentOf: typeof segmentOfIndex;
  readonly has: typeof hasIndex;
  readonly recall: typeof recallIndexes;
  readonly readClosed: typeof readClosed;
}

export interface IndexRecall {
  readonly files: Files;
  readonly folder: string;
  readonly magic: string;
  readonly crc32: Crc32 | undefined;
  readonly onDamage: ((damage: LogDamage) => void) | undefined;
  readonly indexed: IndexedRecords;
  readonly segments: SegmentSet;
  readonly recovered: Recovered;
}

export const INDEX_FILES: IndexFiles = {
  open: openIndex,
  write: writeIndex,
  segmentOf: segmentOfIndex,
  has: hasIndex,
  recall: recallIndexes,
  readClosed,
};

async function hasIndex(files: Files, folder: string, of: IndexOf): Promise<boolean> {
  try {
    await using index = await openIndex(files, folder, of);
    return index !== undefined;
  } catch (error) {
    return unlessUnreadable(error) ?? false;
  }
}

/** Takes from indexes what the owner needs of their segments, or from a segment itself where its index is damaged; one is read ahead. */
async function recallIndexes({ files, folder, magic, crc32, onDamage, indexed, segments, recovered }: IndexRecall): Promise<void> {
  const { logId, segments: found } = recovered;
  if (logId === undefined) return;
  const of = ({ segment, end }: SegmentFound): IndexOf => ({ magic, logId, segment, end, crc32 });
  const read = async (each: SegmentFound | undefined): Promise<Awaited<ReturnType<IndexedRecords["recall"]>> | undefined> => {
    if (each === undefined) return undefined;
    try {
      await using index = await openIndex(files, folder, of(each));
      return index === undefined ? undefined : await indexed.recall(each.segment, index);
    } catch (error) {
      return unlessUnreadable(error);
    }
  };
  const all = found.filter((each) => each.indexed);
  let ahead = read(all[0]);
  for (const [nth, each] of all.entries()) {
    const take = await ahead;
    ahead = read(all[nth + 1]);
    // Whoever waits for it hears what is wrong.
    ahead.catch(() => {});
    const needed = take === undefined ? undefined : takenBy(take);
    if (needed !== undefined) segments.setResting(each.segment, needed.count, needed.bytes);
    else
      await readClosed({ files, folder, crc32, onDamage }, of(each), (record, at) => {
        if (indexed.reread(record.slice(), at)) segments.add(at, at);
      });
  }
}

function takenBy(take: Awaited<ReturnType<IndexedRecords["recall"]>>): ReturnType<typeof take> | undefined {
  try {
    return take();
  } catch (error) {
    return unlessUnreadable(error);
  }
}

/** An index that is not what was written, or that the disk does not give, costs time: its segment is read. */
function unlessUnreadable(error: unknown): undefined {
  if (!isPerdureError(error) || (error.code !== "log-damaged" && error.code !== "disk-failed")) throw error;
  return undefined;
}
