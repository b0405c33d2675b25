/** Holds a gate to what those it sends to asked for, and was accepted. */
import { createPacer, type Pacer } from "../control/pacer.ts";
import { PaceError } from "../error.ts";
import { MOST_FOR_MS } from "./slowdown.ts";

export interface ThrottleLimit {
  readonly perSecond: number;
  readonly mostUnderWay: number;
}

export interface Throttle {
  /** From when on a call of that class may leave; nothing where one under way has to end first. `ofRanks`: those under way, by class; who is held lets later classes by. */
  readyMs(nowMs: number, rank: number, underWay: number, ofRanks?: readonly number[]): number | undefined;
  /** ... with so many of its class before it, as far as is known: whoever has less time is told so at once. As `readyMs` unless said. */
  estimateMs?(nowMs: number, rank: number, ahead: number): number;
  left(nowMs: number, rank: number): void;
}

/** A limit that moves is seen when the gate looks again. */
const LOOK_AGAIN_MS = 1000;

/**
 * `limitOf`: what stands for calls of a class at a moment; asked of later ones too, for what will be over by then.
 *
 * What leaves of a class counts for its own limit, and for those of other classes that are as high or higher: what was asked of all holds all of them together.
 */
export function createThrottle(limitOf: (nowMs: number, rank: number) => ThrottleLimit): Throttle {
  // bound: by the classes.
  const pacers = new Map<number, Pacer>();
  const pacedMs = (now: number, rank: number, perSecond: number): number => {
    const pacer = pacers.get(rank) ?? createPacer(0);
    pacers.set(rank, pacer);
    return pacer.readyMs(now, 1, perSecond, 1);
  };
  /** Whether so many are under way of its class, or of those whose limit is as high or higher, as may be. */
  const isFull = (now: number, most: number, ofRanks: readonly number[]): boolean => {
    const limits = ofRanks.map((_, rank) => limitOf(now, rank).mostUnderWay);
    const upTo = (limit: number): number => ofRanks.reduce((sum, count, rank) => sum + ((limits[rank] ?? 0) <= limit ? count : 0), 0);
    return limits.some((limit) => limit >= most && limit !== Number.POSITIVE_INFINITY && upTo(limit) >= limit);
  };
  let eased: (ThrottleLimit & { readonly askedMs: number; readonly rank: number; readonly atMs: number }) | undefined;
  /** When less is asked for than now. Many of those who wait ask it together. */
  const easesMs = (now: number, rank: number, { perSecond, mostUnderWay }: ThrottleLimit): number => {
    const isSame = eased?.askedMs === now && eased.rank === rank && eased.perSecond === perSecond && eased.mostUnderWay === mostUnderWay;
    if (eased !== undefined && isSame) return eased.atMs;
    const isLess = (at: number): boolean => {
      const then = limitOf(at, rank);
      return then.perSecond > perSecond || then.mostUnderWay > mostUnderWay;
    };
    let [from, to] = [now, now + MOST_FOR_MS];
    const ends = isLess(to);
    while (ends && to - from > 1) {
      const middle = (from + to) / 2;
      if (isLess(middle)) to = middle;
      else from = middle;
    }
    const atMs = ends ? to : Number.POSITIVE_INFINITY;
    eased = { askedMs: now, rank, perSecond, mostUnderWay, atMs };
    return atMs;
  };
  return {
    readyMs: (now, rank, underWay, ofRanks) => {
      const { perSecond, mostUnderWay } = limitOf(now, rank);
      // Of none under way no answer comes that would let one leave: that ends with time.
      if (isNothing(perSecond, mostUnderWay)) return now + LOOK_AGAIN_MS;
      if (
        mostUnderWay !== Number.POSITIVE_INFINITY &&
        (ofRanks === undefined ? underWay >= mostUnderWay : isFull(now, mostUnderWay, ofRanks))
      )
        return undefined;
      return perSecond === Number.POSITIVE_INFINITY ? now : pacedMs(now, rank, perSecond);
    },
    estimateMs: (now, rank, ahead) => {
      const limit = limitOf(now, rank);
      const { perSecond, mostUnderWay } = limit;
      if (perSecond === Number.POSITIVE_INFINITY && mostUnderWay !== 0) return now;
      const paced = isNothing(perSecond, mostUnderWay)
        ? Number.POSITIVE_INFINITY
        : pacedMs(now, rank, perSecond) + (ahead / perSecond) * 1000;
      if (paced <= now) return now;
      const leaves = Math.min(paced, easesMs(now, rank, limit));
      // Of nothing it is sure that it ends, if not when.
      return leaves === Number.POSITIVE_INFINITY ? now + LOOK_AGAIN_MS : leaves;
    },
    // What left while nothing limited it is no debt.
    left: (now, rank) => {
      const { perSecond } = limitOf(now, rank);
      if (perSecond === Number.POSITIVE_INFINITY) return;
      pacedMs(now, rank, perSecond);
      for (const [other, pacer] of pacers) {
        const limit = limitOf(now, other).perSecond;
        if (limit < perSecond || limit === Number.POSITIVE_INFINITY) continue;
        // What it has earned until now, before it is taken from.
        pacedMs(now, other, limit);
        pacer.left(1);
      }
    },
  };
}

