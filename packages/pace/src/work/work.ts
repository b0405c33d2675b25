/**
 * Work that is put off until there is room for it, and that no crash loses.
 *
 *   work.handle("summarise", async ({ payload, key, signal }) => { … await pace.fetch(…) … });
 *   await work.defer("summarise", { day: "2026-01-31" }, { key: "summary of 2026-01-31", deadlineMs: 12 * 3_600_000 });
 *
 * It is kept when `defer` resolves. It begins in the order of classes, by turns of requesters, the nearest deadline first; at least once, with the same key each time. What a
 * budget stopped waits until there is room again; what cannot be done in time, failed for good, or needs a person is told and kept until somebody answers.
 */
import {
  bad,
  checkAbove,
  checkFunction,
  checkMethods,
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  checkTexts,
  type Given,
  saidOf,
  shown,
} from "../argument.ts";
import { PaceError } from "../error.ts";
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";
import { differenceOf } from "./difference.ts";
import { createDrain, type Handler } from "./drain.ts";
import { createEnded } from "./ended.ts";
import { type Json, jsonText } from "./json.ts";
import { createLedger } from "./ledger.ts";
import { createOffPeak, type OffPeak } from "./off-peak.ts";
import { ENDED_STATES, type Piece, WORK_SETTINGS, type WorkSettings, type WorkState } from "./piece.ts";
import type { Found, Shelf } from "./shelf.ts";
import { decideStep } from "./task.ts";

export interface WorkOptions extends Given<WorkSettings> {
  /** Hours in which work that waits begins; all of the day unless said. */
  readonly offPeak?: OffPeak | undefined;
  /** Pieces that may begin now, outside of those hours: by how much of a quota is left. None unless said, where there are such hours. */
  readonly room?: (() => number) | undefined;
  /** A piece is done, missed, dead, undecided or cancelled: after that was kept, once, unless the process ends in between. */
  readonly tell?: ((status: WorkStatus) => void) | undefined;
}

export interface DeferTerms {
  /** Names this piece of work: another with the same key is the same, and is given as it is, missed or cancelled too, until it is forgotten. One that nothing else has unless said. */
  readonly key?: string | undefined;
  readonly class?: string | undefined;
  /** For whom: those of one class take turns. */
  readonly requester?: string | undefined;
  /** From now, by then it is done or missed; none unless said. */
  readonly deadlineMs?: number | undefined;
  /** From now, not before. */
  readonly delayMs?: number | undefined;
}

export interface HandlerTerms {
  /** How long one of this kind takes, until that was measured: so it begins early enough for its deadline the first time too. */
  readonly takesMs?: number | undefined;
}

export interface WorkStatus {
  readonly key: string;
  readonly kind: string;
  readonly class: string;
  readonly state: WorkState;
  readonly tries: number;
  /** Dates, in milliseconds since 1970. */
  readonly deferredAt: number;
  readonly deadlineAt: number | undefined;
  /** By when it may be done; an estimate, that moves. None where nobody can tell. */
  readonly expectedAt: number | undefined;
  readonly result: Json | undefined;
  /** Why it is missed, dead, undecided, or still waits. */
  readonly reason: string | undefined;
}

/** What a person knows of an effect that may have come about. */
export type Decision =
  /** It did, and this is what came of it. */
  { readonly kind: "made"; readonly result: unknown } | { readonly kind: "not-made" } | { readonly kind: "give-up" };

export interface ClassDepth {
  readonly waiting: number;
  readonly running: number;
  /** The longest that one has waited. */
  readonly oldestMs: number;
}

export interface WorkDepth {
  readonly classes: ReadonlyMap<string, ClassDepth>;
  readonly done: number;
  readonly missed: number;
  readonly dead: number;
  readonly undecided: number;
  /** Kinds that wait and that nobody handles. */
  readonly unhandled: readonly string[];
}

export interface Work extends AsyncDisposable {
  /** What was there at the opening, and what of it could not be read. */
  readonly found: Found;
  /** Throws `bad-argument`. */
  handle(kind: string, handler: Handler, terms?: HandlerTerms): void;
  /** Kept when it resolves. Throws `bad-argument`, `too-late`, `queue-full`, `disk-full`, `disk-failed`, `closed`. */
  defer(kind: string, payload: unknown, terms?: DeferTerms): Promise<WorkStatus>;
  /** None of what is not known, or not any more. */
  status(key: string): WorkStatus | undefined;
  /** All in a state, the oldest first. */
  list(state: WorkState): readonly WorkStatus[];
  /** It will not begin any more; what is under way is told to stop and waited for. Gives where it ended: it may be done by then. */
  cancel(key: string): Promise<WorkStatus>;
  /** Forgets what has ended. */
  acknowledge(key: string): Promise<void>;
  /** What is missed, dead or cancelled waits again, and goes on at the step where it was. */
  retry(key: string, terms?: Pick<DeferTerms, "deadlineMs" | "delayMs">): Promise<WorkStatus>;
  /** What is undecided goes on, or is given up. */
  decide(key: string, decision: Decision): Promise<WorkStatus>;
  state(): WorkDepth;
  /** All that was said until now is kept when it resolves. */
  flush(): Promise<void>;
  /** Nothing begins any more; what is under way is told to stop, waited for ten seconds, and goes on when it is opened again. */
  close(): Promise<void>;
}

