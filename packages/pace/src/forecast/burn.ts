/**
 * How fast one gauge falls since its load last changed, and how unevenly.
 *
 * Input: the gauge at moments that never go back, sooner or later after each other. What comes back is counted where it comes back all the time (a bucket, what is
 * held); a window that begins anew gives back nothing, it is a new one. A limit that moved says nothing of what was spent, and that stretch is left out.
 *
 * State: what was lost so far, in steps, and the step with which the present load began. A load has changed where what came before a moment and what came after it
 * differ by more than both tremble. So a steady load is measured over a long time, and a new one from its own beginning. The largest step is left out when
 * that is judged: one huge call is no load.
 */
import type { Gauge } from "../quota/gauge.ts";

/** A load that is over. */
export interface Past {
  /** Units a second that were taken, whatever came back. */
  readonly gross: number;
  readonly ms: number;
  /** Whether its beginning was seen as well. */
  readonly isWhole: boolean;
  /** What is taken since, as `gross`. */
  readonly after: number;
}

export interface Burned {
  /** Units a second; below zero where more came back than was taken. */
  readonly perSecond: number;
  /** Units a second that were taken, whatever came back. */
  readonly gross: number;
  /** `perSecond` without the largest step. */
  readonly usual: () => number;
  /** Of the sum over one second, from one second to the next. */
  readonly variance: number;
  /** That was measured over: of the present load, and not longer than is told of one rate. */
  readonly spanMs: number;
  /** Since the present load began, or longer. */
  readonly loadMs: number;
  /** That ended at this look. */
  readonly past: readonly Past[];
}

export interface Burn {
  /** None before there is enough to tell. */
  look(nowMs: number, gauge: Gauge): Burned | undefined;
}

interface Step {
  readonly atMs: number;
  /** Units lost since the beginning, without what came back. */
  readonly lost: number;
  /** Sum of what was seen of the size of a piece, and how often it was. */
  readonly pieces: number;
  readonly seen: number;
}

/** Looks closer together than a part of the lead are seen as one. A little less than a twentieth, so that twenty looks a lead are all seen. */
const STEP = 0.04995;
/** Steps are kept for so many leads, and some more, so that they are not moved at each look. */
const KEPT = 7;
const MOST_STEPS = 182;
/** A rate is told from so many leads at least, and so many at most: what is older says little of a load that rises slowly. */
const LEAST_SPAN = 0.3;
const MOST_SPAN = 3;
/** On both sides of a change there is so much of a lead. */
const SIDE = 0.15;
/** Deviations that both sides differ by: each look asks of many moments, and a rate torn apart by chance is measured anew from nothing. */
const SURELY = 6;
/** A rate strays by so much of itself and is the same. */
export const STRAY = 0.05;
/** What is taken in pieces all alike would seem to have no chance in it. */
const LEAST_PIECE = 0.5;
/** At one look a load may be seen to have ended, and before it another. */
const CHANGES = 2;

