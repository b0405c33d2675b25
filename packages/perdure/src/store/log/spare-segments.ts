/**
 * Files that segments are made of, ready before they are needed: filled to their size, so that a write into them changes nothing but
 * bytes. They are made in the background of zeroes that are durable before the file gets the name of one that is ready, or they were
 * segments that the log let go of. Nothing waits for them: when none is ready a segment grows.
 *
 *   "spare.part"              is being filled; at an opening it is removed
 *   "1.spare", "2.spare"      ready, of any content
 *
 * Together with the log they take at most half of the space it may use: beyond that they are given back, and a segment grows again.
 */
import type { Files, OpenFile } from "../../host/files.ts";
import type { Log } from "../../host/log.ts";
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import { decodeSegmentHeader, SECTOR_BYTES } from "./segment-format.ts";

export interface Spare {
  readonly path: string;
  /** Bytes it is filled to. */
  readonly bytes: number;
}

export interface SpareSegments {
  /** Takes one that is ready: its taker's to give another name, or to remove. Nothing else gets its name before that was told. */
  take(): Spare | undefined;
  /** One could be taken. */
  readonly isReady: boolean;
  /** What was taken has that name no more. */
  gone(spare: Spare): void;
  /** Begins to make one, unless one is ready or was tried since the newest segment was begun. */
  prepare(): void;
  /** A segment was begun: gives back what is too much now. */
  begun(): Promise<void>;
  /** Keeps a file of so many bytes that the log let go of, under another name; false when it is to be removed. */
  keep(path: string, bytes: number): Promise<boolean>;
  /** Whether there is room for one segment more, so that files the log could let go of may stay a while. */
  mayWait(): boolean;
  /** The disk is full: what is being made is given up. */
  yieldRoom(): void;
  /** Bytes of those that are ready, and of the one that is being made when it will be. */
  readonly bytes: number;
  /** Makes no more; resolves when nothing is under way. */
  stop(): Promise<void>;
}

export interface FoundSpares {
  readonly ready: readonly Spare[];
  /** Files that are of no use. */
  readonly leftover: readonly string[];
  /** The highest number of a segment of this log that one of them was or was to be: it must not be given again. */
  readonly highest: number;
}

export interface SpareSegmentsOptions {
  readonly files: Files;
  readonly folder: string;
  readonly log: Log;
  readonly segmentBytes: number;
  readonly withinBytes: number;
  /** Bytes of the segments of the log. */
  readonly logBytes: () => number;
  readonly ready: readonly Spare[];
}

const SLOTS: readonly number[] = [1, 2];
const PART = "spare.part";
/** Zeroes written at once: so much is before an append in the queue of the disk. */
const PIECE_BYTES = 256 * 1024;
/**
 * A file is used again when it is at most so many times what a segment has. More, and a segment full of records that were copied
 * could be half empty: they would be copied again, and so on without an end.
 */
const LARGEST_SHARE = 1.25;

/** What of the files in the folder are prepared ones; reads the first sector of each. `wanted`: those of this log are to be used again. */
export async function findSpares(
  files: Files,
  folder: string,
  names: readonly string[],
  wanted: { readonly segmentBytes: number; readonly logId: Bytes | undefined } | undefined,
): Promise<FoundSpares> {
  const ready: Spare[] = [];
  const leftover = names.filter((name) => name === PART).map((name) => `${folder}/${name}`);
  let highest = 0;
  for (const slot of SLOTS) {
    const path = `${folder}/${nameOf(slot)}`;
    if (!names.includes(nameOf(slot))) continue;
    const file = await files.open(path, "read");
    try {
      const header = decodeSegmentHeader(await file.read(0, SECTOR_BYTES));
      if (typeof header !== "string" && wanted?.logId !== undefined && equalBytes(header.logId, wanted.logId))
        highest = Math.max(highest, header.segment);
      const bytes = await file.size();
      if (wanted !== undefined && fits(bytes, wanted.segmentBytes)) ready.push({ path, bytes });
      else leftover.push(path);
    } finally {
      await file.close().catch(() => {});
    }
  }
  return { ready, leftover, highest };
}

/** Segments that are made of prepared files, within so many bytes. */
export interface Prepared {
  readonly withinBytes: number;
  readonly find: typeof findSpares;
  readonly create: typeof createSpareSegments;
}