export interface WorkPorts {
  readonly shelf: Shelf;
  readonly clock: Clock;
  readonly random: Random;
}

const LONGEST_NAME = 200;
const TERMS = ["key", "class", "requester", "deadlineMs", "delayMs"];
const STATES: readonly WorkState[] = ["waiting", "running", "done", "missed", "dead", "undecided", "cancelled"];
const DECISIONS: readonly Decision["kind"][] = ["made", "not-made", "give-up"];
const OPTIONS = [...Object.keys(WORK_SETTINGS), "offPeak", "room", "tell"];

/** Takes up what was under way. Throws `bad-argument`, and as the shelf does. */
export async function createWork({ shelf, clock, random }: WorkPorts, options: WorkOptions = {}): Promise<Work> {
  checkPorts({ shelf, clock, random });
  checkOptions(options);
  const { offPeak, room, tell, ...rest } = options;
  const settings: WorkSettings = { ...WORK_SETTINGS, ...saidOf(rest) };
  const usualClass =
    rest.usualClass ?? (settings.classes.includes(settings.usualClass) ? settings.usualClass : (settings.classes.at(-1) ?? ""));
  checkClass(settings.classes, usualClass);
  const ledger = createLedger(shelf);

  const told = (piece: Piece): void => {
    ended.add(piece.key);
    void ended.forgetOld();
    const status = statusOf(piece);
    // What the owner does with it is not done in the middle of ours.
    if (tell !== undefined) queueMicrotask(() => tell(status));
  };
  const untilOffPeak = offPeak === undefined ? undefined : createOffPeak(offPeak);
  const drain = createDrain(settings, { ledger, clock, room, untilOffPeak, tell: told });
  const ended = createEnded(settings, { ledger, moment: drain.moment });

  const statusOf = (piece: Piece): WorkStatus => ({
    key: piece.key,
    kind: piece.kind,
    class: piece.class,
    state: piece.state,
    tries: piece.tries,
    deferredAt: piece.deferredAt,
    deadlineAt: piece.deadlineAt ?? undefined,
    expectedAt: drain.estimate(piece),
    result: structuredClone(ledger.result(piece.key)),
    reason: piece.reason ?? (piece.state === "waiting" && !drain.isHandled(piece.kind) ? `nothing handles "${piece.kind}"` : undefined),
  });

  const times = ({ deadlineMs, delayMs = 0 }: DeferTerms): Pick<Piece, "fromAt" | "deadlineAt"> => {
    const { leastMs } = drain.moment();
    if (deadlineMs !== undefined && deadlineMs <= delayMs)
      throw new PaceError("too-late", "its deadline comes before it may begin", "Give it more time.", { availableInMs: delayMs });
    return {
      fromAt: leastMs + delayMs,
      deadlineAt: deadlineMs === undefined || deadlineMs === Number.POSITIVE_INFINITY ? null : leastMs + deadlineMs,
    };
  };

  const again = async (piece: Piece, to: Partial<Piece>): Promise<WorkStatus> => {
    const next = await ledger.move(piece, { state: "waiting", endedAt: null, tries: 0, stops: 0, isCancelled: false, ...to });
    ended.remove(piece.key);
    drain.add(next);
    return statusOf(next);
  };

  const knownBy = (key: string): Piece => {
    checkName(key, "key");
    return ledger.known(key);
  };

  const wrongState = (piece: Piece, wanted: string): PaceError =>
    new PaceError("bad-argument", `the work "${piece.key.slice(0, 80)}" is ${piece.state}`, `Only ${wanted}.`);

  await takeUp();
  return {
    found: shelf.found,
    handle: (kind, handler, terms = {}) => {
      checkName(kind, "kind");
      checkFunction(`the handler of "${kind}"`, handler);
      checkNames("handle", terms, ["takesMs"]);
      if (terms.takesMs !== undefined) checkNumber("takesMs", terms.takesMs, 1);
      if (drain.isHandled(kind)) throw new PaceError("bad-argument", `"${kind}" is handled already`, "One handler has a kind.");
      drain.handle(kind, handler, terms.takesMs);
    },
    defer: async (kind, payload, terms = {}) => {
      checkName(kind, "kind");
      checkNames("defer", terms, TERMS);
      const key = terms.key ?? `work-${hex(random)}${hex(random)}`;
      checkName(key, "key");
      if (terms.requester !== undefined) checkName(terms.requester, "requester");
      const className = terms.class ?? usualClass;
      checkClass(settings.classes, className);
      checkTimes(terms);
      const text = jsonText(payload, "payload", settings.mostPieceBytes);
      const known = ledger.get(key);
      if (known !== undefined) {
        const differs = known.kind === kind ? differenceOf(ledger.payload(key) ?? null, JSON.parse(text)) : `its kind is "${known.kind}"`;
        if (differs !== undefined)
          throw bad(
            `the key ${shown(key)} names other work: ${differs}`,
            "A key names one piece of work, from when it is put off until it is forgotten. Put into it what makes this another one.",
          );
        await shelf.flush();
        return statusOf(ledger.get(key) ?? known);
      }
      const missing = shelf.characters + text.length - settings.mostCharacters;
      if (ledger.open >= settings.most || missing > ended.characters)
        throw new PaceError(
          "queue-full",
          `${ledger.open} pieces of work wait or are owed an answer, of ${shelf.characters - ended.characters} characters`,
          "Acknowledge what is missed or dead, put off less, or raise `most` or `mostCharacters`.",
        );
      const piece: Piece = {
        key,
        kind,
        class: className,
        requester: terms.requester ?? "",
        state: "waiting",
        deferredAt: drain.moment().leastMs,
        ...times(terms),
        endedAt: null,
        tries: 0,
        stops: 0,
        isCancelled: false,
        reason: null,
      };
      // Changes of one moment are written together: nothing is forgotten for work that is not kept.
      await Promise.all([ended.forgetFor(missing), ledger.add(piece, text)]);
      drain.add(piece);
      return statusOf(piece);
    },
    status: (key) => {
      checkName(key, "key");
      const piece = ledger.get(key);
      return piece === undefined ? undefined : statusOf(piece);
    },
    list: (state) => {
      checkOneOf("state of work", state, STATES);
      return ledger
        .all()
        .filter((piece) => piece.state === state)
        .sort((one, other) => one.deferredAt - other.deferredAt)
        .map(statusOf);
    },
    cancel: async (key) => {
      const piece = knownBy(key);
      if (piece.state === "waiting") {
        drain.agenda.remove(key);
        try {
          const cancelled = await ledger.move(piece, { state: "cancelled", endedAt: drain.moment().leastMs });
          told(cancelled);
          return statusOf(cancelled);
        } catch (error) {
          drain.add(piece);
          throw error;
        }
      }
      if (piece.state === "running") {
        await ledger.move(piece, { isCancelled: true });
        await drain.stop(key);
      }
      return statusOf(ledger.get(key) ?? piece);
    },
    acknowledge: async (key) => {
      const piece = knownBy(key);
      if (piece.state === "waiting" || piece.state === "running") throw wrongState(piece, "what has ended is acknowledged");
      await ledger.forget([key]);
      ended.remove(key);
    },
    retry: async (key, terms = {}) => {
      const piece = knownBy(key);
      checkNames("retry", terms, ["deadlineMs", "delayMs"]);
      checkTimes(terms);
      if (!["missed", "dead", "cancelled"].includes(piece.state))
        throw wrongState(piece, "what is missed, dead or cancelled is tried again");
      return await again(piece, times(terms));
    },
    decide: async (key, decision) => {
      const piece = knownBy(key);
      checkDecision(decision);
      if (piece.state !== "undecided") throw wrongState(piece, "what is undecided is decided");
      if (decision.kind === "give-up") {
        const next = await ledger.move(piece, { state: "dead", reason: `given up: ${piece.reason}` });
        told(next);
        return statusOf(next);
      }
      // What is changed in one moment is written together, and nothing that somebody else says comes in between.
      const written = decideStep(ledger.steps(key), decision);
      if (written === undefined && decision.kind === "made") {
        const result = jsonText(decision.result, "the result", settings.mostPieceBytes);
        const next = await ledger.move(piece, { state: "done", endedAt: drain.moment().leastMs, reason: null }, result);
        told(next);
        return statusOf(next);
      }
      const [status] = await Promise.all([again(piece, {}), written]);
      return status;
    },
    state: () => depth(),
    flush: () => shelf.flush(),
    close,
    [Symbol.asyncDispose]: close,
  };

  async function close(): Promise<void> {
    await drain.close();
    await shelf.close();
  }

  async function takeUp(): Promise<void> {
    const { leastMs } = drain.moment();
    const all = ledger.all();
    const moves = all.flatMap((piece): (readonly [Piece, Partial<Piece>])[] => {
      if (piece.state !== "running") return [];
      if (piece.isCancelled) return [[piece, { state: "cancelled", endedAt: leastMs }]];
      if (piece.tries < settings.tries) return [[piece, { state: "waiting" }]];
      return [[piece, { state: "dead", endedAt: leastMs, reason: `it was begun ${piece.tries} times and ended the process, or with it` }]];
    });
    await ledger.moveAll(moves);
    const known = ledger.all().filter(({ state }) => ENDED_STATES.has(state));
    for (const { key } of known.sort((one, other) => (one.endedAt ?? 0) - (other.endedAt ?? 0))) ended.add(key);
    for (const piece of moves.map(([{ key }]) => ledger.known(key))) if (piece.state !== "waiting") told(piece);
    await ended.forgetOld();
    for (const piece of ledger.all()) if (piece.state === "waiting") drain.add(piece);
  }

  function depth(): WorkDepth {
    const { leastMs } = drain.moment();
    const classes = new Map<string, ClassDepth>();
    const counts = { done: 0, missed: 0, dead: 0, undecided: 0 };
    const unhandled = new Set<string>();
    for (const { state, kind, class: name, deferredAt } of ledger.all()) {
      if (state === "waiting" || state === "running") {
        const { waiting, running, oldestMs } = classes.get(name) ?? { waiting: 0, running: 0, oldestMs: 0 };
        const isWaiting = Number(state === "waiting");
        classes.set(name, {
          waiting: waiting + isWaiting,
          running: running + 1 - isWaiting,
          oldestMs: Math.max(oldestMs, isWaiting * (leastMs - deferredAt)),
        });
        if (!drain.isHandled(kind)) unhandled.add(kind);
      } else if (state !== "cancelled") counts[state]++;
    }
    return { classes, ...counts, unhandled: [...unhandled] };
  }
}

