/** Workloads on a log whose every step is recorded, and what a loss of power at each of them leaves: for tests, and for counting many. */
import type { Files } from "../../host/files.ts";
import { createNodeHash } from "../../host/node/hash.ts";
import type { Draws, World } from "../../host/simulated/index.ts";
import { createDisk, createDraws, createMemoryFiles, createWorld } from "../../host/simulated/index.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { fromUtf8, utf8 } from "../../wire/bytes.ts";
import { isPerdureError } from "../../wire/error.ts";
import type { CrashRecorder } from "./crash-recorder.ts";
import { createCrashRecorder } from "./crash-recorder.ts";
import { openRecordLog } from "./open-log.ts";
import type { RecordAt, RecordLog } from "./record-log.ts";
import { preparedWithin } from "./spare-segments.ts";

const FOLDER = "/log";
const APPENDS = 24;
const SEGMENT_BYTES = 6000;
/** So that most segments are made of files that were segments before. */
const PREPARED_BYTES = 2600;
/** Later than every step of a recording. */
export const NEVER = Number.POSITIVE_INFINITY;

/** One append: records "id/index/count:padding", and the steps of the recording at which something became of it. */
export interface Issued {
  readonly id: number;
  readonly records: readonly Bytes[];
  readonly orReject: boolean;
  readonly atStep: number;
  durableAt: number;
  rejectedAt: number;
  releasedAt: number;
}

export interface Workload {
  readonly recorder: CrashRecorder;
  readonly issued: readonly Issued[];
  readonly prepared: boolean;
}

export interface Faults {
  readonly failing: boolean;
  /** The log is made of prepared files. */
  readonly prepared?: boolean;
  /** What an earlier loss of power left, and what had been appended then. */
  readonly after?: { readonly image: ReadonlyMap<string, Bytes>; readonly issued: readonly Issued[] };
  /** What the log is given in place of the recorder's files. */
  readonly between?: (files: Files) => Files;
}

function makeRecords(draws: Draws, id: number): Bytes[] {
  const count = 1 + draws.below(3);
  return Array.from({ length: count }, (_, index) => {
    const letter = draws.chance(0.2) ? "\0" : String.fromCharCode(97 + draws.below(26));
    return utf8(`${id}/${index}/${count}:${letter.repeat(draws.below(draws.chance(0.3) ? 1800 : 90))}`);
  });
}

function openWith(
  world: World,
  files: Files,
  isPrepared: boolean,
  replay: (record: Bytes, at: RecordAt) => void,
  snapshot: () => readonly Bytes[],
): Promise<RecordLog> {
  const host = world.host("a");
  const prepared = isPrepared ? preparedWithin(Number.POSITIVE_INFINITY) : undefined;
  const segmentBytes = isPrepared ? PREPARED_BYTES : SEGMENT_BYTES;
  return openRecordLog({ ...host, files, folder: FOLDER, magic: "relay", segmentBytes, prepared, diskRetryMs: 20, replay, snapshot });
}

export async function runWorkload(
  seed: string,
  { failing, prepared = false, after, between = (files) => files }: Faults,
): Promise<Workload> {
  const world = createWorld({ seed, hash: createNodeHash() });
  const draws = createDraws(`workload ${seed}`);
  const { clock, files } = world.host("a");
  const recorder = createCrashRecorder(after === undefined ? files : createMemoryFiles(createDisk(after.image)), after?.image);
  const issued: Issued[] = [];
  const gone = new Set<number>();
  const snapshot = (): Bytes[] => (gone.size === 0 ? [] : [utf8(`gone:${[...gone].join(",")}`)]);
  const script = async (): Promise<void> => {
    const found: { readonly text: string; readonly at: RecordAt }[] = [];
    const log = await openWith(
      world,
      between(recorder.files),
      prepared,
      (record, at) => found.push({ text: fromUtf8(record), at }),
      snapshot,
    );
    for (const { text } of found) if (text.startsWith("gone:")) for (const id of goneIds(text)) gone.add(id);
    for (const { text, at } of found) if (!text.startsWith("gone:") && gone.has(Number.parseInt(text, 10))) log.release(at);
    const there = new Set(found.map(({ text }) => Number.parseInt(text, 10)));
    // What is there now is durable; what is not must never come back.
    for (const entry of after?.issued ?? []) {
      const releasedAt = gone.has(entry.id) ? 0 : NEVER;
      issued.push({ ...entry, durableAt: there.has(entry.id) ? 0 : NEVER, rejectedAt: there.has(entry.id) ? NEVER : 0, releasedAt });
    }
    const waits: Promise<void>[] = [];
    const firstId = issued.length;
    for (let id = firstId; id < firstId + APPENDS; id++) {
      if (failing && draws.chance(0.25)) breakDisk(world, draws);
      const entry: Issued = {
        id,
        records: makeRecords(draws, id),
        orReject: failing && draws.chance(0.4),
        atStep: recorder.steps,
        durableAt: NEVER,
        rejectedAt: NEVER,
        releasedAt: NEVER,
      };
      issued.push(entry);
      const { at, synced } = log.append(entry.records, { orReject: entry.orReject });
      const settled = synced.then(
        () => {
          entry.durableAt = recorder.steps;
          if (!draws.chance(0.6)) return;
          entry.releasedAt = recorder.steps;
          gone.add(entry.id);
          for (const place of at) log.release(place);
        },
        () => {
          entry.rejectedAt = recorder.steps;
        },
      );
      waits.push(settled);
      const pace = draws.below(4);
      if (pace < 2) await settled;
      else if (pace === 2) await new Promise<void>((resolve) => void clock.after(draws.below(3), resolve));
    }
    await Promise.all(waits);
    await log[Symbol.asyncDispose]();
  };
  await world.complete(script());
  return { recorder, issued, prepared };
}

