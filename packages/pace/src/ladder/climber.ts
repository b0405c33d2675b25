/**
 * The step of one gauge.
 *
 * States: a step, and since when its use has been low enough to leave it, if it has. Input: the use at a moment. Up it goes at once, step by step, as far as the
 * use is. Down it goes when the use was below the threshold by a margin at every look for a while, two looks at least; then as far as the highest use of that while allows.
 *
 * Invariants: one crossing for one threshold, in order (R3.2); between two ways down, and between a way up and the next way down, lies at least `calmMs`,
 * so nothing turns faster than that (K6). A clock that goes back stands still.
 */
import { heightOf, STEPS, type Step, stepAt, type Thresholds } from "./step.ts";

export interface Hysteresis {
  /** Of the limit: so far below a threshold it has to be. */
  readonly margin: number;
  /** For so long. */
  readonly calmMs: number;
}

export interface Climber {
  readonly step: Step;
  /** The steps it came through, in order, the last of which it is at; none where it stayed. */
  look(nowMs: number, use: number): readonly Step[];
}

export function createClimber(thresholds: Thresholds, { margin, calmMs }: Hysteresis): Climber {
  let step: Step = "calm";
  let lastMs = Number.NEGATIVE_INFINITY;
  let calm: { readonly sinceMs: number; readonly highest: Step } | undefined;

  const go = (to: Step): readonly Step[] => {
    const [from, until] = [heightOf(step), heightOf(to)];
    calm = undefined;
    step = to;
    return until > from ? STEPS.slice(from + 1, until + 1) : STEPS.slice(until, from).reverse();
  };

  return {
    get step() {
      return step;
    },
    look: (nowMs, use) => {
      const now = Math.max(nowMs, lastMs);
      lastMs = now;
      const reached = stepAt(use, thresholds);
      if (heightOf(reached) > heightOf(step)) return go(reached);
      const kept = stepAt(use + margin, thresholds);
      if (heightOf(kept) >= heightOf(step)) {
        calm = undefined;
        return [];
      }
      if (calm === undefined) {
        calm = { sinceMs: now, highest: kept };
        return [];
      }
      const highest = heightOf(kept) > heightOf(calm.highest) ? kept : calm.highest;
      calm = { ...calm, highest };
      return now - calm.sinceMs >= calmMs ? go(highest) : [];
    },
  };
}