export function preparedWithin(withinBytes: number): Prepared {
  return { withinBytes, find: findSpares, create: createSpareSegments };
}

export function createSpareSegments(options: SpareSegmentsOptions): SpareSegments {
  const { files, folder, log, segmentBytes, withinBytes, logBytes } = options;
  /** bound: SLOTS */
  const ready: Spare[] = [...options.ready];
  /** Slots into which a file is being renamed. bound: SLOTS */
  const coming = new Map<string, number>();
  /** Names of those that were taken, or are being removed. bound: SLOTS */
  const taken = new Set<string>();
  let making: Promise<void> | undefined;
  let makingBytes = 0;
  let tried = false;
  let givenUp = false;
  let stopped = false;

  const bytes = (): number => {
    let sum = makingBytes;
    for (const spare of ready) sum += spare.bytes;
    for (const each of coming.values()) sum += each;
    return sum;
  };
  const hasRoomFor = (more: number): boolean => 2 * (logBytes() + bytes() + more) <= withinBytes;
  const freeSlot = (): string | undefined =>
    SLOTS.map((slot) => `${folder}/${nameOf(slot)}`).find(
      (path) => !coming.has(path) && !taken.has(path) && ready.every((spare) => spare.path !== path),
    );

  const failed = (what: string, error: unknown): void => log.write("debug", "log.spare-failed", { what, why: String(error) });

  const remove = async (path: string): Promise<void> => {
    try {
      await files.remove(path);
    } catch (error) {
      // The next opening finds it.
      failed("remove", error);
    }
  };

  /** Puts a file under the name of one that is ready. */
  const name = async (path: string, size: number): Promise<boolean> => {
    const slot = freeSlot();
    if (slot === undefined) return false;
    coming.set(slot, size);
    try {
      await files.rename(path, slot);
      ready.push({ path: slot, bytes: size });
      return true;
    } catch (error) {
      failed("rename", error);
      return false;
    } finally {
      coming.delete(slot);
    }
  };

  const fill = async (file: OpenFile): Promise<boolean> => {
    const zeroes = new Uint8Array(Math.min(PIECE_BYTES, segmentBytes));
    for (let at = 0; at < segmentBytes; at += zeroes.length) {
      if (stopped || givenUp) return false;
      await file.write(at, zeroes.subarray(0, segmentBytes - at));
    }
    await file.sync();
    return true;
  };

  const make = async (): Promise<void> => {
    const part = `${folder}/${PART}`;
    makingBytes = segmentBytes;
    try {
      const file = await files.open(part, "append-through");
      let full = false;
      try {
        full = await fill(file);
      } finally {
        await file.close();
      }
      makingBytes = 0;
      if (full && (await name(part, segmentBytes))) return;
    } catch (error) {
      failed("make", error);
    }
    makingBytes = 0;
    await remove(part);
  };

  return {
    get bytes() {
      return bytes();
    },
    get isReady() {
      return ready.length > 0 && hasRoomFor(0);
    },
    take: () => {
      const spare = hasRoomFor(0) ? ready.shift() : undefined;
      if (spare !== undefined) taken.add(spare.path);
      return spare;
    },
    gone: ({ path }) => {
      taken.delete(path);
    },
    prepare: () => {
      if (stopped || tried || making !== undefined || ready.length + coming.size > 0 || !hasRoomFor(segmentBytes)) return;
      tried = true;
      givenUp = false;
      making = make().finally(() => {
        making = undefined;
      });
    },
    begun: async () => {
      tried = false;
      while (!hasRoomFor(0)) {
        givenUp = true;
        const spare = ready.pop();
        if (spare === undefined) return;
        // Until it is gone nothing else may come into its place.
        taken.add(spare.path);
        await remove(spare.path);
        taken.delete(spare.path);
      }
    },
    keep: async (path, size) => !stopped && fits(size, segmentBytes) && hasRoomFor(size) && (await name(path, size)),
    mayWait: () => hasRoomFor(segmentBytes),
    yieldRoom: () => {
      givenUp = true;
    },
    stop: async () => {
      stopped = true;
      await making;
    },
  };
}

function nameOf(slot: number): string {
  return `${slot}.spare`;
}

function fits(bytes: number, segmentBytes: number): boolean {
  return bytes >= segmentBytes && bytes <= LARGEST_SHARE * segmentBytes;
}
