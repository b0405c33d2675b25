/** Damage of what is on a disk: the log says so, or tells exactly what it would have told without. */
import { crc32 } from "node:zlib";
import { silentLog } from "../../packages/perdure/src/host/log.ts";
import type { Random } from "../../packages/perdure/src/host/random.ts";
import { createDisk, createMemoryFiles } from "../../packages/perdure/src/host/simulated/index.ts";
import { openRecordLog } from "../../packages/perdure/src/store/log/open-log.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { HEADER, type Segments } from "../log-bytes.ts";
import { FOLDER, pathOf, segmentIn } from "./log-machine.ts";
import { Damaged, type Reading, readLog } from "./log-reading.ts";
import type { LogStep } from "./log-steps.ts";
import { parted } from "./room.ts";

const KIND = "relay";
/** Of files that grow, and of those that were prepared. */
const VERSIONS = { least: 1, most: 2 };

/** Opens a copy of `segments` that is damaged as the step says, beside a reading of the same bytes. */
export async function damageShows(segments: Segments, step: LogStep & { readonly do: "damage" }, random: Random): Promise<void> {
  const damaged = damage(segments, step);
  const expected = readingOf(damaged, step.how === "kind" ? "agent" : KIND);
  const version = versionIn(damaged);
  const disk = createDisk(new Map([...damaged].map(([segment, bytes]) => [pathOf(segment), bytes] as const)));
  const told: string[] = [];
  try {
    const log = await openRecordLog({
      files: createMemoryFiles(disk),
      random,
      clock: { wallMs: () => 0, monotonicMs: () => 0, after: () => () => {} },
      log: silentLog,
      folder: FOLDER,
      magic: step.how === "kind" ? "agent" : KIND,
      segmentBytes: 1000,
      diskRetryMs: 10,
      replay: (record, { segment, offset }) => void told.push(`${segment}:${offset} ${Buffer.from(record).toString("latin1")}`),
      snapshot: () => [],
    });
    await log[Symbol.asyncDispose]();
  } catch (error) {
    if (isPerdureError(error) && error.code === codeFor(version) && expected === undefined) {
      for (const [segment, bytes] of damaged) {
        const file = disk.file(pathOf(segment), false);
        if (file === undefined || !Buffer.from(bytes).equals(file.current.bytes.subarray(0, file.current.size)))
          parted("a damaged log was changed");
      }
      return;
    }
    parted(`${step.how}: the opening says ${String(error)}`);
  }
  if (expected === undefined) parted(`${step.how}: damage is not told`);
  const wanted = expected.entries.map(({ segment, offset, payload }) => `${segment}:${offset} ${payload.toString("latin1")}`);
  if (wanted.join("\n") !== told.join("\n"))
    parted(`${step.how}: ${told.length} records are told, or others, where it is ${wanted.length}`);
  const after = new Map(
    disk.list(FOLDER).map((name) => {
      const file = disk.file(`${FOLDER}/${name}`, false);
      return [segmentIn(name), file?.current.bytes.slice(0, file.current.size) ?? new Uint8Array(0)] as const;
    }),
  );
  const then = readLog(after, step.how === "kind" ? "agent" : KIND, false);
  if (then.parts.length !== after.size) parted(`${step.how}: files stay that are not part of the log`);
}

/** Of the newest file that has a header. */
function versionIn(segments: Segments): number {
  for (const segment of [...segments.keys()].sort((a, b) => b - a)) {
    const header = Buffer.from(segments.get(segment) as Uint8Array).subarray(0, HEADER);
    if (header.length < HEADER || header.every((byte) => byte === 0)) continue;
    return header.readUInt32BE(60) === crc32(header.subarray(0, 60)) ? header.readUInt32BE(28) : VERSIONS.least;
  }
  return VERSIONS.least;
}

function codeFor(version: number): string {
  if (version > VERSIONS.most) return "needs-newer-version";
  return version < VERSIONS.least ? "needs-older-version" : "log-damaged";
}

function readingOf(segments: Segments, kind: string): Reading | undefined {
  try {
    return readLog(segments, kind, false);
  } catch (error) {
    if (error instanceof Damaged) return undefined;
    throw error;
  }
}

function damage(segments: Segments, { how, file, at, bit }: LogStep & { readonly do: "damage" }): Map<number, Uint8Array> {
  const damaged = new Map(segments);
  const numbers = [...segments.keys()].sort((a, b) => a - b);
  const number = numbers[Math.floor(file * numbers.length)];
  if (number === undefined) return damaged;
  const bytes = (segments.get(number) as Uint8Array).slice();
  const place = Math.floor(at * bytes.length);
  if (how === "flip" && bytes.length > 0) bytes[place] = (bytes[place] as number) ^ (1 << bit);
  if (how === "blank") bytes.fill(0, place - (place % 512), place - (place % 512) + 512);
  const header = Buffer.from(bytes.buffer, 0, Math.min(HEADER, bytes.length));
  if (
    how === "version" &&
    number === numbers.at(-1) &&
    header.length === HEADER &&
    header.readUInt32BE(60) === crc32(header.subarray(0, 60))
  ) {
    header.writeUInt32BE(bit % 2 === 0 ? VERSIONS.most + 1 : VERSIONS.least - 1, 28);
    header.writeUInt32BE(crc32(header.subarray(0, 60)), 60);
  }
  if (how === "drop") damaged.delete(number);
  else if (how === "swap") {
    const other = numbers[Math.floor(at * numbers.length)] as number;
    damaged.set(number, segments.get(other) as Uint8Array);
    damaged.set(other, bytes);
  } else if (how === "cut") damaged.set(number, bytes.subarray(0, place));
  else if (how === "grow") damaged.set(number, Buffer.concat([bytes, new Uint8Array(1 + place).fill(bit === 0 ? 0xa5 : 0)]));
  else damaged.set(number, bytes);
  return damaged;
}
