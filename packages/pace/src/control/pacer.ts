/** Lets units leave one behind the other at a rate that moves, and some at once that were not used. */
export interface Pacer {
  /** When so many units may leave at the rate of this moment: now or before where they may. `ahead`: units that may leave before they are earned; those behind them wait for it. */
  readyMs(nowMs: number, units: number, perSecond: number, most: number, ahead?: number): number;
  /** `most`: what those behind wait for of it and of the like before it; all of it unless said. */
  left(units: number, most?: number): void;
  /** Of what left so much was not used: it may leave again, as far as so much may be left over. */
  returned(units: number): void;
}

/** What a sum of many small steps may lack. */
const ROUNDING = 1e-9;

/** `first`: units that may leave at once to begin with. */
export function createPacer(first: number): Pacer {
  let credit = first;
  let atOnce = first;
  let earnedMs: number | undefined;
  return {
    readyMs: (nowMs, units, perSecond, most, ahead = 0) => {
      const sinceMs = earnedMs === undefined ? 0 : Math.max(0, nowMs - earnedMs);
      earnedMs = nowMs;
      atOnce = most;
      // What there was at first stays, and nothing is added to it.
      credit = Math.max(Math.min(credit, first), Math.min(most, credit + (perSecond * sinceMs) / 1000));
      // Who needs more than ever is there leaves when all is there, and the next one waits for the rest.
      const missing = Math.min(units, most) - credit - ahead;
      return missing <= ROUNDING ? nowMs : nowMs + (missing / perSecond) * 1000;
    },
    left: (units, most = Number.POSITIVE_INFINITY) => {
      credit = Math.max(credit - units, Math.min(credit, -most));
    },
    returned: (units) => {
      credit = Math.max(credit, Math.min(atOnce, credit + units));
    },
  };
}
