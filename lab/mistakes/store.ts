/** Mistakes in the log everything durable goes through. */
import type { Mistake } from "../planting.ts";

const WRITER = "store/log/log-writer.ts";
const SEGMENTS = "store/log/segment-set.ts";
const OPEN = "store/log/open-log.ts";
const QUEUE = "store/log/append-queue.ts";
const RECOVERY = "store/log/recover-log.ts";
const FILES = "store/log/segment-files.ts";
const FORMAT = "store/log/segment-format.ts";
const SCAN = "store/log/segment-scan.ts";
const SPARES = "store/log/spare-segments.ts";

export const STORE_MISTAKES: readonly Mistake[] = [
  {
    id: "batch-not-synced",
    file: WRITER,
    find: "        await file.sync();\n      }\n      if (first) {",
    put: "      }\n      if (first) {",
    why: "A write that returned is taken for one that survives a loss of power.",
  },
  {
    id: "failed-sync-ignored",
    file: WRITER,
    find: "      if (first && to !== undefined) await closeQuietly(to.file);\n",
    put: '      if (during === "sync" && !first) return undefined;\n      if (first && to !== undefined) await closeQuietly(to.file);\n',
    why: "The next sync is expected to make up for one that failed.",
  },
  {
    id: "failed-file-written-on",
    file: WRITER,
    find: "      writing = seal(moved(newSegment(), waiting));",
    put: "      writing = seal(moved(attempt === 0 && failed.kept === undefined ? { segment: failed.segment, offset: failed.offset } : newSegment(), waiting));",
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
    find: ".filter(([, each]) => countIn(each) > 0)",
    put: ".filter(([, each]) => countIn(each) > 1)",
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
    id: "prepared-file-not-written-through",
    file: FILES,
    find: 'files.open(from, "append-through")',
    put: 'files.open(from, "write")',
    why: "A batch in a prepared file is one write without a sync: by itself that is in memory only.",
  },
  {
    id: "prepared-file-not-waited-for",
    file: WRITER,
    find: "    await file.write(offset + half, bytes.subarray(half));",
    put: "    const written = file.write(offset + half, bytes.subarray(half));\n    if (active?.spare === undefined) await written;",
    why: "What is written through is durable as soon as it was written, and the write was asked for.",
  },
  {
    id: "prepared-file-named-before-it-is-a-segment",
    file: WRITER,
    find: '      during = "write";\n      if (!first) await writeBatch(file, batch);',
    put: '      during = "write";\n      if (spare !== undefined && first) await files.name(spare.path, segment);\n      if (!first) await writeBatch(file, batch);',
    also: [
      {
        file: WRITER,
        find: "      if (spare !== undefined && first) {\n        await files.name(spare.path, segment);\n",
        put: "      if (spare !== undefined && first) {\n",
      },
    ],
    why: "The file has the name of a segment and begins with the header of another one, until the first write ends.",
  },
  {
    id: "zeroes-not-durable",
    file: SPARES,
    find: 'const file = await files.open(part, "append-through");',
    put: 'const file = await files.open(part, "write");',
    also: [{ file: SPARES, find: "    await file.sync();\n    return true;", put: "    return true;" }],
    why: "A file is ready when its zeroes were written; that they are on the disk when it gets its name is left to chance.",
  },
  {
    id: "name-of-a-taken-file-given-again",
    file: SPARES,
    find: " && !taken.has(path)",
    put: "",
    why: "A file that was taken is no longer ready, so its name is free: it has it until its first batch is durable.",
  },
  {
    id: "old-batches-are-of-any-segment",
    file: FORMAT,
    find: "  putU32(place, LOG_ID_BYTES, segment);\n",
    put: "",
    why: "The segment is in its header, so the checksums of batches leave it out: those of the file's earlier life are valid again.",
  },
  {
    id: "noise-in-a-prepared-file-is-damage",
    file: SCAN,
    find: 'const isDamage = prepared ? number === undefined : state === "damaged";',
    put: 'const isDamage = (prepared && number === undefined) || state === "damaged";',
    why: "What is neither a batch nor zeroes was damaged: so it is where a file grows.",
  },
  {
    id: "batch-behind-the-end-not-looked-for",
    file: SCAN,
    find: "await laterBatch(window, place, size, prepared ? (number ?? 0) + 1 : 0)",
    put: "prepared ? undefined : await laterBatch(window, place, size, 0)",
    why: "In a prepared file the first thing that is no batch is the end: what lies behind it is old anyway.",
  },
  {
    id: "prepared-file-not-closed-off",
    file: WRITER,
    find: "tail.segment !== active.segment || !lastHolds) return;",
    put: "tail.segment !== active.segment || lastHolds) return;",
    why: "The empty batch at the end is written where nothing needs it, and nowhere else.",
  },
  {
    id: "failed-batch-left-in-a-prepared-file",
    file: WRITER,
    find: "      await file.write(batch.offset, new Uint8Array(BATCH_HEADER_BYTES));\n",
    put: "      if (prepared === undefined) await file.write(batch.offset, new Uint8Array(BATCH_HEADER_BYTES));\n",
    why: "A write through that failed wrote nothing, so there is nothing to take back.",
  },
  {
    id: "place-of-the-second-record",
    file: QUEUE,
    find: "      offsets.push(offset);\n",
    put: "      offsets.push(offset + (offset > first ? RECORD_HEADER_BYTES : 0));\n",
    why: "The header of a record is counted twice: all but the first of a batch are looked for where they do not lie.",
  },
];
