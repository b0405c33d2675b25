/** One visit of the room of the log: its machine, its list, and the program that has the log open at the moment. */

import { IN_A_WORLD } from "../../packages/perdure/src/host/points.ts";
import { type CrashPick, type Draws, EVERYTHING, ONLY_SYNCED } from "../../packages/perdure/src/host/simulated/index.ts";
import { openRecordLog } from "../../packages/perdure/src/store/log/open-log.ts";
import type { LogHealth, RecordAt, RecordLog } from "../../packages/perdure/src/store/log/record-log.ts";
import { preparedWithin } from "../../packages/perdure/src/store/log/spare-segments.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { createMachine, FOLDER, type Machine, type Program } from "./log-machine.ts";
import { type Reading, readLog } from "./log-reading.ts";
import { createOwner, type Owner } from "./log-reference.ts";
import type { LogStep } from "./log-steps.ts";
import { parted, type RoomTools } from "./room.ts";

const KIND = "relay";
/** How late a sync is that is late. */
export const SYNC_LATE_MS = 20;

/** One opening, from its beginning to the end of its program. */
export interface Running {
  readonly program: Program;
  readonly opening: number;
  readonly segmentBytes: number;
  readonly retryMs: number;
  readonly told: { readonly record: Uint8Array; readonly at: RecordAt }[];
  readonly reading: Reading;
  log: RecordLog | undefined;
  health: LogHealth;
  /** Calls that had failed when health was last told. */
  failedBefore: number;
  /** What it had begun when it got stuck, and when that was. */
  stuckAfter: { readonly begun: number; readonly writes: number; readonly atMs: number } | undefined;
  /** Records may be in more than one place, in a way that only a failed read explains. */
  unsure: boolean;
  /** Files are prepared for it. */
  readonly prepares: boolean;
  /** Nothing was released and nothing failed: files are closed when they are full, and only then. */
  plain: boolean;
  compacting: boolean;
  /** A sync that is late begins by then. */
  lateUntilMs: number;
  /** Files whose records were all moved. */
  readonly emptied: Set<number>;
}

export interface Scene {
  readonly draws: Draws;
  readonly random: Draws;
  readonly machine: Machine;
  readonly owner: Owner;
  /** What the small state holds besides. */
  extra: readonly Uint8Array[];
  openings: number;
  /** The smallest file that was ever to be prepared. */
  leastSpare: number;
  turns: number;
  running: Running | undefined;
  closing: Running | undefined;
  /** What was found wrong outside of a step's own turn. */
  wrong: unknown;
  /** Something was promised that is to be looked at on the disk; `refused`: that something will never come back. */
  unproven: "durable" | "refused" | undefined;
  /** A byte on the disk is damaged at the moment. */
  rotten: boolean;
  noting(work: () => void): void;
  /** Keeps a share of what is not durable. */
  pickOf(keep: number): CrashPick;
  /** What a folder says: that of programs, or what a loss of power leaves. */
  readingOf(pick?: CrashPick): Reading;
  /** Compares what is there, or what a loss of power leaves, with what is owed. */
  prove(keep: number): void;
}