/** Whether no call may leave: also none that was earned before. */
function isNothing(perSecond: number, mostUnderWay: number): boolean {
  return perSecond <= 0 || mostUnderWay <= 0;
}

/** Whoever calls chooses the names. */
const MOST_TOLD = 100;

/**
 * By the name of the quotas, whichever holds at the moment: what is asked for comes after the first call, and another may take its place. `tell`: what fails is told, of
 * each name once, and holds nobody: no call pays for who looks it up, nor does the timer that lets it out.
 */
export function createThrottles(
  find: (name: string) => Throttle | null | undefined,
  tell: (name: string, error: unknown) => void,
): (name: string) => Throttle {
  // bound: MOST_TOLD.
  const told = new Set<string>();
  return (name) => {
    const asked = <Result>(ask: (throttle: Throttle) => Result, none: Result): Result => {
      try {
        const throttle = atOnce(find(name));
        return throttle === undefined || throttle === null ? none : atOnce(ask(throttle));
      } catch (error) {
        if (!told.has(name) && told.size < MOST_TOLD) {
          told.add(name);
          tell(name, error);
        }
        return none;
      }
    };
    return {
      readyMs: (now, rank, underWay, ofRanks) =>
        asked((throttle) => {
          const at = throttle.readyMs(now, rank, underWay, ofRanks);
          return at === undefined ? undefined : moment("readyMs", at);
        }, now),
      estimateMs: (now, rank, ahead) =>
        asked((throttle) => {
          if (throttle.estimateMs !== undefined) return moment("estimateMs", throttle.estimateMs(now, rank, ahead));
          const at = throttle.readyMs(now, rank, 0);
          return at === undefined ? now : moment("readyMs", at);
        }, now),
      left: (now, rank) => asked((throttle) => throttle.left(now, rank), undefined),
    };
  };
}

/** A promise says too late what holds now; where nobody hears that it failed it would end the process. */
function atOnce<Result>(said: Result): Result {
  if (!(said instanceof Promise)) return said;
  said.catch(() => undefined);
  throw new PaceError("bad-argument", "a throttle gave a promise", "What holds at the moment is asked for: give it at once.");
}

/** Held for ever is held for as long as numbers go: what never leaves would be refused as too large. */
function moment(what: string, said: unknown): number {
  if (typeof atOnce(said) === "number" && !Number.isNaN(said)) return Math.min(said as number, Number.MAX_SAFE_INTEGER);
  throw new PaceError("bad-argument", `${what} of a throttle gave ${String(said)}`, "It is a moment, in milliseconds of the clock.");
}
