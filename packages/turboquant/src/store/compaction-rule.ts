/**
 * When a file is to be compacted by itself: when it takes twice what it would take after that, each segment counted with what it costs to open it.
 *
 * So no byte that is written is paid for more than twice: what is gone by then, and the segments beyond those that are needed, came to as much as compaction writes. A byte goes once, and a sync makes
 * one segment or few; compaction therefore rewrites at most a byte for each byte that was written and SEGMENT_COST for each segment. And a file is never larger than twice what
 * is in it and LEAST, and never in more segments than that many bytes pay for.
 */
import type { IndexFileStats } from "../file/index-reader.ts";
import { MOST_ROWS } from "../file/segment.ts";
import type { StoredSegment } from "../file/stored-segment.ts";

/** Bytes that could be read in the time that a small segment takes when the file is opened. */
const SEGMENT_COST = 4096;
/** Below this nobody waits for a file. */
const LEAST = 1024 * 1024;

interface Compactable {
  readonly stats: IndexFileStats;
  readonly segments: readonly StoredSegment[];
}

/** `vectors`: how many are left of the rows that the file has. */
export function isWorthCompacting({ stats, segments }: Compactable, vectors: number): boolean {
  const now = stats.bytes + stats.segments * SEGMENT_COST;
  if (now < LEAST) return false;
  const after = vectors * rowBytesIn(segments, stats.rows) + Math.ceil(vectors / MOST_ROWS) * SEGMENT_COST;
  return now - after >= Math.max(LEAST, after);
}

/** Of a row on average, without what segments take themselves. */
function rowBytesIn(segments: readonly StoredSegment[], rows: number): number {
  let sum = 0;
  for (const { ids, scales, planes, originals, bits } of segments) {
    sum += ids.length + scales.length + (originals?.length ?? 0);
    for (const plane of planes.slice(0, Math.ceil(bits))) sum += plane.length;
  }
  return sum / Math.max(1, rows);
}
