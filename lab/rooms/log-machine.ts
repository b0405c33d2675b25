/**
 * A machine whose disk does nothing by itself: every call of it waits until a step lets it end, in any order, well or badly. Time stands
 * still but for the steps that move it.
 */
import type { Clock } from "../../packages/perdure/src/host/clock.ts";
import type { Files, OpenFile, OpenMode } from "../../packages/perdure/src/host/files.ts";
import { createDiskFiles, type DiskFaults, healthyDisk } from "../../packages/perdure/src/host/simulated/disk-files.ts";
import { type CrashPick, createDisk, type Draws, EVERYTHING } from "../../packages/perdure/src/host/simulated/index.ts";
import { isPerdureError, PerdureError } from "../../packages/perdure/src/wire/error.ts";
import { HEADER } from "../log-bytes.ts";

export const FOLDER = "/log";

/** So many of the next calls of a kind fail, besides what a simulated disk can have. */
export interface Faults extends DiskFaults {
  failOpens: number;
  failRemoves: number;
  failCloses: number;
  /** Before the name is changed, or after. */
  failRenames: number;
  /** So many of the next writes leave a part of what was written. */
  tearWrites: number;
}

export interface FailedCall {
  /** `make`: something of a file that is prepared, which nobody waits for. */
  readonly call: "open" | "begin" | "read" | "write" | "sync" | "close" | "remove" | "make";
  readonly code: string;
}

export interface Program {
  readonly files: Files;
  /** Files it has open for reading, and how often; how many it has open at all for either. */
  readonly openToRead: ReadonlyMap<number, number>;
  readonly reading: number;
  readonly writing: number;
  /** The same for one that is prepared. */
  readonly making: number;
  /** All calls that failed, in their order. */
  readonly failed: readonly FailedCall[];
  /** Batches that were written through are among them. */
  readonly syncs: number;
  /** How often it opened a file for writing, and wrote to one. */
  readonly begun: number;
  readonly writes: number;
}

export interface Machine {
  readonly clock: Clock;
  readonly nowMs: number;
  readonly faults: Faults;
  heal(): void;
  readonly timers: number;
  /** Leaves an empty file. */
  leave(name: string): void;
  /** Damages a byte of a file, or repairs it. */
  rot(segment: number, offset: number, mask: number): void;
  /** Calls that have not ended. */
  readonly outstanding: number;
  /** One of them ends, and what follows from it. */
  finish(nth: number): Promise<void>;
  /** All end, and those that follow. */
  finishAll(): Promise<void>;
  /** Time passes; with `held` no call ends meanwhile. */
  pass(ms: number, held?: boolean): Promise<void>;
  /** Goes on to the next timer, if there is one. */
  toNextTimer(): Promise<boolean>;
  begin(): Program;
  /** The program ends at once; with `pick` the power goes. */
  end(pick?: CrashPick): void;
  /** What is on the disk: as programs see it, or as a loss of power leaves it. */
  segments(pick?: CrashPick): Map<number, Uint8Array>;
  /** The same for the sizes of prepared files that have the name of one that is ready. */
  spares(pick?: CrashPick): readonly number[];
  readonly usedBytes: number;
}

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** The clock at the beginning, milliseconds since 1970. */
const EPOCH_MS = 1_800_000_000_000;
const HEALTHY = { failOpens: 0, failRemoves: 0, failCloses: 0, failRenames: 0, tearWrites: 0 };
/** Batches are multiples of so many bytes. */
const FILLED_UP = 32;
const SECTOR_BYTES = 512;
const PART = /\.part$/;
const SPARE = /\.spare$/;
/** More calls than this in one step never end. */
const MOST_CALLS = 20_000;

