/** Mistakes that were made in the log, as edits that make them again. */
import type { Mistake } from "../../lab/planting.ts";

export const LOG_MISTAKES: readonly Mistake[] = [
  {
    id: "full-disk-waits-for-a-removal",
    file: "store/log/log-writer.ts",
    find: '            if (during === "write") return true;\n            throw cause;',
    put: "            throw cause;",
    why: "A prepared file was taken for a segment before it had the name of one.",
  },
  {
    id: "prepared-file-closed-early",
    file: "store/log/open-log.ts",
    find: "const DEAD_BESIDE_PREPARED = 2;",
    put: "const DEAD_BESIDE_PREPARED = DEAD_SEGMENTS;",
    why: "A segment that is closed early was taken to cost as much where files are prepared as where they grow.",
  },
  {
    id: "file-begun-for-nothing",
    file: "store/log/open-log.ts",
    find: "const RESTATEMENTS_TO_FREE = 3;",
    put: "const RESTATEMENTS_TO_FREE = 0;",
    why: "A new file was begun to free less than it restated.",
  },
  {
    id: "cut-off-batch-waited-for",
    file: "store/log/log-writer.ts",
    find: "      if ((await file.size()) < batch.end) return true;\n",
    put: "",
    why: "A full disk has no room to overwrite what it cut off, and there was nothing to overwrite.",
  },
  {
    id: "segment-of-what-it-restates",
    file: "store/log/log-writer.ts",
    find: "const RESTATEMENTS_PER_SEGMENT = 3;",
    put: "const RESTATEMENTS_PER_SEGMENT = 2;",
    also: [
      {
        file: "store/log/log-writer.ts",
        find: "restated = restatedBytes + manifest.length + RECORD_HEADER_BYTES;",
        put: "restated = restatedBytes;",
      },
    ],
    why: "Half of a file was taken for more than half: with headers and the list of files, what was copied lay in a sparse one again.",
  },
  {
    id: "failed-read-leaves-its-file-open",
    file: "store/log/segment-files.ts",
    find: "        if (readers.get(segment) !== used) await drop(segment, used);\n",
    put: "",
    why: "A file that is to be opened anew was forgotten as it was.",
  },
  {
    id: "failed-opening-leaves-its-file-open",
    file: "store/log/open-log.ts",
    find: "    await writer.stop(FIXED.logCloseMs.value);\n    throw error;",
    put: "    throw error;",
    why: "Who fails was taken to have done nothing yet.",
  },
  {
    id: "failed-close-hides-what-the-disk-said",
    file: "store/log/recover-log.ts",
    find: "() => file.close().catch(() => {}) };",
    put: "() => file.close() };",
    why: "Closing was taken for something that does not fail.",
  },
  {
    id: "later-waits-for-the-first",
    file: "store/log/log-writer.ts",
    find: "if (hurried || dueMs >= laterDueMs) return;",
    put: "if (hurried || cancelLater !== undefined) return;",
    why: "All that waits was taken to wait equally long.",
  },
  {
    id: "emptied-file-stays",
    file: "store/log/log-writer.ts",
    find: "      onSegment();\n",
    put: "",
    why: "Only a release was taken to make a file one that may go.",
  },
  {
    id: "moved-records-wait-for-the-disk",
    file: "store/log/compaction.ts",
    find: 'if (closed() || writer.health.state === "stuck") return false;',
    put: "if (closed()) return false;",
    why: "Whether the disk works was asked before anything was read, and reading it took no time.",
  },
  {
    id: "doomed-and-untold",
    file: "store/log/log-writer.ts",
    find: "giveUp([...doomed, ...(writing?.entries ?? []), ...(take()?.entries ?? [])], stopped());",
    put: "giveUp([...(writing?.entries ?? []), ...(take()?.entries ?? [])], stopped());",
    why: "What is not told yet was taken to be what is written, or waits to be.",
  },
  {
    id: "pieces-cut-within-a-sector",
    file: "store/log/log-writer.ts",
    find: "Math.max(0, middle - (middle % SECTOR_BYTES) - offset)",
    put: "bytes.length >> 1",
    why: "A half was taken for a piece that a system may write first, and systems write whole sectors.",
  },
];