function goneIds(text: string): number[] {
  return text.slice("gone:".length).split(",").map(Number);
}

function breakDisk(world: World, draws: Draws): void {
  const disk = world.disk("a");
  const kind = draws.below(3);
  if (kind === 0) disk.failSyncs = 1 + draws.below(3);
  else if (kind === 1) disk.failWrites = 1 + draws.below(3);
  else {
    disk.capacityBytes = disk.disk.usedBytes + draws.below(1500);
    world.after(1 + draws.below(60), "space", () => {
      disk.capacityBytes = Number.POSITIVE_INFINITY;
    });
  }
}

interface Reopened {
  readonly ids: readonly number[];
  readonly gone: ReadonlySet<number>;
}

/** Opens an image, checks what it replays for being whole and in order, and says which appends are there. */
async function reopen(image: ReadonlyMap<string, Bytes>, issued: readonly Issued[], prepared: boolean): Promise<Reopened> {
  const world = createWorld({ seed: "reopen", hash: createNodeHash() });
  const records: string[] = [];
  const gone = new Set<number>();
  const replay = (record: Bytes): void => {
    const text = fromUtf8(record);
    if (text.startsWith("gone:")) for (const id of goneIds(text)) gone.add(id);
    else records.push(text);
  };
  const log = await openWith(world, createMemoryFiles(createDisk(image)), prepared, replay, () => []);
  await log[Symbol.asyncDispose]();
  const ids: number[] = [];
  for (let at = 0; at < records.length; ) {
    const id = Number.parseInt(records[at] as string, 10);
    const whole = issued[id]?.records.map(fromUtf8) ?? ["an append that was never made"];
    if (whole.some((record, index) => records[at + index] !== record)) throw new Error(`append ${id} is there in parts`);
    at += whole.length;
    ids.push(id);
  }
  return { ids, gone };
}

/** What is wrong with an image of `step`, or `undefined`. */
function violation({ ids, gone }: Reopened, issued: readonly Issued[], step: number): string | undefined {
  const there = new Set(ids);
  if (there.size !== ids.length) return `twice: ${ids}`;
  if (ids.some((id, index) => index > 0 && id < (ids[index - 1] as number))) return `out of order: ${ids}`;
  for (const { id, durableAt, rejectedAt, releasedAt, orReject } of issued) {
    if (durableAt <= step && releasedAt > step && !there.has(id)) return `${id} was durable and is lost`;
    if (rejectedAt <= step && there.has(id)) return `${id} was given up and is back`;
    const laterThere = ids.some((other) => other > id);
    if (laterThere && !there.has(id) && !gone.has(id) && !orReject && releasedAt > step && rejectedAt > step)
      return `${id} is missing before a later one`;
  }
  return undefined;
}

/** Opens every image of a workload; gives their number and everything that is wrong. */
export async function tryImages(
  { recorder, issued, prepared }: Workload,
  seed: string,
  drawnPerStep: number,
): Promise<{ images: number; wrong: string[] }> {
  let images = 0;
  const wrong: string[] = [];
  for (const { step, files } of recorder.images(createDraws(`images ${seed}`), drawnPerStep)) {
    images++;
    try {
      const found = violation(await reopen(files, issued, prepared), issued, step);
      if (found !== undefined) wrong.push(`step ${step}: ${found}`);
    } catch (error) {
      wrong.push(`step ${step}: ${isPerdureError(error) ? `${error.code}: ${error.message}` : String(error)}`);
    }
  }
  return { images, wrong };
}