/** 48 bits. */
function hex(random: Random): string {
  return Math.floor(random() * 2 ** 48)
    .toString(16)
    .padStart(12, "0");
}

function checkName(name: unknown, what: string): void {
  if (typeof name !== "string" || name.length === 0 || name.length > LONGEST_NAME)
    throw bad(`the ${what} is ${shown(name)}`, `It is text of 1 to ${LONGEST_NAME} characters.`);
}

function checkClass(classes: readonly string[], name: unknown): void {
  checkOneOf("class of work", name, classes);
}

function checkTimes({ deadlineMs, delayMs = 0 }: Pick<DeferTerms, "deadlineMs" | "delayMs">): void {
  if (deadlineMs !== undefined) checkAbove("deadlineMs", deadlineMs);
  checkNumber("delayMs", delayMs, 0);
}

/** One that is misspelt is not taken for another: an effect would be made twice. */
function checkDecision(decision: unknown): void {
  checkObject("a decision", decision, '{ kind: "not-made" }');
  const { kind } = decision as Partial<Decision>;
  checkOneOf("decision", kind, DECISIONS);
  checkNames("a decision", decision, kind === "made" ? ["kind", "result"] : ["kind"]);
}

function checkOptions(options: WorkOptions): void {
  checkNames("work", options, OPTIONS);
  const { classes, room, tell } = options;
  for (const [name, usual] of Object.entries(WORK_SETTINGS)) {
    const value: unknown = options[name as keyof WorkSettings];
    if (value === undefined || typeof usual !== "number") continue;
    if (typeof value !== "number" || !(value >= 1)) throw bad(`${name} is ${shown(value)}`, `A number from 1 on, as ${usual}.`);
  }
  if (classes !== undefined) {
    checkTexts("classes", classes);
    if (classes.length === 0 || new Set(classes).size < classes.length)
      throw bad(`classes: [${classes.join(", ")}]`, "At least one, each once; the first begins first.");
  }
  if (room !== undefined) checkFunction("room", room);
  if (tell !== undefined) checkFunction("tell", tell);
}

function checkPorts({ shelf, clock, random }: WorkPorts): void {
  checkMethods("the shelf", shelf, ["get", "sizeOf", "entries", "change", "flush", "close"]);
  checkMethods("clock", clock, ["now", "date", "wake"]);
  checkFunction("random", random);
}
