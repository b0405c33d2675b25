/** Mistakes in the log everything durable goes through. */
import type { Mistake } from "../planting.ts";

const WRITER = "store/log/log-writer.ts";
const SEGMENTS = "store/log/segment-set.ts";
const OPEN = "store/log/open-log.ts";
const QUEUE = "store/log/append-queue.ts";
const RECOVERY = "store/log/recover-log.ts";

export const STORE_MISTAKES: readonly Mistake[] = [
  {
    id: "batch-not-synced",
    file: WRITER,
    find: "      await file.sync();\n      if (opened !== undefined) {",
    put: "      if (opened !== undefined) {",
    why: "A write that returned is taken for one that survives a loss of power.",
  },
  {
    id: "failed-sync-ignored",
    file: WRITER,
    find: "      if (opened !== undefined) await closeQuietly(opened);\n      return { during",
    put: '      if (during === "sync" && opened === undefined) return undefined;\n      if (opened !== undefined) await closeQuietly(opened);\n      return { during',
    why: "The next sync is expected to make up for one that failed.",
  },
  {
    id: "failed-file-written-on",
    file: WRITER,
    find: "      writing = seal({ ...newSegment(), entries: waiting });",
    put: "      writing = seal({ ...(attempt === 0 && failed.kept === undefined ? { segment: failed.segment, offset: failed.offset } : newSegment()), entries: waiting });",
    also: [
      {
        file: WRITER,
        find: "    if (active !== undefined) await closeQuietly(active.file);\n    active = undefined;\n    for (let attempt",
        put: "    for (let attempt",
      },
    ],
    why: "After a failed sync the same bytes are written and synced once more in the same file, whose pages the system believes clean.",
  },
  {
    id: "rewritten-batch-not-found-again",
    file: SEGMENTS,
    find: "    moved.set(placeKey(given), at);\n",
    put: "",
    why: "A batch that failed lies elsewhere, and its owner still asks for it at the place it was given first.",
  },
  {
    id: "last-record-lets-its-segment-go",
    file: SEGMENTS,
    find: ".filter(([, { records }]) => records.count > 0)",
    put: ".filter(([, { records }]) => records.count > 1)",
    why: "Off by one: a segment with one record that is needed counts as empty.",
  },
  {
    id: "tail-of-a-killed-process-not-confirmed",
    file: OPEN,
    find: "  if (recovered.tail !== undefined) await files.confirm(recovered.tail.segment, recovered.tail.offset, recovered.tail.end);\n",
    put: "",
    why: "What a killed process had written is read back from memory of the system and taken for durable.",
  },
  {
    id: "released-while-pending-stays-needed",
    file: QUEUE,
    find: "        bytes -= entry.bytes;\n",
    put: "",
    why: "Credit is not given back: what waits for the disk only ever grows, until no mail is taken any more.",
  },
  {
    id: "snapshot-taken-of-the-first-opening",
    file: WRITER,
    find: "      for (const payload of snapshot()) {",
    put: "      for (const payload of highest > 1 ? [] : snapshot()) {",
    why: "A segment that is begun later holds no snapshot: what the segments before it said goes with them.",
  },
  {
    id: "recovery-stops-at-the-manifest",
    file: RECOVERY,
    find: "  for (const { segment, end: limit } of [...head.manifest, { segment: head.segment, end: undefined }]) {",
    put: "  for (const { segment, end: limit } of [...head.manifest.slice(1), { segment: head.segment, end: undefined }]) {",
    why: "Off by one: the oldest segment that is still needed is not read.",
  },
  {
    id: "place-of-the-second-record",
    file: WRITER,
    find: "        at = place.offset + place.length;",
    put: "        at = place.offset + place.length + RECORD_HEADER_BYTES;",
    why: "The header of a record is counted twice: all but the first of a batch are looked for where they do not lie.",
  },
];