export function createBurn(leadMs: number): Burn {
  // bound: MOST_STEPS.
  let steps: Step[] = [];
  /** Of the step with which the present load began; none before it was seen where it is 0. */
  let began = 0;
  let rateBefore: { readonly perMs: number; readonly spanMs: number } | undefined;
  let last: { readonly gauge: Gauge; readonly atMs: number; readonly lost: number } | undefined;

  const add = (atMs: number, lost: number, refill: number): void => {
    const newest = steps.at(-1);
    if (newest === undefined) {
      steps.push({ atMs, lost, pieces: 0, seen: 0 });
      return;
    }
    const spanMs = atMs - newest.atMs;
    if (spanMs < leadMs * STEP || spanMs <= 0) return;
    const perMs = (lost - newest.lost) / spanMs;
    const piece = rateBefore && pieceOf(rateBefore, { perMs, spanMs }, refill / 1000);
    rateBefore = { perMs, spanMs };
    steps.push({ atMs, lost, pieces: newest.pieces + (piece ?? 0), seen: newest.seen + (piece === undefined ? 0 : 1) });
    if (steps.length <= MOST_STEPS) return;
    const first = Math.max(1, steps.findIndex((step) => step.atMs > atMs - KEPT * leadMs) - 1);
    steps = steps.slice(first);
    began = Math.max(0, began - first);
  };

  /** The step after which the load is another than before. */
  const changed = (nowMs: number, lost: number, piece: number, refill: number): number | undefined => {
    const from = steps[began] as Step;
    const pieceAtLeast = Math.max(piece, LEAST_PIECE);
    const gross = Math.abs((lost - from.lost) / (nowMs - from.atMs)) + refill / 1000;
    const [variance, stray, side] = [pieceAtLeast * gross, STRAY * gross, SIDE * leadMs];
    let at: number | undefined;
    // Squares, as this is asked of each step at each look.
    let [surest, largest, later] = [SURELY ** 2, 0, lost];
    for (let nth = steps.length - 1; nth > began; nth--) {
      const { atMs, lost: then } = steps[nth] as Step;
      largest = Math.max(largest, later - then);
      later = then;
      const [beforeMs, afterMs] = [atMs - from.atMs, nowMs - atMs];
      if (beforeMs < side) break;
      if (afterMs < side) continue;
      const before = (then - from.lost) / beforeMs;
      const after = (lost - then) / afterMs;
      const differ = (after > before ? after - largest / afterMs - before : before - after) - stray;
      if (differ <= 0 || variance <= 0) continue;
      const sureness = differ ** 2 / (variance * (1 / beforeMs + 1 / afterMs));
      if (sureness > surest) [surest, at] = [sureness, nth];
    }
    return at;
  };

  return {
    look: (nowMs, gauge) => {
      const now = Math.max(nowMs, last?.atMs ?? nowMs);
      const lost = last === undefined ? 0 : last.lost + lostBetween(last.gauge, gauge, now - last.atMs);
      last = { gauge, atMs: now, lost };
      const refill = refillOf(gauge);
      add(now, lost, refill);
      const [first, newest] = [steps[0] as Step, steps.at(-1) as Step];
      const seen = newest.seen - first.seen;
      const piece = seen > 0 ? (newest.pieces - first.pieces) / seen : 1;
      const past: Past[] = [];
      for (let nth = 0; nth < CHANGES && now > (steps[began] as Step).atMs; nth++) {
        const at = changed(now, lost, piece, refill);
        if (at === undefined) break;
        const [from, until] = [steps[began] as Step, steps[at] as Step];
        const ms = until.atMs - from.atMs;
        const gross = ((until.lost - from.lost) * 1000) / ms + refill;
        past.push({ gross, ms, isWhole: began > 0, after: ((lost - until.lost) * 1000) / (now - until.atMs) + refill });
        began = at;
      }
      if (now - first.atMs < LEAST_SPAN * leadMs) return undefined;
      const nth = Math.max(began, stepBefore(steps, now - MOST_SPAN * leadMs));
      const from = steps[nth] as Step;
      const spanMs = now - from.atMs;
      if (spanMs <= 0) return undefined;
      const perSecond = ((lost - from.lost) * 1000) / spanMs;
      const gross = Math.abs(perSecond) + refill;
      const usual = (): number => perSecond - (largestStep(steps, nth, lost) * 1000) / spanMs;
      return { perSecond, gross, usual, variance: piece * gross, spanMs, loadMs: now - (steps[began] as Step).atMs, past };
    },
  };
}

/** Units a second that come back. */
function refillOf({ shape, limit, windowMs }: Gauge): number {
  return shape === "bucket" && windowMs !== undefined && windowMs > 0 ? (limit * 1000) / windowMs : 0;
}

interface Rate {
  readonly perMs: number;
  readonly spanMs: number;
}

/** What is taken in equal pieces by chance differs from one step to the next by as much as the pieces are large; none where nothing is taken. */
function pieceOf(before: Rate, after: Rate, refillPerMs: number): number | undefined {
  const gross = Math.abs(before.perMs + after.perMs) / 2 + refillPerMs;
  return gross > 0 ? (after.perMs - before.perMs) ** 2 / (1 / before.spanMs + 1 / after.spanMs) / gross : undefined;
}

/** From the nth step on, up to what is lost now. */
function largestStep(steps: readonly Step[], nth: number, lost: number): number {
  let [largest, later] = [0, lost];
  for (let at = steps.length - 1; at >= nth; at--) {
    const then = (steps[at] as Step).lost;
    largest = Math.max(largest, later - then);
    later = then;
  }
  return largest;
}

/** The last step that was not after it. */
function stepBefore(steps: readonly Step[], atMs: number): number {
  let [low, high] = [0, steps.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((steps[middle] as Step).atMs <= atMs) low = middle;
    else high = middle - 1;
  }
  return low;
}

function lostBetween(before: Gauge, after: Gauge, passedMs: number): number {
  const waited = after.waiting - before.waiting;
  if (before.limit !== after.limit || before.shape !== after.shape) return finite(waited);
  if (after.shape !== "window") return finite(before.available - after.available + waited);
  const isNew = after.used < before.used || passedMs > (before.resetInMs ?? Number.POSITIVE_INFINITY);
  return finite((isNew ? after.used : after.used - before.used) + waited);
}

function finite(units: number): number {
  return Number.isFinite(units) ? units : 0;
}
