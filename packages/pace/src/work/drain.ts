/**
 * Begins pieces of work when there is room, and writes down what came of them.
 *
 * A piece is under way from before its being kept as *running* until its end is kept. Inputs: pieces that wait, handlers, time, room. Invariants: what begins was
 * kept as begun; what ended is told after that was kept; nothing begins whose deadline may have passed, and nothing is missed whose deadline may be to come; what has
 * a deadline begins early enough for it, room or not; while the disk refuses, nothing begins, and ends are written again until they are kept.
 */
import { PaceError } from "../error.ts";
import { createAlarm } from "../host/alarm.ts";
import type { Clock } from "../host/clock.ts";
import { createDates, type Moment } from "../host/dates.ts";
import { type Agenda, createAgenda, type Planned } from "./agenda.ts";
import { createDurations } from "./durations.ts";
import { type Json, resultText } from "./json.ts";
import { createLastCall } from "./last-call.ts";
import type { Ledger, Steps } from "./ledger.ts";
import type { UntilOffPeak } from "./off-peak.ts";
import { type Piece, reasonOf, troubleOf, type WorkSettings } from "./piece.ts";

/** What a handler gets. */
export interface GivenPiece {
  /** The same each time it is tried, after a restart too: for an `Idempotency-Key`, where it was put off under a key of plain ASCII. */
  readonly key: string;
  readonly payload: Json;
  /** One the first time. */
  readonly tries: number;
  /** Aborts when it is cancelled, its deadline comes, or all is closed. */
  readonly signal: AbortSignal;
  readonly steps: Steps;
}

/**
 * What it returns is kept as the result: as JSON has it, with dates as their text and without what is undefined. What JSON would lose (`NaN`, a map, a response, what is in
 * itself) or is too large is not kept: the work is done all the same, with null, and the reason says so. It may be called again for the same piece: after a crash, even if it had ended.
 */
export type Handler = (piece: GivenPiece) => Promise<unknown>;

export interface DrainPorts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Pieces that may begin now besides those under way, outside of off-peak. */
  readonly room: (() => number) | undefined;
  readonly untilOffPeak: UntilOffPeak | undefined;
  /** A piece came to an end, or needs somebody. */
  readonly tell: (piece: Piece) => void;
}

export interface Drain {
  readonly moment: () => Moment;
  readonly agenda: Agenda;
  handle(kind: string, handler: Handler, takesMs?: number): void;
  isHandled(kind: string): boolean;
  /** It waits from now on. */
  add(piece: Piece): void;
  /** Looks whether something may begin. */
  pump(): void;
  /** Tells it to stop; resolves when its end is kept, or after ten seconds. */
  stop(key: string): Promise<void>;
  /** Date by which it may be done, as far as can be told. */
  estimate(piece: Piece): number | undefined;
  close(): Promise<void>;
}

interface Run {
  readonly kind: string;
  readonly abort: AbortController;
  readonly deadlineAt: number;
  readonly beganMs: number;
  readonly ended: Promise<void>;
}

/** A date may jump, room may come, without a word. */
const LOOK_AGAIN_MS = 15_000;
const LOOK_FOR_ROOM_MS = 1000;
/** A rest of a sum of dates is no time. */
const LEAST_WAKE_MS = 1;
/** After a budget stopped it: who says that there is room at once said so before too, and each time is written to the disk. */
const LEAST_STOP_MS = 1000;
/** After the disk refused something. */
const DISK_REST_MS = 1000;
const PATIENCE_MS = 10_000;
/** Of a kind that never came to an end, for estimates. */
const USUAL_MS = 1000;