/** `ended` is called whenever a call of the disk has ended, and what follows from it has happened. */
export function createMachine(draws: Draws, ended: () => void): Machine {
  const disk = createDisk();
  let calls: (() => void)[] = [];
  let timers: Timer[] = [];
  let nowMs = 0;
  let owner = { alive: false };
  const faults: Faults = { ...healthyDisk(), ...HEALTHY };
  const half: CrashPick = { sector: () => draws.chance(0.5), name: () => draws.chance(0.5) };

  const finish = async (nth: number): Promise<void> => {
    const [call] = calls.splice(nth % Math.max(1, calls.length), 1);
    call?.();
    await settle();
    ended();
  };
  const finishAll = async (): Promise<void> => {
    await settle();
    for (let left = MOST_CALLS; calls.length > 0; left--) {
      if (left === 0) throw new Error("the disk is asked without end");
      await finish(draws.below(calls.length));
    }
  };
  const nextTimer = (): Timer | undefined =>
    timers.reduce<Timer | undefined>((a, b) => (a !== undefined && a.dueMs <= b.dueMs ? a : b), undefined);
  const pass = async (ms: number, held = false): Promise<void> => {
    if (!held) await finishAll();
    const untilMs = nowMs + ms;
    for (let timer = nextTimer(); timer !== undefined && timer.dueMs <= untilMs; timer = nextTimer()) {
      nowMs = Math.max(nowMs, timer.dueMs);
      timers = timers.filter((each) => each !== timer);
      timer.run();
      await settle();
      if (!held) await finishAll();
    }
    nowMs = untilMs;
  };

  return {
    faults,
    clock: {
      wallMs: () => EPOCH_MS + nowMs,
      monotonicMs: () => nowMs,
      after: (delayMs, then) => {
        const by = owner;
        const timer = { dueMs: nowMs + delayMs, run: () => by.alive && then() };
        timers.push(timer);
        return () => {
          timers = timers.filter((each) => each !== timer);
        };
      },
    },
    get nowMs() {
      return nowMs;
    },
    get timers() {
      return timers.length;
    },
    leave: (name) => {
      const file = disk.file(`${FOLDER}/${name}`, true);
      if (file !== undefined) disk.syncedTo(file, disk.mark(file));
    },
    rot: (segment, offset, mask) => disk.rot(pathOf(segment), offset, mask),
    get outstanding() {
      return calls.length;
    },
    heal: () => void Object.assign(faults, healthyDisk(), HEALTHY),
    finish,
    finishAll,
    pass,
    toNextTimer: async () => {
      const timer = nextTimer();
      if (timer !== undefined) await pass(Math.max(0, timer.dueMs - nowMs));
      return timer !== undefined;
    },
    begin: () => {
      owner = { alive: true };
      const files = createDiskFiles({ disk, faults, delay: (_work, end) => void calls.push(end), pick: half, owner });
      return watched(files, faults, draws);
    },
    end: (pick) => {
      owner.alive = false;
      calls = [];
      timers = [];
      disk.ended(owner, half);
      if (pick !== undefined) disk.crash(pick);
    },
    segments: (pick = EVERYTHING) => {
      const segments = new Map<number, Uint8Array>();
      if (pick === EVERYTHING) {
        for (const name of disk.list(FOLDER)) {
          if (segmentIn(name) === 0) continue;
          const file = disk.file(`${FOLDER}/${name}`, false);
          if (file !== undefined) segments.set(segmentIn(name), file.current.bytes.slice(0, file.current.size));
        }
        return segments;
      }
      for (const [path, bytes] of disk.image(pick)) if (segmentIn(path) !== 0) segments.set(segmentIn(path), bytes);
      return segments;
    },
    spares: (pick = EVERYTHING) => {
      if (pick === EVERYTHING)
        return disk
          .list(FOLDER)
          .filter((name) => SPARE.test(name))
          .map((name) => disk.file(`${FOLDER}/${name}`, false)?.current.size ?? 0);
      return [...disk.image(pick)].filter(([path]) => SPARE.test(path)).map(([, { length }]) => length);
    },
    get usedBytes() {
      return disk.usedBytes;
    },
  };
}

