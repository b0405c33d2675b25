/** Damage of what is on a disk: the log says so, or tells exactly what it would have told without. */
import { silentLog } from "../../packages/perdure/src/host/log.ts";
import type { Random } from "../../packages/perdure/src/host/random.ts";
import { createDisk, createMemoryFiles } from "../../packages/perdure/src/host/simulated/index.ts";
import { openRecordLog } from "../../packages/perdure/src/store/log/open-log.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { Segments } from "../log-bytes.ts";
import { FOLDER, segmentIn } from "./log-machine.ts";
import { Damaged, type Reading, readLog } from "./log-reading.ts";
import type { LogStep } from "./log-steps.ts";
import { parted } from "./room.ts";

const KIND = "relay";

/** Opens a copy of `segments` that is damaged as the step says, beside a reading of the same bytes. */
export async function damageShows(segments: Segments, step: LogStep & { readonly do: "damage" }, random: Random): Promise<void> {
  const damaged = damage(segments, step);
  const expected = readingOf(damaged);
  const disk = createDisk(new Map([...damaged].map(([segment, bytes]) => [pathOf(segment), bytes] as const)));
  const told: string[] = [];
  try {
    const log = await openRecordLog({
      files: createMemoryFiles(disk),
      random,
      clock: { wallMs: () => 0, monotonicMs: () => 0, after: () => () => {} },
      log: silentLog,
      folder: FOLDER,
      magic: KIND,
      segmentBytes: 1000,
      diskRetryMs: 10,
      replay: (record, { segment, offset }) => void told.push(`${segment}:${offset} ${Buffer.from(record).toString("latin1")}`),
      snapshot: () => [],
    });
    await log[Symbol.asyncDispose]();
  } catch (error) {
    if (isPerdureError(error) && error.code === "log-damaged" && expected === undefined) {
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
  const then = readLog(after, KIND, false);
  if (then.parts.length !== after.size) parted(`${step.how}: files stay that are not part of the log`);
}

function readingOf(segments: Segments): Reading | undefined {
  try {
    return readLog(segments, KIND, false);
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

function pathOf(segment: number): string {
  return `${FOLDER}/${segment.toString().padStart(6, "0")}.log`;
}
