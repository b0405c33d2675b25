/** Misbehaviour of one simulated process: each armed point has a chance of its own, every time it is passed. */
import { IN_A_WORLD, type PointName, type Points } from "../points.ts";
import type { Draws } from "./draws.ts";

/** Chance of a point that is armed, each time. */
export type Armed = ReadonlyMap<PointName, number>;

/** `happened` is told of each time something did. */
export function createPoints(armed: Armed, draws: Draws, happened: (name: PointName) => void): Points {
  return {
    [IN_A_WORLD]: true,
    misbehaves: (name) => {
      const chance = armed.get(name);
      if (chance === undefined || !draws.chance(chance)) return false;
      happened(name);
      return true;
    },
  };
}
