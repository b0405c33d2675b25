/**
 * Windows of a day and longer, which end by the date: a monotonic clock stands still while a machine sleeps, and a budget of today would be spent tomorrow still.
 *
 * State: the window that it is now, and those whose budget was given. Input: looks at the date, which may jump (`host/dates.ts`). Invariants: the budget of each window is
 * given once, however often the date jumps there and back; while the date is in doubt, none is given that only one of both dates would give.
 */
import type { Moment } from "../host/dates.ts";

export interface DatedWindows {
  /** `begins`: its budget is given now. `leftMs`: until the next may begin. */
  look(): { readonly begins: boolean; readonly leftMs: number };
}

/** A date that is in doubt may stand at any moment: nobody is turned away for the old one. */
const IN_DOUBT_MS = 1000;
/** Years of days; jumps that stand are seldom. */
const REMEMBERED = 1000;

export function createDatedWindows(windowMs: number, moment: () => Moment): DatedWindows {
  const nthOf = (dateMs: number): number => Math.floor(dateMs / windowMs);
  let current = nthOf(moment().leastMs);
  // bound: REMEMBERED.
  const given = new Set([current]);
  return {
    look: () => {
      const { leastMs, mostMs } = moment();
      const isSure = leastMs === mostMs;
      const nth = nthOf(leastMs);
      const begins = nth > current && !given.has(nth);
      // Back in doubt: as it was, until that is sure.
      if (isSure || nth > current) current = nth;
      given.add(current);
      if (given.size > REMEMBERED) given.delete(given.values().next().value as number);
      const leftMs = windowMs - ((nth < current ? mostMs : leastMs) % windowMs);
      return { begins, leftMs: nthOf(mostMs) > current ? Math.min(leftMs, IN_DOUBT_MS) : leftMs };
    },
  };
}