/** Files that also fail where a simulated disk does not, and that count. */
function watched(files: Files, faults: Faults, draws: Draws): Program {
  const failed: FailedCall[] = [];
  const counts = { reading: 0, writing: 0, making: 0, syncs: 0, begun: 0, writes: 0 };
  const openToRead = new Map<number, number>();
  const noted = async <Value>(call: FailedCall["call"], work: () => Promise<Value>): Promise<Value> => {
    try {
      return await work();
    } catch (error) {
      failed.push({ call, code: isPerdureError(error) ? error.code : String(error) });
      throw error;
    }
  };
  const takes = (kind: keyof typeof HEALTHY): boolean => faults[kind] > 0 && faults[kind]-- > 0;
  const fails = (code: "disk-failed" | "too-busy", what: string): never => {
    throw new PerdureError(code, `${what} failed`, { retry: "after" });
  };
  const openFile = (file: OpenFile, kind: "reading" | "writing" | "making", mode: OpenMode, segment: number): OpenFile => {
    let open = true;
    /** Of what is written through: where the batch ends that was begun. */
    let until = 0;
    /** Where the last thing ended that was written to it. */
    let reached = 0;
    const count = (by: number): void => {
      counts[kind] += by;
      if (kind !== "reading") return;
      const left = (openToRead.get(segment) ?? 0) + by;
      if (left === 0) openToRead.delete(segment);
      else openToRead.set(segment, left);
    };
    count(1);
    return {
      size: file.size,
      read: (offset, length) => noted("read", () => file.read(offset, length)),
      write: (offset, bytes) =>
        noted(kind === "making" ? "make" : "write", async () => {
          if (kind !== "making") counts.writes++;
          if (kind !== "making" && mode === "append-through" && offset >= until) {
            counts.syncs++;
            const from = offset === 0 ? HEADER : 0;
            until = offset + from + Math.ceil((32 + Buffer.from(bytes).readUInt32BE(from + 4)) / 32) * 32;
          }
          const end = reached;
          reached = Math.max(end, offset + bytes.length);
          if (!takes("tearWrites")) return await file.write(offset, bytes);
          // What is torn off may be no more than what fills a batch up, or nothing.
          const lost = draws.chance(0.5) ? draws.below(FILLED_UP) : draws.below(bytes.length);
          const kept = Math.max(0, bytes.length - lost);
          // Behind the end a write may stop anywhere; of what is there a disk changes whole sectors.
          const isThere = mode === "append-through" || offset + kept < end;
          const whole = lost > 0 && isThere ? kept - ((offset + kept) % SECTOR_BYTES) : kept;
          await file.write(offset, bytes.subarray(0, Math.max(0, whole)));
          fails("disk-failed", "a write");
        }),
      sync: () => {
        if (kind !== "making") counts.syncs++;
        return noted(kind === "making" ? "make" : "sync", file.sync);
      },
      close: () =>
        noted(kind === "making" ? "make" : "close", async () => {
          if (open) count(-1);
          open = false;
          await file.close();
          if (takes("failCloses")) fails("disk-failed", "closing");
        }),
    };
  };
  return {
    failed,
    openToRead,
    get writes() {
      return counts.writes;
    },
    get reading() {
      return counts.reading;
    },
    get making() {
      return counts.making;
    },
    get writing() {
      return counts.writing;
    },
    get syncs() {
      return counts.syncs;
    },
    get begun() {
      return counts.begun;
    },
    files: {
      ...files,
      open: (path, mode) =>
        noted(mode === "read" ? "open" : segmentIn(path) === 0 ? "make" : "begin", async () => {
          if (mode !== "read" && segmentIn(path) !== 0) counts.begun++;
          if (takes("failOpens")) fails("too-busy", "opening");
          const file = await files.open(path, mode);
          // One that is ready is opened to become a segment.
          if (mode !== "read" && SPARE.test(path)) counts.begun++;
          const kind = mode === "read" ? "reading" : PART.test(path) ? "making" : "writing";
          return openFile(file, kind, mode, segmentIn(path));
        }),
      rename: (from, to) =>
        noted(segmentIn(to) === 0 ? "make" : "sync", async () => {
          const after = draws.chance(0.5);
          const failing = takes("failRenames");
          if (!failing || after) await files.rename(from, to);
          if (failing) fails("disk-failed", "renaming");
        }),
      remove: (path) =>
        noted(segmentIn(path) === 0 ? "make" : "remove", async () => {
          if (takes("failRemoves")) fails("disk-failed", "removing");
          await files.remove(path);
        }),
    },
  };
}

/** The number in the name of a segment's file; 0 for another. */
export function segmentIn(path: string): number {
  const segment = Number(/(\d+)\.log$/.exec(path)?.[1] ?? "0");
  return `${FOLDER}/${path.slice(path.lastIndexOf("/") + 1)}` === pathOf(segment) ? segment : 0;
}

/** Everything that follows from what has happened, has happened. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function pathOf(segment: number): string {
  return `${FOLDER}/${segment.toString().padStart(6, "0")}.log`;
}
