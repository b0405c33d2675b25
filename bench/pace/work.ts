/** What is to be done: jobs that are always there, or that come when they come. */
import type { Random } from "../../packages/pace/src/host/random.ts";
import type { Job } from "./contestant.ts";

interface Kind {
  readonly class: Job["class"];
  readonly requester: string;
  readonly deadlineMs: number;
}

/** As many as `waiting` in each process at any time: who is done is followed by another. */
export interface Backlog extends Kind {
  readonly kind: "backlog";
  readonly waiting: number;
}

/** Jobs come whether those before are done or not, each to one of the processes. */
export interface Arrivals extends Kind {
  readonly kind: "arrivals";
  /** Moments, in order. */
  atMs(random: Random, endMs: number): readonly number[];
}

export type Work = Backlog | Arrivals;

/** So many a second on average, none knows of the other (a Poisson process). */
export function scattered(perSecond: number): Arrivals["atMs"] {
  return (random, endMs) => {
    const all: number[] = [];
    for (let at = next(0); at < endMs; at = next(at)) all.push(at);
    function next(at: number): number {
      return at - (Math.log(1 - random()) / perSecond) * 1000;
    }
    return all;
  };
}

/** So many at once, over and over. */
export function bursts(count: number, everyMs: number): Arrivals["atMs"] {
  return (_random, endMs) => {
    const all: number[] = [];
    for (let at = everyMs / 2; at < endMs; at += everyMs) for (let nth = 0; nth < count; nth++) all.push(at);
    return all;
  };
}

/** One every so often, as a clock beats. */
export function beats(everyMs: number): Arrivals["atMs"] {
  return (_random, endMs) => Array.from({ length: Math.floor(endMs / everyMs) }, (_, nth) => (nth + 0.5) * everyMs);
}
