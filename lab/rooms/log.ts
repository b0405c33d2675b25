/**
 * The log of records beside a list of what was appended: on a disk that does one thing at a time, fails at any call, loses what was not synced,
 * with programs that end at any moment, also while they open it.
 */
import { type CrashPick, ONLY_SYNCED } from "../../packages/perdure/src/host/simulated/index.ts";
import type { RecordLog } from "../../packages/perdure/src/store/log/record-log.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { appendOne, atHand, compact, compactAll, readOne, readWrongly, release, rot } from "./log-asks.ts";
import { damageShows } from "./log-damage.ts";
import { settle } from "./log-machine.ts";
import { createScene, onlyFull, open, type Running, SYNC_LATE_MS, stuckCodeOf } from "./log-opening.ts";
import { mustBeInOrder } from "./log-room-order.ts";
import { drawSteps, type LogStep } from "./log-steps.ts";
import { parted, type Room, type RoomTools } from "./room.ts";

/** After this a log is closed, whatever its disk does. */
const CLOSED_WITHIN_MS = 5000;
const TOO_LARGE = 64 * 1024 * 1024 + 1;
/** So much memory takes time. */
const TOO_LARGE_CHANCE = 0.1;
const MOST_TIMERS = 1000;
/** Batches before the last close. */
const MOST_AT_LAST = 16;

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
  const scene = createScene(tools);
  const { machine, owner } = scene;

  const close = async (held: boolean): Promise<void> => {
    const now = scene.running;
    if (now?.log === undefined) return crash();
    scene.closing = now;
    const waiting = owner.pending;
    const wasGood = now.health.state === "good" && !anyFault();
    const failedBefore = now.program.failed.length;
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
    const [record] = held ? [] : atHand(scene).filter(({ lot }) => lot.state === "durable");
    if (record !== undefined) for (const place of record.places) readOne(scene, now, now.log, record, place);
    if (!held) await machine.finishAll();
    if (now.log.queuedBytes !== 0) parted("something waits in a log that was closed");
    if (machine.timers > 0 && !held) parted("a log that was closed leaves timers");
    if (owner.pending.length > 0) parted(`of append ${owner.pending[0]?.id} nothing is said although the log was closed`);
    const aborted = waiting.find(({ state }) => state !== "durable");
    // A call that was under way may have failed.
    const works = wasGood && now.program.failed.length === failedBefore;
    if (!held && works && aborted !== undefined) parted(`append ${aborted.id} was ${aborted.state} although the disk works`);
    if (machine.outstanding === 0 && now.program.reading + now.program.writing + now.program.making > 0)
      parted("a log that was closed leaves files open");
    if (!held && works) mustBeClosedOff();
    scene.closing = undefined;
    crash();
  };

  /** The last records in a prepared file have something behind them. */
  const mustBeClosedOff = (): void => {
    const newest = scene.readingOf().parts.at(-1);
    if (newest?.prepared === true && newest.batches.length > 1 && newest.batches.at(-1)?.records.length !== 0)
      parted("a log that was closed ends with a batch that may be taken for torn");
  };

  /** Until the newest segment is a prepared one where there are any, and has records behind its first batch. */
  const fillUp = async (): Promise<void> => {
    for (let batches = scene.draws.below(MOST_AT_LAST); batches > 0; batches--) {
      const now = scene.running;
      if (now?.log === undefined) return;
      scene.turns++;
      appendOne(scene, now, now.log, [scene.draws.below(200)], false, undefined);
      await settle();
      await machine.finishAll();
      await afterStep();
    }
  };

  const anyFault = (): boolean =>
    Object.values(machine.faults).some(
      (fault) => fault === true || (typeof fault === "number" && fault > 0 && fault < Number.POSITIVE_INFINITY),
    );

  const crash = (pick?: CrashPick): void => {
    machine.end(pick);
    scene.running = undefined;
    owner.ended();
  };

  const look = (keep: number): void => {
    scene.prove(keep);
    const now = scene.running;
    if (now?.log === undefined || machine.outstanding > 0 || now.compacting || owner.pending.length > 0 || machine.nowMs < now.lateUntilMs)
      return;
    mustBeInOrder({ now, opened: now.log, reading: scene.readingOf(), owner, spares: machine.spares() });
  };

  const run = async (): Promise<void> => {
    await machine.finishAll();
    const now = scene.running;
    if (now === undefined || scene.wrong !== undefined || machine.nowMs < now.lateUntilMs) return;
    if (now.log === undefined) parted("the opening waits for nothing and does not end");
    if (now.health.state === "stuck") {
      // There is room for nothing, so nothing of it can be on the disk.
      const untold = owner.pending.find(({ orReject }) => orReject);
      if (onlyFull(now.program) && (untold !== undefined || now.compacting))
        parted("a full disk is not told to who would rather hear of it");
      return;
    }
    const late = owner.pending.find(({ dueMs }) => dueMs <= machine.nowMs);
    if (now.compacting) parted("the disk is idle and compacting does not end");
    if (late !== undefined) parted(`the disk is idle and append ${late.id} is not written`);
  };

  const wait = async (ms: number, held: boolean): Promise<void> => {
    const now = scene.running;
    if (now?.log === undefined || held || now.health.state === "good") return machine.pass(ms, held);
    await machine.finishAll();
    const begun = now.program.begun;
    const works = !anyFault();
    await machine.pass(ms);
    if (scene.wrong !== undefined) return;
    const tries = now.program.begun - begun;
    if (ms >= now.retryMs + 2 * SYNC_LATE_MS && works && now.log.health.state !== "good")
      parted("the disk works again and the log is stuck");
    if (now.log.health.state === "stuck" && tries < Math.floor(ms / (now.retryMs + SYNC_LATE_MS)))
      parted(`a log that is stuck tries ${tries} times in ${ms} ms`);
  };

  const act = async (step: LogStep): Promise<void> => {
    if (step.do === "open") {
      if (scene.running === undefined) open(scene, step);
      return;
    }
    if (step.do === "tick") return machine.finish(step.nth);
    if (step.do === "run") return run();
    if (step.do === "wait") return wait(step.ms, step.held);
    if (step.do === "leave") return machine.leave(step.name);
    if (step.do === "rot") return rot(scene, step);
    if (step.do === "heal") return machine.heal();
    if (step.do === "look") return look(step.keep);
    if (step.do === "damage") return damageShows(machine.segments(scene.pickOf(step.keep)), step, scene.random);
    if (step.do === "state") {
      scene.extra = step.bytes.map((length, index) => new Uint8Array(length).fill(index * 0x46));
      return;
    }
    if (step.do === "fault") {
      if (step.kind === "full") machine.faults.capacityBytes = machine.usedBytes + step.count;
      else if (step.kind === "readOnly") machine.faults.readOnly = true;
      else machine.faults[step.kind] = step.count;
      return;
    }
    if (step.do === "end") {
      if (step.how === "close" || step.how === "close-held") return close(step.how === "close-held");
      return crash(step.how === "power" ? scene.pickOf(step.keep) : undefined);
    }
    const now = scene.running;
    const opened = now?.log;
    if (now === undefined || opened === undefined) return;
    if (step.do === "append") {
      const idle =
        machine.nowMs >= now.lateUntilMs &&
        machine.outstanding === 0 &&
        owner.pending.every(({ dueMs }) => dueMs > machine.nowMs) &&
        now.health.state === "good";
      scene.turns++;
      for (const sizes of step.lots) appendOne(scene, now, opened, sizes, step.orReject, step.laterMs);
      await settle();
      if (idle && !now.compacting && step.laterMs !== undefined && machine.outstanding > 0 && now.plain)
        parted("what nobody waits for is written at once");
    } else if (step.do === "hurry") {
      for (const lot of owner.pending) lot.dueMs = Math.min(lot.dueMs, machine.nowMs);
      opened.hurry();
    } else if (step.do === "release") {
      now.plain = false;
      const there = atHand(scene);
      for (const record of there.slice(Math.floor(step.from * there.length)).slice(0, step.count)) release(opened, record);
    } else if (step.do === "release-again") {
      now.plain = false;
      const there = owner.records.filter(({ released, places }) => released && places.length > 0);
      const record = there[Math.floor(step.nth * there.length)];
      if (record !== undefined) release(opened, record);
    } else if (step.do === "read") {
      const there = atHand(scene);
      for (const record of there.slice(Math.floor(step.from * there.length)).slice(0, step.count)) {
        if (step.wrongly !== undefined) readWrongly(scene, now, opened, record, step.wrongly);
        else for (const place of record.places) readOne(scene, now, opened, record, place);
      }
    } else if (step.do === "compact") {
      await compact(scene, now, opened);
    } else await compactAll(scene, now, opened);
  };

  /** What must hold after every step. */
  const afterStep = async (): Promise<void> => {
    await settle();
    if (scene.wrong !== undefined) throw scene.wrong;
    if (scene.running !== undefined && scene.running.program.failed.length > 0) scene.running.plain = false;
    if (scene.unproven !== undefined) look(1);
    const now = scene.running;
    if (now?.log === undefined) return;
    if (JSON.stringify(now.log.health) !== JSON.stringify(now.health)) parted("the log is in other health than it told");
    const tried = now.program.failed.filter(({ call }) => call === "begin" || call === "write" || call === "sync").slice(-2);
    const { health } = now;
    if (health.state === "stuck" && !tried.some(({ code }) => stuckCodeOf(code) === health.code))
      parted(`the log is stuck with ${health.code} although its disk says ${tried.map(({ code }) => code).join(", ")}`);
    mustBeStuckProperly(now);
    const queued = owner.pending.flatMap(({ records }) => records).reduce((sum, { payload }) => sum + payload.length, 0);
    if (!now.compacting && now.log.queuedBytes !== queued) parted(`${now.log.queuedBytes} bytes are said to wait where it is ${queued}`);
  };

  /** It tries at once and then once in a while; who would rather hear of it and was not written yet is told at once. */
  const mustBeStuckProperly = ({ stuckAfter, program, retryMs }: Running): void => {
    if (stuckAfter === undefined) return;
    const tries = program.begun - stuckAfter.begun;
    const afterMs = machine.nowMs - stuckAfter.atMs;
    if (tries > 1 + afterMs / retryMs) parted(`a log that is stuck tries ${tries} times in ${afterMs} ms`);
    const untold = owner.pending.find(({ orReject, writes }) => orReject && writes === stuckAfter.begun + stuckAfter.writes);
    if (untold !== undefined) parted(`append ${untold.id} is not given up although nothing of it was written`);
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
        if (scene.running === undefined)
          open(scene, { segmentBytes: 700, retryMs: 50, odd: 0, ...(scene.leastSpare < Number.POSITIVE_INFINITY ? { within: 40 } : {}) });
        await machine.finishAll();
        await afterStep();
        for (let timers = 0; timers < MOST_TIMERS && (await machine.toNextTimer()); timers++);
        await afterStep();
        if (scene.running?.log === undefined || scene.running.health.state !== "good" || owner.pending.length > 0)
          parted(
            `with a disk that works the log is ${scene.running?.health.state ?? "not open"}, and ${owner.pending.length} appends wait`,
          );
        for (const record of atHand(scene))
          for (const place of record.places) readOne(scene, scene.running, scene.running.log, record, place);
        await machine.finishAll();
        if (scene.running.program.writing !== 1 || scene.running.program.reading > 16) parted("files stay open");
        if (how === "power" && scene.draws.chance(TOO_LARGE_CHANCE)) mustRefuse(scene.running.log);
        look(1);
        await afterStep();
      }
      await fillUp();
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
