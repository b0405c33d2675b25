/**
 * A quota that is shared and that nobody else watches over, as one gate has it: an account that is filled from the ledger's pool, some calls ahead.
 *
 * What is reserved is within the ceiling that was granted. A window that ended gives nothing any more; what was under way at its end is spent of the next. What is
 * told of it is of all who share it, as the last grant said. What others hold, and what their calls may leave of what they were taken for, is waited for, and asked for,
 * as they do for what is held here; only what is spent is gone until the window ends.
 */
import { createRecent } from "../control/recent.ts";
import type { Account, Reservation } from "../quota/account.ts";
import type { Reading, Unit } from "../quota/reading.ts";
import { createTrailing } from "../quota/trailing.ts";
import type { UnitsGrant, UnitsReport } from "./report.ts";

export interface PurseTerms {
  readonly unit: Unit;
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly shape: Reading["shape"];
  /** Until the first window ends. */
  readonly resetInMs: number;
}

export interface Purse extends Account {
  /** Units that may be reserved without asking the ledger. */
  held(nowMs: number): number;
  /** The ledger was told last that a call waits: what is owed to it nobody else has. */
  readonly isOwed: boolean;
  report(nowMs: number): UnitsReport;
  /** In this clock's time: `stopsMs` is before the end of the window however clocks go, `endsMs` when it ends, as far as is known. */
  granted(nowMs: number, grant: UnitsGrant, stopsMs: number | undefined, endsMs?: number): void;
}

/** What goes in so long is asked for ahead: to be spent where the ledger is not reached, and lost where its holder dies. */
const AHEAD_MS = 5000;
const MEASURED_MS = 10_000;
const ROUNDING = 1e-6;
/** What others have not given back yet. */
const ASK_AGAIN_MS = 100;
/** Gates ask again a few times a second for as long as somebody waits: who did not ask for so long left, or was turned away, and needs nothing. */
const ASKED_MS = 1000;
const NOTHING = { units: 0, atMs: Number.NEGATIVE_INFINITY };

/** `short`: more is needed than is held, or less; a grant may come before it returns. */
export function createPurse(
  nowMs: number,
  { unit, name, limit, windowMs, shape, resetInMs }: PurseTerms,
  short: (nowMs: number) => void,
): Purse {
  const recent = createRecent();
  const spent = createTrailing();
  let [window, ceiling, free, others, othersUnderWay] = [0, 0, 0, 0, 0];
  let isAwaited = false;
  let isOwed = false;
  let grantedMs = nowMs;
  /** The window that it is now: when it was heard of. */
  let beganMs = Number.NEGATIVE_INFINITY;
  let stopsMs: number | undefined;
  let endsMs: number | undefined;
  const firstEndsMs = nowMs + resetInMs;
  let [used, underWay, settled] = [0, 0, 0];
  let calls = 0;
  let asked = NOTHING;

  const isOver = (now: number): boolean => stopsMs !== undefined && now >= stopsMs;
  const held = (now: number): number => (isOver(now) ? 0 : Math.max(0, ceiling - used));
  const needs = (now: number): number => (now < asked.atMs + ASKED_MS ? asked.units : 0);
  /** In nobody's hands, as far as was told; all, where nothing was told of the window that it is now. */
  const freeAt = (now: number): number => {
    if (window === 0 || isOver(now)) return Math.max(0, limit - underWay);
    if (shape === "window") return free;
    return Math.max(0, Math.min(limit - held(now) - others, free + (limit / windowMs) * Math.max(0, now - grantedMs)));
  };
  const available = (now: number): number => held(now) + freeAt(now) + (window === 0 || isOver(now) ? 0 : others);
  /** What may come back of calls: those under way may take less than they were taken for; as requests they are one each. */
  const backOf = (ofCalls: number): number => (unit === "requests" ? 0 : ofCalls);
  const lackingAt = (now: number, units: number): number =>
    units - available(now) - (window === 0 || isOver(now) ? 0 : backOf(othersUnderWay));
  /** Of this window, by the time that all calls have ended. */
  const couldBe = (now: number, units: number): boolean => shape === "bucket" || lackingAt(now, units) <= backOf(underWay) + ROUNDING;

  /** What others wait for is not taken for the next call here. */
  const use = (now: number, more: number): void => {
    const before = held(now);
    used = Math.max(0, used + more);
    if (!isAwaited || more >= 0) return;
    const givenBack = ceiling - Math.min(ceiling, used + before);
    ceiling -= givenBack;
    free += givenBack;
    short(now);
  };

  return {
    unit,
    name,
    source: "policy",
    limit,
    windowMs,
    shape,
    get outstanding() {
      return underWay;
    },
    get settled() {
      return settled;
    },
    used: (now) => {
      const gone = Math.max(0, limit - available(now));
      // Nobody counts what all spent of a bucket in the last while: it is what lacks now, or what was spent here, as of one that is not shared.
      return shape === "bucket" ? Math.min(limit, Math.max(gone, spent.sum(now, windowMs))) : gone;
    },
    held,
    available,
    resetInMs: (now) => {
      if (shape === "bucket") return ((limit - available(now)) * windowMs) / limit;
      return endsMs === undefined ? windowMs : Math.max(0, endsMs - now);
    },
    readyMs: (now, units) => {
      if (units > limit) return Number.POSITIVE_INFINITY;
      if (units <= held(now) + ROUNDING) return now;
      // What is not there in this window nobody gives, and those that need less would wait for it.
      if (couldBe(now, units) && units >= needs(now)) asked = { units, atMs: now };
      short(now);
      if (units <= held(now) + ROUNDING) return now;
      // What was heard last may have been long ago.
      if (asked.units >= units && !couldBe(now, units)) asked = NOTHING;
      const lacking = lackingAt(now, units);
      if (lacking <= ROUNDING || isOver(now)) return now + ASK_AGAIN_MS;
      return endsMs ?? now + Math.max(ASK_AGAIN_MS, (lacking * windowMs) / limit);
    },
    reserve: (now, units): Reservation => {
      used += units;
      underWay += units;
      calls++;
      recent.add(now, units);
      spent.add(now, units, windowMs);
      asked = NOTHING;
      let isSettled = false;
      return {
        settle: (later, real) => {
          if (isSettled) return;
          isSettled = true;
          calls--;
          underWay = calls === 0 ? 0 : underWay - units;
          use(later, real - units);
          settled += real;
          if (real !== units) spent.add(later, real - units, windowMs);
        },
      };
    },
    correct: (now, units, settledMs = now) => {
      settled += units;
      if (units < 0 && settledMs <= beganMs) return;
      spent.add(now, units, windowMs);
      use(now, units);
      // While calls are under way it is told again and again.
      if (calls === 0) short(now);
    },
    told: () => undefined,
    get isOwed() {
      return isOwed;
    },
    report: (now) => {
      const least = needs(now);
      isOwed = least > 0;
      return {
        limit,
        windowMs,
        shape,
        resetInMs: now < firstEndsMs ? firstEndsMs - now : windowMs - ((now - firstEndsMs) % windowMs),
        window,
        used,
        underWay,
        wants: Math.max(least, (recent.rate(now, MEASURED_MS) * AHEAD_MS) / 1000),
        least,
      };
    },
    granted: (now, grant, beforeEndMs, atMs = beforeEndMs) => {
      if (grant.window !== window) {
        used = underWay;
        if (window !== 0) beganMs = now;
      }
      grantedMs = now;
      ({ window, ceiling, free, others, othersUnderWay, isAwaited } = grant);
      [stopsMs, endsMs] = [beforeEndMs, atMs];
    },
  };
}
