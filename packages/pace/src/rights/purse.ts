/**
 * A quota that is shared and that nobody else watches over, as one gate has it: an account that is filled from the ledger's pool, some calls ahead.
 *
 * What is reserved is within the ceiling that was granted. A window that ended gives nothing any more; what was under way at its end is spent of the next.
 */
import { createRecent } from "../control/recent.ts";
import type { Account, Reservation } from "../quota/account.ts";
import type { Reading, Unit } from "../quota/reading.ts";
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
  report(nowMs: number): UnitsReport;
  /** `endsMs`: in this clock's time. */
  granted(grant: UnitsGrant, endsMs: number | undefined): void;
}

/** What goes in so long is asked for ahead: to be spent where the ledger is not reached, and lost where its holder dies. */
const AHEAD_MS = 5000;
const MEASURED_MS = 10_000;
const ROUNDING = 1e-6;
/** What others have not given back yet. */
const ASK_AGAIN_MS = 100;

/** `short`: more is needed than is held; a grant may come before it returns. */
export function createPurse(
  nowMs: number,
  { unit, name, limit, windowMs, shape, resetInMs }: PurseTerms,
  short: (nowMs: number) => void,
): Purse {
  const recent = createRecent();
  let [window, ceiling, free] = [0, 0, 0];
  let endsMs: number | undefined;
  const firstEndsMs = nowMs + resetInMs;
  let [used, underWay, settled] = [0, 0, 0];
  let calls = 0;
  let needs = 0;

  const available = (now: number): number => (endsMs !== undefined && now >= endsMs ? 0 : Math.max(0, ceiling - used));

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
    // What others hold counts as spent: nobody here can have it.
    used: (now) => (endsMs === undefined ? 0 : Math.max(0, limit - free - available(now))),
    available,
    resetInMs: (now) => (endsMs === undefined ? windowMs : Math.max(0, endsMs - now)),
    readyMs: (now, units) => {
      if (units > limit) return Number.POSITIVE_INFINITY;
      if (units <= available(now) + ROUNDING) return now;
      needs = Math.max(needs, units);
      short(now);
      if (units <= available(now) + ROUNDING) return now;
      if (endsMs !== undefined && now < endsMs && free + available(now) < units) return endsMs;
      return now + (shape === "bucket" ? Math.max(ASK_AGAIN_MS, ((units - available(now) - free) * windowMs) / limit) : ASK_AGAIN_MS);
    },
    reserve: (now, units): Reservation => {
      used += units;
      underWay += units;
      calls++;
      recent.add(now, units);
      needs = 0;
      let isSettled = false;
      return {
        settle: (_later, real) => {
          if (isSettled) return;
          isSettled = true;
          calls--;
          underWay = calls === 0 ? 0 : underWay - units;
          used = Math.max(0, used + real - units);
          settled += real;
        },
      };
    },
    correct: (_now, units) => {
      settled += units;
      used = Math.max(0, used + units);
    },
    told: () => undefined,
    report: (now) => ({
      limit,
      windowMs,
      shape,
      resetInMs: now < firstEndsMs ? firstEndsMs - now : windowMs - ((now - firstEndsMs) % windowMs),
      window,
      used,
      underWay,
      wants: Math.max(needs, (recent.rate(now, MEASURED_MS) * AHEAD_MS) / 1000),
      least: needs,
    }),
    granted: (grant, atMs) => {
      if (grant.window !== window) used = underWay;
      ({ window, ceiling, free } = grant);
      endsMs = atMs;
    },
  };
}