export function createScene(tools: RoomTools): Scene {
  const draws = tools.draws("disk");
  const pickOf = (keep: number): CrashPick => ({ sector: () => draws.chance(keep), name: () => draws.chance(keep) });
  const scene: Scene = {
    draws,
    random: tools.draws("ids"),
    machine: createMachine(draws, () => {
      if (!scene.rotten && scene.unproven !== undefined && scene.wrong === undefined) scene.noting(() => scene.prove(1 / 2));
    }),
    owner: createOwner(),
    extra: [],
    openings: 0,
    leastSpare: Number.POSITIVE_INFINITY,
    turns: 0,
    running: undefined,
    closing: undefined,
    wrong: undefined,
    unproven: undefined,
    rotten: false,
    noting: (work) => {
      try {
        work();
      } catch (error) {
        scene.wrong ??= error;
      }
    },
    pickOf,
    readingOf: (pick) => {
      try {
        return readLog(scene.machine.segments(pick), KIND, true);
      } catch (error) {
        return parted(`the folder is not as it must be: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
    prove: (keep) => {
      const picks = [EVERYTHING, ONLY_SYNCED, pickOf(keep)];
      const all = scene.unproven === "refused" ? picks : picks.slice(draws.below(picks.length)).slice(0, 1);
      scene.unproven = undefined;
      for (const pick of all) {
        scene.owner.owed(scene.readingOf(pick));
        const short = scene.machine.spares(pick).find((bytes) => bytes < scene.leastSpare);
        if (short !== undefined) parted(`a prepared file has the name of one that is ready, and ${short} bytes`);
      }
    },
  };
  return scene;
}

export function open(scene: Scene, { segmentBytes, retryMs, odd, within }: Omit<LogStep & { readonly do: "open" }, "do">): void {
  if (within !== undefined) scene.leastSpare = Math.min(scene.leastSpare, segmentBytes);
  const program = scene.machine.begin();
  const opening = ++scene.openings;
  const reading = scene.readingOf();
  const now: Running = {
    program,
    opening,
    segmentBytes,
    retryMs,
    told: [],
    reading,
    log: undefined,
    health: { state: "good" },
    failedBefore: 0,
    stuckAfter: undefined,
    unsure: false,
    prepares: within !== undefined,
    plain: true,
    compacting: false,
    emptied: new Set(),
    lateUntilMs: Number.NEGATIVE_INFINITY,
  };
  scene.running = now;
  const opened = openRecordLog({
    files: program.files,
    random: scene.random,
    clock: scene.machine.clock,
    log: {
      write: (_level, event, fields) => {
        if (event === "log.broken") scene.noting(() => parted(`the log is broken: ${fields?.why}`));
      },
    },
    folder: FOLDER,
    magic: KIND,
    segmentBytes,
    prepared: within === undefined ? undefined : preparedWithin(within * segmentBytes),
    diskRetryMs: retryMs,
    points: {
      [IN_A_WORLD]: true,
      misbehaves: (name) => {
        if (odd === 0 || !scene.draws.chance(odd)) return false;
        if (name === "log-segment-early" || name === "log-outgrown-early") now.plain = false;
        if (name === "log-sync-late") now.lateUntilMs = scene.machine.nowMs + SYNC_LATE_MS;
        return true;
      },
    },
    replay: (record, at) => void now.told.push({ record, at }),
    snapshot: () => scene.owner.snapshot(scene.extra),
    onHealth: (health) => scene.noting(() => healthSays(scene, now, health)),
  });
  opened.then(
    (opened) => scene.noting(() => nowOpen(scene, now, opened)),
    (error: unknown) => scene.noting(() => notOpened(scene, now, error)),
  );
}

function nowOpen(scene: Scene, now: Running, opened: RecordLog): void {
  if (scene.running !== now) return;
  now.log = opened;
  const { entries } = now.reading;
  const same =
    entries.length === now.told.length &&
    entries.every(({ payload, segment, offset }, index) => {
      const { record, at } = now.told[index] as Running["told"][number];
      return payload.equals(record) && at.segment === segment && at.offset === offset && at.length === record.length;
    });
  if (!same) parted(`the opening told ${now.told.length} records, or others, where the folder has ${entries.length}`);
  for (const { places } of scene.owner.opened(now.reading)) for (const place of places) opened.release(place);
  if (opened.health.state !== "good") parted("a log that was just opened is not well");
  if (now.program.writing !== 1 || now.program.reading !== 0)
    parted(`a log that was just opened has ${now.program.writing} files open to be written, ${now.program.reading} to be read`);
  scene.unproven ??= "durable";
}

function notOpened(scene: Scene, now: Running, error: unknown): void {
  if (scene.running !== now) return;
  const code = isPerdureError(error) ? error.code : String(error);
  if (!saidBy(now.program, 0, code)) parted(`the log does not open: ${String(error)}`);
  if (now.program.reading + now.program.writing + now.program.making > 0) parted("an opening that failed leaves files open");
  scene.machine.end();
  scene.running = undefined;
}

function healthSays(scene: Scene, now: Running, health: LogHealth): void {
  const before = now.health;
  now.health = health;
  if (scene.running !== now) return;
  if (health.state === "good") {
    if (before.state === "good") parted("the log says twice that it is well");
    now.stuckAfter = undefined;
    return;
  }
  const { begun, writes } = now.program;
  now.stuckAfter ??= { begun, writes, atMs: scene.machine.nowMs };
  const codes = now.program.failed
    .slice(now.failedBefore)
    .filter(({ call }) => call !== "make")
    .map(({ code }) => stuckCodeOf(code));
  now.failedBefore = now.program.failed.length;
  if (!codes.includes(health.code)) parted(`the log is stuck with ${health.code} where the disk says ${codes.join(", ") || "nothing"}`);
  const sinceMs = before.state === "stuck" ? before.sinceMs : scene.machine.clock.wallMs();
  if (health.sinceMs !== sinceMs) parted(`the log is stuck since ${health.sinceMs - sinceMs} ms later than it is`);
  if (before.state === "stuck" && before.code === health.code) parted("the log says twice what it is stuck with");
}

/** Nothing but the lack of room ever failed. */
export function onlyFull({ failed }: Program): boolean {
  const told = failed.filter(({ call }) => call !== "make");
  return told.length > 0 && told.every(({ call, code }) => call === "write" && code === "disk-full");
}

/** Whether a call of the disk failed so, from the `from`th failure on. */
export function saidBy({ failed }: Program, from: number, code: string): boolean {
  return failed.slice(from).some((call) => call.code === code);
}

/** What a log is stuck with when its disk says `code`. */
export function stuckCodeOf(code: string): string {
  if (code === "disk-full" || code === "read-only") return code;
  return code === "permission-denied" ? "read-only" : "disk-failed";
}
