/**
 * The log of records beside a list of what was appended: on a disk that does one thing at a time, fails at any call, loses what was not synced,
 * with programs that end at any moment, also while they open it.
 */

import { IN_A_WORLD } from "../../packages/perdure/src/host/points.ts";
import type { CrashPick, Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { EVERYTHING, ONLY_SYNCED } from "../../packages/perdure/src/host/simulated/index.ts";
import { openRecordLog } from "../../packages/perdure/src/store/log/open-log.ts";
import type { LogHealth, RecordAt, RecordLog } from "../../packages/perdure/src/store/log/record-log.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { damageShows } from "./log-damage.ts";
import { createMachine, FOLDER, type Program, settle } from "./log-machine.ts";
import { type Reading, readLog } from "./log-reading.ts";
import { createOwner, type Known, type Lot } from "./log-reference.ts";
import { mustBeInOrder } from "./log-room-order.ts";
import { drawSteps, type LogStep } from "./log-steps.ts";
import { parted, type Room, type RoomTools } from "./room.ts";

export const KIND = "relay";
/** After this a log is closed, whatever its disk does. */
const CLOSED_WITHIN_MS = 5000;
/** Rounds after which nothing is half empty any more, besides one for each record. */
const MOST_ROUNDS = 10;
const LEAST_OF_FILE = 1500;
const LEAST_OF_RECORD = 100;
const RECORD_HEADER = 12;
/** How late a sync is that is late. */
const SYNC_LATE_MS = 20;
const TOO_LARGE = 64 * 1024 * 1024 + 1;
/** So much memory takes time. */
const TOO_LARGE_ONCE_IN = 0.05;

/** One opening, from its beginning to the end of its program. */
interface Running {
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
  /** Records may be in more than one place, in a way that only a failed read explains. */
  unsure: boolean;
  /** Nothing was released and nothing failed: files are closed when they are full, and only then. */
  plain: boolean;
  compacting: boolean;
  /** A sync that is late begins by then. */
  lateUntilMs: number;
  /** Files whose records were all moved. */
  readonly emptied: Set<number>;
}

export const log: Room<LogStep> = {
  name: "log",
  about: "a log of records on a disk that fails, beside the list of what was appended",
  draw: drawSteps,
  run: async (steps, tools) => {
    const room = createLogRoom(tools);
    for (const step of steps) await room.take(step);
    await room.atLast();
  },
};

function createLogRoom(tools: RoomTools) {
  const draws = tools.draws("disk");
  const machine = createMachine(draws, () => {
    if (rotten) return;
    if (unproven && wrong === undefined) noting(() => owner.owed(readingOf(pickFor(1 / 2))));
    unproven = false;
  });
  const random = tools.draws("ids");
  const owner = createOwner();
  let extra: readonly Uint8Array[] = [];
  let openings = 0;
  let running: Running | undefined;
  /** What was found wrong outside of a step's own turn. */
  let wrong: unknown;
  let unproven = false;
  let turns = 0;
  /** A byte on the disk is damaged at the moment. */
  let rotten = false;

  const noting = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      wrong ??= error;
    }
  };
  const pickOf = (keep: number, from: Draws): CrashPick => ({ sector: () => from.chance(keep), name: () => from.chance(keep) });

  /** What is there now, or what a loss of power leaves: nothing that is not durable, all of it, or some. */
  const pickFor = (keep: number): CrashPick => [EVERYTHING, ONLY_SYNCED, pickOf(keep, draws)][draws.below(3)] as CrashPick;

  /** What a folder says: that of programs, or what a loss of power leaves. */
  const readingOf = (pick?: CrashPick): Reading => {
    try {
      return readLog(machine.segments(pick), KIND, true);
    } catch (error) {
      return parted(`the folder is not as it must be: ${error instanceof Error ? error.message : String(error)}`);
    }
  };

  const open = (segmentBytes: number, retryMs: number, odd: number): void => {
    const program = machine.begin();
    const opening = ++openings;
    const reading = readingOf();
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
      unsure: false,
      plain: true,
      compacting: false,
      emptied: new Set(),
      lateUntilMs: Number.NEGATIVE_INFINITY,
    };
    running = now;
    const opened = openRecordLog({
      files: program.files,
      random,
      clock: machine.clock,
      log: {
        write: (_level, event, fields) => {
          if (event === "log.broken") noting(() => parted(`the log is broken: ${fields?.why}`));
        },
      },
      folder: FOLDER,
      magic: KIND,
      segmentBytes,
      diskRetryMs: retryMs,
      points: {
        [IN_A_WORLD]: true,
        misbehaves: (name) => {
          if (odd === 0 || !draws.chance(odd)) return false;
          if (name === "log-segment-early") now.plain = false;
          if (name === "log-sync-late") now.lateUntilMs = machine.nowMs + SYNC_LATE_MS;
          return true;
        },
      },
      replay: (record, at) => void now.told.push({ record, at }),
      snapshot: () => owner.snapshot(extra),
      onHealth: (health) => noting(() => healthSays(now, health)),
    });
    opened.then(
      (opened) => noting(() => nowOpen(now, opened)),
      (error: unknown) => noting(() => notOpened(now, error)),
    );
  };

  const nowOpen = (now: Running, opened: RecordLog): void => {
    if (running !== now) return;
    now.log = opened;
    const { entries } = now.reading;
    const same =
      entries.length === now.told.length &&
      entries.every(({ payload, segment, offset }, index) => {
        const { record, at } = now.told[index] as Running["told"][number];
        return payload.equals(record) && at.segment === segment && at.offset === offset && at.length === record.length;
      });
    if (!same) parted(`the opening told ${now.told.length} records, or others, where the folder has ${entries.length}`);
    for (const { places } of owner.opened(now.reading)) for (const place of places) opened.release(place);
    if (opened.health.state !== "good") parted("a log that was just opened is not well");
    unproven = true;
  };

  const notOpened = (now: Running, error: unknown): void => {
    if (running !== now) return;
    const code = isPerdureError(error) ? error.code : String(error);
    if (!saidBy(now.program, 0, code)) parted(`the log does not open: ${String(error)}`);
    if (now.program.reading + now.program.writing > 0) parted("an opening that failed leaves files open");
    machine.end();
    running = undefined;
  };

  const healthSays = (now: Running, health: LogHealth): void => {
    const before = now.health;
    now.health = health;
    if (running !== now) return;
    if (health.state === "good") {
      if (before.state === "good") parted("the log says twice that it is well");
      return;
    }
    const codes = now.program.failed.slice(now.failedBefore).map(({ code }) => stuckCodeOf(code));
    now.failedBefore = now.program.failed.length;
    if (!codes.includes(health.code)) parted(`the log is stuck with ${health.code} where the disk says ${codes.join(", ") || "nothing"}`);
    const sinceMs = before.state === "stuck" ? before.sinceMs : machine.clock.wallMs();
    if (health.sinceMs !== sinceMs) parted(`the log is stuck since ${health.sinceMs - sinceMs} ms later than it is`);
    if (before.state === "stuck" && before.code === health.code) parted("the log says twice what it is stuck with");
  };

  const appendOne = (now: Running, opened: RecordLog, sizes: readonly number[], orReject: boolean, laterMs: number | undefined): void => {
    if (sizes.length === 0) {
      if (opened.append([], { orReject }).at.length !== 0) parted("nothing was appended and lies somewhere");
      return;
    }
    const { health } = opened;
    const lot = owner.lot(sizes, orReject, now.opening);
    lot.dueMs = machine.nowMs + (laterMs ?? 0);
    lot.turn = turns;
    const given = lot.records.map(({ payload }) => payload);
    const { at, synced } = opened.append(given, { orReject, ...(laterMs === undefined ? {} : { laterMs }) });
    if (at.some(({ length }, index) => length !== given[index]?.length) || at.length !== given.length) parted("places have other lengths");
    if (orReject && health.state === "stuck") lot.state = "rejected";
    else for (const [index, record] of lot.records.entries()) record.places = [at[index] as RecordAt];
    // What is appended takes along what waited.
    if (laterMs === undefined) for (const each of owner.pending) each.dueMs = Math.min(each.dueMs, machine.nowMs);
    synced.then(
      () => noting(() => durable(now, lot)),
      (error: unknown) => noting(() => refused(now, lot, error, orReject && health.state === "stuck" ? health.code : undefined)),
    );
  };

  const durable = (now: Running, lot: Lot): void => {
    if (running !== now) return;
    if (lot.state !== "pending") parted(`append ${lot.id} is durable and ${lot.state}`);
    lot.state = "durable";
    unproven = true;
  };

  const refused = (now: Running, lot: Lot, error: unknown, stuckWith: string | undefined): void => {
    if (running !== now) return;
    if (!isPerdureError(error)) parted(`append ${lot.id} fails with ${String(error)}`);
    const { code, retry, afterMs } = error;
    if (code === "aborted") {
      lot.state = "left";
      if (closing === undefined) parted(`append ${lot.id} was aborted although the log is open`);
      return;
    }
    if (!lot.orReject) parted(`append ${lot.id} was given up with ${code}`);
    const explained = stuckWith === undefined ? now.program.failed.some((call) => stuckCodeOf(call.code) === code) : code === stuckWith;
    if (!explained || retry !== "after" || afterMs !== now.retryMs)
      parted(`append ${lot.id} was given up with ${code}, ${retry}, ${afterMs}`);
    lot.state = "rejected";
    unproven = true;
  };
  let closing: Running | undefined;

  /** Records of which something may be asked. */
  const atHand = (): readonly Known[] =>
    owner.records.filter(({ places, released, lot }) => places.length > 0 && !released && lot.state !== "rejected");

  const release = (opened: RecordLog, record: Known): void => {
    record.released = true;
    for (const place of record.places) opened.release(place);
  };

  const readOne = (now: Running, opened: RecordLog, record: Known, place: RecordAt): void => {
    const failedBefore = now.program.failed.length;
    opened.read(place).then(
      (bytes) =>
        noting(() => {
          if (running === now && !Buffer.from(bytes).equals(record.payload) && !record.released)
            parted(`record ${record.id} reads as something else`);
        }),
      (error: unknown) =>
        noting(() => {
          if (running !== now || record.released || record.lot.state === "rejected" || closing === now) return;
          const code = isPerdureError(error) ? error.code : String(error);
          if (!saidBy(now.program, failedBefore, code)) parted(`record ${record.id} cannot be read: ${String(error)}`);
        }),
    );
  };

  const readWrongly = (now: Running, opened: RecordLog, record: Known, wrongly: "place" | "length"): void => {
    const [place] = record.places;
    // A place that was given for a batch that failed stands for another.
    if (record.lot.opening === now.opening || record.mayMove || place === undefined) return;
    const failedBefore = now.program.failed.length;
    const other = wrongly === "length" ? { ...place, length: place.length - 1 } : { ...place, offset: place.offset + 1 };
    opened.read(other).then(
      () => noting(() => running === now && parted(`record ${record.id} is read by another ${wrongly} as well`)),
      (error: unknown) =>
        noting(() => {
          const code = isPerdureError(error) ? error.code : String(error);
          if (running === now && code !== "log-damaged" && !saidBy(now.program, failedBefore, code) && closing !== now)
            parted(`a place where no record is says ${code}`);
        }),
    );
  };

  const compact = async (now: Running, opened: RecordLog, before = readingOf()): Promise<boolean | undefined> => {
    if (now.compacting) return undefined;
    const quiet =
      machine.nowMs >= now.lateUntilMs &&
      machine.outstanding === 0 &&
      owner.pending.length === 0 &&
      !now.unsure &&
      now.health.state === "good";
    const sparse = opened.sparsest(() => false);
    if (quiet) mustBeInOrder({ now, opened, reading: before, owner });
    for (const { segment, payload, kind } of before.entries)
      if (kind === 0 && (segment === sparse || now.unsure)) (owner.records[payload.readUInt16BE(0)] as Known).mayMove = true;
    const failedBefore = now.program.failed.length;
    const wasUnsure = now.unsure;
    now.compacting = true;
    now.plain = false;
    const work = opened.compact().then(
      (moved) => {
        now.compacting = false;
        const failed = now.program.failed.length > failedBefore;
        if (failed) now.unsure = true;
        else if (moved && sparse !== undefined) now.emptied.add(sparse);
        noting(() => {
          if (running !== now || closing === now) return;
          const unread = wasUnsure || now.program.failed.slice(failedBefore).some(({ call }) => call === "read" || call === "open");
          if (moved && !unread && opened.sparsest((segment) => segment !== sparse) !== undefined)
            parted(`compacting says that segment ${sparse} was emptied`);
          if (failed) return;
          if (quiet && moved !== (sparse !== undefined)) parted(`compacting says ${moved} where segment ${sparse} is half empty`);
        });
        return moved;
      },
      (error: unknown) => {
        now.compacting = false;
        noting(() => parted(`compacting fails with ${String(error)}`));
        return false;
      },
    );
    await settle();
    return await Promise.race([work, settle().then(() => undefined)]);
  };

  const compactAll = async (now: Running, opened: RecordLog): Promise<void> => {
    if (now.compacting || now.health.state === "stuck") return;
    const needed = owner.records.filter(({ released, places }) => !released && places.length > 0);
    // Of small files and small records headers are more than half.
    const ends = now.segmentBytes >= LEAST_OF_FILE && needed.every(({ payload }) => payload.length >= LEAST_OF_RECORD);
    const failedBefore = now.program.failed.length;
    for (let rounds = 0; running === now && wrong === undefined && now.program.failed.length === failedBefore; rounds++) {
      if (rounds > MOST_ROUNDS + needed.length) {
        if (ends) parted("what is copied out of sparse files is copied again without end");
        return;
      }
      if (opened.sparsest(() => false) === undefined) return;
      await compact(now, opened);
      await machine.finishAll();
      if (now.compacting) return;
    }
  };

  const close = async (held: boolean): Promise<void> => {
    const now = running;
    if (now?.log === undefined) return crash();
    closing = now;
    const waiting = owner.pending;
    const wasGood = now.health.state === "good" && !anyFault();
    let done = false;
    const closed = now.log[Symbol.asyncDispose]().then(() => {
      done = true;
    });
    await settle();
    try {
      now.log.append([new Uint8Array(4)]);
      parted("a log that was closed takes an append");
    } catch (error) {
      if (!isPerdureError(error) || error.code !== "aborted") throw error;
    }
    if (!held) await machine.finishAll();
    if (!held && wasGood && !done && machine.nowMs >= now.lateUntilMs) parted("a log on a disk that works takes its time to close");
    if (!done) await machine.pass(CLOSED_WITHIN_MS, held);
    await settle();
    if (!done) parted("the log is not closed in time");
    await closed;
    await now.log[Symbol.asyncDispose]();
    if (machine.timers > 0 && !held) parted("a log that was closed leaves timers");
    if (owner.pending.length > 0) parted(`of append ${owner.pending[0]?.id} nothing is said although the log was closed`);
    const aborted = waiting.find(({ state }) => state !== "durable");
    if (!held && wasGood && aborted !== undefined) parted(`append ${aborted.id} was ${aborted.state} although the disk works`);
    if (machine.outstanding === 0 && now.program.reading + now.program.writing > 0) parted("a log that was closed leaves files open");
    closing = undefined;
    crash();
  };

  const anyFault = (): boolean =>
    Object.values(machine.faults).some(
      (fault) => fault === true || (typeof fault === "number" && fault > 0 && fault < Number.POSITIVE_INFINITY),
    );

  const crash = (pick?: CrashPick): void => {
    machine.end(pick);
    running = undefined;
    owner.ended();
  };

  const look = (keep: number): void => {
    owner.owed(readingOf(pickFor(keep)));
    const now = running;
    if (now?.log === undefined || machine.outstanding > 0 || now.compacting || owner.pending.length > 0 || machine.nowMs < now.lateUntilMs)
      return;
    mustBeInOrder({ now, opened: now.log, reading: readingOf(), owner });
  };

  const run = async (): Promise<void> => {
    await machine.finishAll();
    const now = running;
    if (now === undefined || wrong !== undefined || machine.nowMs < now.lateUntilMs) return;
    if (now.log === undefined) parted("the opening waits for nothing and does not end");
    if (now.health.state === "stuck") return;
    const late = owner.pending.find(({ dueMs }) => dueMs <= machine.nowMs);
    if (late !== undefined) parted(`the disk is idle and append ${late.id} is not written`);
  };

  const wait = async (ms: number, held: boolean): Promise<void> => {
    const now = running;
    if (now?.log === undefined || held || now.health.state === "good") return machine.pass(ms, held);
    await machine.finishAll();
    const begun = now.program.begun;
    await machine.pass(ms);
    if (wrong !== undefined) return;
    const tries = now.program.begun - begun;
    if (ms >= now.retryMs + 2 * SYNC_LATE_MS && !anyFault() && now.log.health.state !== "good")
      parted("the disk works again and the log is stuck");
    if (now.log.health.state === "stuck" && tries > 1 + ms / now.retryMs) parted(`a log that is stuck tries ${tries} times in ${ms} ms`);
    if (now.log.health.state === "stuck" && tries < Math.floor(ms / (now.retryMs + SYNC_LATE_MS)))
      parted(`a log that is stuck tries ${tries} times in ${ms} ms`);
  };

  /** A damaged record is not read as if it were whole, and stays where it is. */
  const rot = async ({ nth, at, moving }: LogStep & { readonly do: "rot" }): Promise<void> => {
    const now = running;
    const opened = now?.log;
    if (now === undefined || opened === undefined) return;
    await machine.finishAll();
    const there = atHand().filter(({ lot, mayMove, places }) => lot.opening !== now.opening && !mayMove && places.length === 1);
    const record = there[Math.floor(nth * there.length)];
    const [place] = record?.places ?? [];
    if (record === undefined || place === undefined || now.compacting) return;
    const offset = place.offset - RECORD_HEADER + Math.floor(at * (place.length + RECORD_HEADER));
    const before = readingOf();
    machine.rot(place.segment, offset, 1 << (nth * 8));
    rotten = true;
    const read = opened.read(place).then(
      () => "whole",
      (error: unknown) => (isPerdureError(error) ? error.code : String(error)),
    );
    const failedBefore = now.program.failed.length;
    await machine.finishAll();
    const said = await read;
    if (said !== "log-damaged" && !saidBy(now.program, failedBefore, said)) parted(`a record with a damaged byte is ${said}`);
    if (moving) {
      now.unsure = true;
      await compact(now, opened, before);
      await machine.finishAll();
    }
    machine.rot(place.segment, offset, 1 << (nth * 8));
    rotten = false;
    readOne(now, opened, record, place);
    await machine.finishAll();
  };

  const act = async (step: LogStep): Promise<void> => {
    if (step.do === "open") {
      if (running === undefined) open(step.segmentBytes, step.retryMs, step.odd);
      return;
    }
    if (step.do === "tick") return machine.finish(step.nth);
    if (step.do === "run") return run();
    if (step.do === "wait") return wait(step.ms, step.held);
    if (step.do === "rot") return rot(step);
    if (step.do === "heal") return machine.heal();
    if (step.do === "look") return look(step.keep);
    if (step.do === "damage") return damageShows(machine.segments(pickOf(step.keep, draws)), step, random);
    if (step.do === "state") {
      extra = step.bytes.map((length, index) => new Uint8Array(length).fill(index * 0x46));
      return;
    }
    if (step.do === "fault") {
      if (step.kind === "full") machine.faults.capacityBytes = usedBytes() + step.count;
      else if (step.kind === "readOnly") machine.faults.readOnly = true;
      else machine.faults[step.kind] = step.count;
      return;
    }
    if (step.do === "end") {
      if (step.how === "close" || step.how === "close-held") return close(step.how === "close-held");
      return crash(step.how === "power" ? pickOf(step.keep, draws) : undefined);
    }
    const now = running;
    const opened = now?.log;
    if (now === undefined || opened === undefined) return;
    if (step.do === "append") {
      const idle = machine.outstanding === 0 && owner.pending.every(({ dueMs }) => dueMs > machine.nowMs) && now.health.state === "good";
      turns++;
      for (const sizes of step.lots) appendOne(now, opened, sizes, step.orReject, step.laterMs);
      await settle();
      if (idle && !now.compacting && step.laterMs !== undefined && machine.outstanding > 0 && now.plain)
        parted("what nobody waits for is written at once");
    } else if (step.do === "hurry") {
      for (const lot of owner.pending) lot.dueMs = Math.min(lot.dueMs, machine.nowMs);
      opened.hurry();
    } else if (step.do === "release") {
      now.plain = false;
      const there = atHand();
      for (const record of there.slice(Math.floor(step.from * there.length)).slice(0, step.count)) release(opened, record);
    } else if (step.do === "release-again") {
      now.plain = false;
      const there = owner.records.filter(({ released, places }) => released && places.length > 0);
      const record = there[Math.floor(step.nth * there.length)];
      if (record !== undefined) release(opened, record);
    } else if (step.do === "read") {
      const there = atHand();
      for (const record of there.slice(Math.floor(step.from * there.length)).slice(0, step.count)) {
        if (step.wrongly !== undefined) readWrongly(now, opened, record, step.wrongly);
        else for (const place of record.places) readOne(now, opened, record, place);
      }
    } else if (step.do === "compact") {
      await compact(now, opened);
    } else await compactAll(now, opened);
  };

  const usedBytes = (): number => [...machine.segments().values()].reduce((sum, { length }) => sum + length, 0);

  /** What must hold after every step. */
  const afterStep = async (): Promise<void> => {
    await settle();
    if (wrong !== undefined) throw wrong;
    if (running !== undefined && running.program.failed.length > 0) running.plain = false;
    if (unproven) look(1);
    unproven = false;
    const now = running;
    if (now === undefined) return;
    if (now.log === undefined) return;
    if (JSON.stringify(now.log.health) !== JSON.stringify(now.health)) parted("the log is in other health than it told");
    const tried = now.program.failed.filter(({ call }) => call === "begin" || call === "write" || call === "sync").slice(-2);
    const { health } = now;
    if (health.state === "stuck" && !tried.some(({ code }) => stuckCodeOf(code) === health.code))
      parted(`the log is stuck with ${health.code} although its disk says ${tried.map(({ code }) => code).join(", ")}`);
    const queued = owner.pending.flatMap(({ records }) => records).reduce((sum, { payload }) => sum + payload.length, 0);
    if (!now.compacting && now.log.queuedBytes !== queued) parted(`${now.log.queuedBytes} bytes are said to wait where it is ${queued}`);
  };

  return {
    take: async (step: LogStep): Promise<void> => {
      await act(step);
      await afterStep();
    },
    /** With a disk that works again everything is written, and is there after a loss of power. */
    atLast: async (): Promise<void> => {
      for (const how of ["settle", "power"]) {
        machine.heal();
        if (how === "power") crash(ONLY_SYNCED);
        await machine.finishAll();
        if (running === undefined) open(700, 50, 0);
        await machine.finishAll();
        await afterStep();
        for (let timers = 0; timers < 1000 && (await machine.toNextTimer()); timers++);
        await afterStep();
        if (running?.log === undefined || running.health.state !== "good" || owner.pending.length > 0)
          parted(`with a disk that works the log is ${running?.health.state ?? "not open"}, and ${owner.pending.length} appends wait`);
        for (const record of atHand()) for (const place of record.places) readOne(running, running.log, record, place);
        await machine.finishAll();
        if (running.program.writing !== 1 || running.program.reading > 16) parted("files stay open");
        if (how === "power" && draws.chance(TOO_LARGE_ONCE_IN)) mustRefuse(running.log);
        look(1);
        await afterStep();
      }
      await close(false);
    },
  };
}

/** What is larger than a record may be is refused, with what it was to be appended with. */
function mustRefuse(opened: RecordLog): void {
  try {
    opened.append([new Uint8Array(4), new Uint8Array(TOO_LARGE)]);
  } catch (error) {
    if (isPerdureError(error) && error.code === "too-large") return;
    throw error;
  }
  parted("a record of any size is taken");
}

function saidBy({ failed }: Program, from: number, code: string): boolean {
  return failed.slice(from).some((call) => call.code === code);
}

function stuckCodeOf(code: string): string {
  if (code === "disk-full" || code === "read-only") return code;
  return code === "permission-denied" ? "read-only" : "disk-failed";
}
