/** Holds a gate to what those it sends to asked for, and was accepted. */
import { createPacer } from "../control/pacer.ts";

export interface ThrottleLimit {
  readonly perSecond: number;
  readonly mostUnderWay: number;
}

export interface Throttle {
  /** From when on a call of that class may leave; nothing where one under way has to end first. */
  readyMs(nowMs: number, rank: number, underWay: number): number | undefined;
  left(nowMs: number, rank: number): void;
}

/** No call in so long: a limit that moves is seen when the gate looks again. */
const NEVER_PER_SECOND = 1e-9;

/** `limitOf`: what stands for calls of a class at this moment. */
export function createThrottle(limitOf: (nowMs: number, rank: number) => ThrottleLimit): Throttle {
  const pacer = createPacer(0);
  return {
    readyMs: (now, rank, underWay) => {
      const { perSecond, mostUnderWay } = limitOf(now, rank);
      // Of none under way no answer comes that would let one leave: that ends with time.
      if (underWay >= mostUnderWay) return mostUnderWay === 0 ? now + 1000 : undefined;
      return perSecond === Number.POSITIVE_INFINITY ? now : pacer.readyMs(now, 1, Math.max(NEVER_PER_SECOND, perSecond), 1);
    },
    // What left while nothing limited it is no debt.
    left: (now, rank) => {
      if (limitOf(now, rank).perSecond !== Number.POSITIVE_INFINITY) pacer.left(1);
    },
  };
}

/** Whichever holds at the moment: what is asked for comes after the first call, and another may take its place. */
export function throttleFound(find: () => Throttle | undefined): Throttle {
  return {
    readyMs: (now, rank, underWay) => {
      const one = find();
      return one === undefined ? now : one.readyMs(now, rank, underWay);
    },
    left: (now, rank) => find()?.left(now, rank),
  };
}
