/** Sets of ranges beside sets of numbers. */
import { createIntervalSet, type Range, withoutRanges } from "../../packages/perdure/src/protocol/delivery/interval-set.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly first: number;
  readonly last: number | undefined;
  /** The set is made anew from ranges: its own, or unordered ones that touch. */
  readonly anew: readonly Range[] | "own" | undefined;
}

const STEPS = 60;
const MOST = 40;

export const intervals: Room<Step> = {
  name: "intervals",
  about: "sets of ranges, beside sets of numbers",
  draw: (draws) => {
    const value = (): number => draws.below(MOST);
    return Array.from({ length: STEPS }, () => {
      const first = value();
      const last = draws.chance(0.3) ? undefined : first + draws.below(draws.chance(0.2) ? 12 : 4) - 1;
      if (!draws.chance(0.1)) return { first, last, anew: undefined };
      const ranges = Array.from({ length: draws.below(6) }, (): Range => [value(), value()]);
      return { first, last, anew: draws.chance(0.5) ? "own" : ranges };
    });
  },
  run: async (steps) => {
    let set = createIntervalSet();
    let numbers = new Set<number>();
    const put = (first: number, last: number): void => {
      for (let value = first; value <= last; value++) numbers.add(value);
    };
    for (const { first, last, anew } of steps) {
      if (anew !== undefined) {
        set = createIntervalSet(anew === "own" ? set.ranges : anew);
        if (anew !== "own") {
          numbers = new Set();
          for (const [low, high] of anew) put(low, high);
        }
      }
      if (last === undefined) set.add(first);
      else set.add(first, last);
      put(first, last ?? first);
      const sorted = [...numbers].sort((one, other) => one - other);
      const firsts = sorted.filter((value) => !numbers.has(value - 1));
      const lasts = sorted.filter((value) => !numbers.has(value + 1));
      const wanted = firsts.map((low, index) => `${low}-${lasts[index]}`).join();
      const got = set.ranges.map((range) => range.join("-")).join();
      if (got !== wanted) parted(`ranges are ${got}, not ${wanted}`);
      for (let value = 0; value <= MOST + 12; value++) {
        if (set.has(value) !== numbers.has(value)) parted(`${value} is ${set.has(value) ? "in" : "not in"} the set`);
        let missing = value;
        while (numbers.has(missing)) missing++;
        if (set.firstMissing(value) !== missing) parted(`from ${value} on ${set.firstMissing(value)} is missing first, not ${missing}`);
      }
      for (const holes of [anew, last === undefined ? [] : [[first, last] as const, [first + 3, first + 3] as const]]) {
        if (holes === undefined || holes === "own") continue;
        const left = withoutRanges(set.ranges, holes).flatMap(([low, high]) => Array.from({ length: high - low + 1 }, (_, at) => low + at));
        const rest = sorted.filter((value) => !holes.some(([low, high]) => low <= value && value <= high));
        if (left.join() !== rest.join()) parted(`without ${holes.join(" ")} are left ${left.join()}`);
      }
      for (const [low, high] of [
        [first, first + 9],
        [first - 9, first],
        [0, MOST],
        [first, first],
      ] as const) {
        const count = sorted.filter((value) => value >= low && value <= high).length;
        if (set.count(low, high) !== count) parted(`${set.count(low, high)} from ${low} to ${high}, not ${count}`);
      }
    }
  },
};