export function createDrain(settings: WorkSettings, { ledger, clock, room, untilOffPeak, tell }: DrainPorts): Drain {
  const moment = createDates(clock);
  const openedAt = moment().leastMs;
  const agenda = createAgenda(settings.classes.length);
  const handlers = new Map<string, Handler>();
  const runs = new Map<string, Run>();
  const durations = createDurations(settings.lastCallMs);
  const lastCall = createLastCall(settings, { durations, now: () => clock.now(), dated: agenda.dated, under: () => runs.values() });
  let restUntilMs = Number.NEGATIVE_INFINITY;
  const alarm = createAlarm(clock, () => pump());
  let isPumping = false;
  let isClosing = false;

  /** What is known from before, in the order in which it ended: what was put off last need not be what was done last. */
  const recall = (): void => {
    const known = ledger.all().toSorted((one, other) => (one.endedAt ?? 0) - (other.endedAt ?? 0));
    for (const { kind, state, tookMs, endedAt, deadlineAt } of known) {
      if (tookMs === undefined) continue;
      if (state === "done") durations.add(kind, tookMs);
      if (state === "missed" && (endedAt ?? 0) >= (deadlineAt ?? Number.POSITIVE_INFINITY)) durations.addAtLeast(kind, tookMs);
    }
  };

  const isOver = ({ deadlineAt }: Piece): boolean => moment().leastMs >= (deadlineAt ?? Number.POSITIVE_INFINITY);

  /** Of a class that is no more: after all others. */
  const rankOf = (piece: Piece): number => {
    const rank = settings.classes.indexOf(piece.class);
    return rank < 0 ? settings.classes.length - 1 : rank;
  };

  const add = (piece: Piece): void => {
    if (isClosing) return;
    agenda.remove(piece.key);
    agenda.add({
      key: piece.key,
      kind: piece.kind,
      rank: rankOf(piece),
      requester: piece.requester,
      weight: 1,
      deadlineMs: piece.deadlineAt ?? Number.POSITIVE_INFINITY,
      // Of a kind that nobody handles yet only the deadline counts.
      fromMs: handlers.has(piece.kind) ? piece.fromAt : Number.POSITIVE_INFINITY,
    });
  };

  const diskFailed = (key: string): void => {
    restUntilMs = clock.now() + DISK_REST_MS;
    const piece = ledger.get(key);
    if (piece?.state === "waiting") add(piece);
  };

  const miss = async (key: string): Promise<void> => {
    const piece = ledger.get(key);
    agenda.remove(key);
    if (piece?.state !== "waiting") return;
    try {
      const why = piece.reason === null ? "" : `, after: ${piece.reason}`;
      // What came due while nothing was open could not have been handled.
      const isUnhandled = !handlers.has(piece.kind) && (piece.deadlineAt ?? 0) > openedAt;
      const nobody = isUnhandled ? `, and nothing handled "${piece.kind}"` : "";
      const reason = `its deadline came while it waited${why}${nobody}`;
      tell(await ledger.move(piece, { state: "missed", endedAt: moment().leastMs, reason }));
    } catch {
      diskFailed(key);
      pump();
    }
  };

  const begin = (key: string): void => {
    const piece = ledger.get(key);
    const handler = piece === undefined ? undefined : handlers.get(piece.kind);
    agenda.remove(key);
    if (piece?.state !== "waiting" || handler === undefined) return;
    const abort = new AbortController();
    const ended = run(piece, handler, abort.signal).finally(() => {
      runs.delete(key);
      pump();
    });
    lastCall.began(piece.kind);
    runs.set(key, { kind: piece.kind, abort, deadlineAt: piece.deadlineAt ?? Number.POSITIVE_INFINITY, beganMs: clock.now(), ended });
  };

  const run = async (waiting: Piece, handler: Handler, signal: AbortSignal): Promise<void> => {
    let piece: Piece;
    try {
      piece = await ledger.move(waiting, { state: "running", tries: waiting.tries + 1 });
    } catch {
      return diskFailed(waiting.key);
    }
    const beganMs = clock.now();
    let end: (piece: Piece) => readonly [Partial<Piece>, result?: string];
    try {
      signal.throwIfAborted();
      const payload = structuredClone(ledger.payload(piece.key) ?? null);
      const given = { key: piece.key, payload, tries: piece.tries, signal, steps: ledger.steps(piece.key) };
      const { result, reason } = kept(await handler(given));
      const tookMs = clock.now() - beganMs;
      durations.add(piece.kind, tookMs);
      end = () => [{ state: "done", endedAt: moment().leastMs, reason, tookMs }, result];
    } catch (error) {
      const tookMs = clock.now() - beganMs;
      if (isOver(piece)) durations.addAtLeast(piece.kind, tookMs);
      end = (now) => [{ ...afterError(now, error), tookMs }];
    }
    await keepEnd(piece.key, end);
  };

  /** What was done is not undone by the form of its result: to do it again would do it twice. */
  const kept = (returned: unknown): { readonly result: string; readonly reason: string | null } => {
    try {
      return { result: resultText(returned, "the result", settings.mostPieceBytes), reason: null };
    } catch (error) {
      return { result: "null", reason: `it is done, and its result is not kept: ${reasonOf(error)}` };
    }
  };

  const keepEnd = async (key: string, end: (piece: Piece) => readonly [Partial<Piece>, result?: string]): Promise<void> => {
    for (;;) {
      const piece = ledger.get(key);
      if (piece === undefined) return;
      try {
        const next = await ledger.move(piece, ...end(piece));
        if (next.state === "waiting") add(next);
        else tell(next);
        return;
      } catch {
        // After the next start it is begun again, with its key.
        if (isClosing) return;
        await new Promise<void>((resolve) => clock.wake(clock.now() + DISK_REST_MS, resolve));
      }
    }
  };

  const afterError = (piece: Piece, error: unknown): Partial<Piece> => {
    const now = moment().leastMs;
    const reason = reasonOf(error);
    const ended = (state: Piece["state"], why = reason): Partial<Piece> => ({ state, endedAt: now, reason: why });
    const trouble = troubleOf(error);
    if (trouble.kind === "undecided") return ended("undecided");
    if (piece.isCancelled) return ended("cancelled");
    if (isClosing) return { state: "waiting", tries: piece.tries - 1 };
    const deadlineAt = piece.deadlineAt ?? Number.POSITIVE_INFINITY;
    if (isOver(piece)) return ended("missed", `its deadline came while it was under way: ${reason}`);
    if (trouble.kind === "hopeless") return ended("dead");
    if (trouble.kind === "stopped") {
      const waitMs = trouble.isDisk
        ? DISK_REST_MS
        : Math.max(LEAST_STOP_MS, trouble.availableInMs ?? Math.min(settings.mostParkMs, settings.parkMs * 2 ** Math.min(piece.stops, 30)));
      if (now + waitMs >= deadlineAt) return ended("missed", `there is room again after its deadline: ${reason}`);
      return { state: "waiting", fromAt: Math.ceil(now + waitMs), tries: piece.tries - 1, stops: piece.stops + 1, reason };
    }
    if (piece.tries >= settings.tries) return ended("dead", `it failed ${piece.tries} times, the last time: ${reason}`);
    const fromAt = now + settings.retryMs * 2 ** (piece.tries - 1);
    if (fromAt >= deadlineAt) return ended("missed", `it would be tried again after its deadline: ${reason}`);
    return { state: "waiting", fromAt, stops: 0, reason };
  };

  const roomNow = (dateMs: number): number => {
    if (untilOffPeak?.(dateMs) === 0) return Number.POSITIVE_INFINITY;
    if (room === undefined) return untilOffPeak === undefined ? Number.POSITIVE_INFINITY : 0;
    try {
      return room();
    } catch (error) {
      // The owner's mistake is told as such, and does not look like one of whoever puts something off.
      queueMicrotask(() => {
        throw error;
      });
      return 0;
    }
  };

  const next = (free: number, mostMs: number): Planned | undefined => {
    const first = free > 0 ? agenda.first() : undefined;
    if (first !== undefined) return first;
    const urgent = agenda.mostUrgent();
    return urgent !== undefined && lastCall.isFor(urgent, mostMs) ? urgent : undefined;
  };

  const pump = (): void => {
    if (isPumping || isClosing) return;
    isPumping = true;
    try {
      const now = clock.now();
      if (now < restUntilMs) return alarm.by(restUntilMs);
      const { leastMs, mostMs } = moment();
      for (let first = agenda.firstToExpire(); first !== undefined && first.deadlineMs <= leastMs; first = agenda.firstToExpire())
        void miss(first.key);
      for (const { deadlineAt, abort } of runs.values())
        if (deadlineAt <= leastMs) abort.abort(new PaceError("stopped", "its deadline came", "Put it off with more time."));
      agenda.pass(leastMs);
      let free = agenda.inLine === 0 ? 0 : roomNow(leastMs);
      while (runs.size < settings.atOnce) {
        const piece = next(free, mostMs);
        if (piece === undefined) break;
        if (piece.deadlineMs <= mostMs) {
          agenda.remove(piece.key);
          agenda.add({ ...piece, fromMs: leastMs + LOOK_AGAIN_MS });
          continue;
        }
        free--;
        begin(piece.key);
      }
      if (agenda.size === 0 && runs.size === 0) return;
      const deadlines = [...runs.values()].map(({ deadlineAt }) => (deadlineAt > leastMs ? deadlineAt : Number.POSITIVE_INFINITY));
      const at = Math.min(agenda.nextMs(), agenda.firstToExpire()?.deadlineMs ?? Number.POSITIVE_INFINITY, ...deadlines) - leastMs;
      const looked = agenda.inLine > 0 && runs.size < settings.atOnce ? LOOK_FOR_ROOM_MS : LOOK_AGAIN_MS;
      alarm.by(now + Math.min(Math.max(LEAST_WAKE_MS, at), looked));
    } finally {
      isPumping = false;
    }
  };

  const stop = async (key: string): Promise<void> => {
    const found = runs.get(key);
    found?.abort.abort(new PaceError("stopped", "it was cancelled", "Put it off again if it is wanted."));
    if (found !== undefined) await patiently(found.ended);
  };

  /** Handlers that do not end when they are told to are left behind. */
  const patiently = async (ended: Promise<unknown>): Promise<void> => {
    let forget: (() => void) | undefined;
    const patience = new Promise<void>((resolve) => {
      forget = clock.wake(clock.now() + PATIENCE_MS, resolve);
    });
    await Promise.race([patience, ended]);
    forget?.();
  };

  const estimate = (piece: Piece): number | undefined => {
    const usual = durations.usualMs(piece.kind) ?? USUAL_MS;
    const { leastMs } = moment();
    const under = runs.get(piece.key);
    if (under !== undefined) return leastMs + Math.max(0, usual - (clock.now() - under.beganMs));
    if (piece.state !== "waiting" || !handlers.has(piece.kind)) return undefined;
    let startMs = Math.max(leastMs, piece.fromAt);
    const before = agenda.upTo(rankOf(piece)) + (piece.fromAt > leastMs ? 1 : 0);
    if (!(roomNow(startMs) > 0)) {
      const latestMs = Math.max(startMs, lastCall.latestMs(piece.kind, piece.deadlineAt ?? Number.POSITIVE_INFINITY, before));
      startMs = Math.min(latestMs, startMs + (untilOffPeak?.(startMs) ?? Number.POSITIVE_INFINITY));
    }
    const estimated = startMs + Math.ceil(Math.max(1, before) / settings.atOnce) * usual;
    return Number.isFinite(estimated) ? estimated : undefined;
  };

  recall();
  return {
    moment,
    agenda,
    handle: (kind, handler, takesMs) => {
      handlers.set(kind, handler);
      if (takesMs !== undefined) durations.expect(kind, takesMs);
      for (const piece of ledger.all()) if (piece.kind === kind && piece.state === "waiting") add(piece);
      pump();
    },
    isHandled: (kind) => handlers.has(kind),
    add: (piece) => {
      add(piece);
      pump();
    },
    pump,
    stop,
    estimate,
    close: async () => {
      isClosing = true;
      alarm.forget();
      for (const { abort } of runs.values())
        abort.abort(new PaceError("stopped", "the work was closed", "It goes on when it is opened again."));
      await patiently(Promise.all([...runs.values()].map(({ ended }) => ended)));
    },
  };
}
