/** Systems of one set beside each other, at equal recall, by processor time: it is the same however many others want the core. */

import type { SystemFigures } from "./contest.ts";
import { timeAtRecall } from "./curve.ts";

/** What programs ask for. */
export const RECALLS = [0.9, 0.95, 0.99] as const;

export interface AtRecall {
  readonly recall: number;
  readonly ms: number;
  /** `true`: the least it was asked for reached more, it may be faster. */
  readonly atMost: boolean;
  /** Its time by that of the fastest of ours, which is absent where ours does not reach this recall. */
  readonly byOurs?: number;
}

export interface Beside {
  readonly set: string;
  readonly system: string;
  readonly at: readonly AtRecall[];
}

/** `isOurs`: by name; what it takes longer is over 1. */
export function compare(systems: readonly SystemFigures[], isOurs: (system: string) => boolean): readonly Beside[] {
  const curveOf = ({ ways }: SystemFigures) => ways.map(({ recallAt10, processorMs }) => ({ recall: recallAt10, ms: processorMs }));
  const ours = systems.filter(({ system }) => isOurs(system)).map(curveOf);
  return systems.map((each) => ({
    set: each.set,
    system: each.system,
    at: RECALLS.flatMap((recall) => {
      const found = timeAtRecall(curveOf(each), recall);
      if (found === undefined) return [];
      const best = Math.min(...ours.map((curve) => timeAtRecall(curve, recall)?.ms ?? Number.POSITIVE_INFINITY));
      return [
        {
          recall,
          ms: rounded(found.ms),
          atMost: !found.reachedBetween,
          ...(best < Number.POSITIVE_INFINITY ? { byOurs: rounded(found.ms / best) } : {}),
        },
      ];
    }),
  }));
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
