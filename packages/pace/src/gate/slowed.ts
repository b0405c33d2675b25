/**
 * Whom in the line it holds what the other side asked for: the classes that it means, and nobody behind them. Input: who left, and who ended. Where the other side asked
 * for nothing the line is as it was.
 */
import type { Throttle } from "../slowdown/throttle.ts";
import type { Line, Waiting } from "./line.ts";

export interface Slowed<Item extends Waiting> {
  /** From when on one of that class may leave, or when to look again. */
  readyMs(nowMs: number, rank: number): number;
  /** ... with so many before it, of all classes; `hope`: how much less it may be of them. */
  estimateMs(nowMs: number, rank: number, ahead: number, hope: number): number;
  /** Who is to leave next: the first who is not held; where all are, the first of all. */
  first(nowMs: number): Item | undefined;
  /** ... and nobody where all are. */
  free(nowMs: number): Item | undefined;
  /** When the next of those who are held is not any more; infinity where nobody is. */
  nextMs(nowMs: number): number;
  /** Those who wait in classes before it, and let it by. */
  letBy(nowMs: number, rank: number): number;
  left(nowMs: number, rank: number): void;
  ended(rank: number): void;
}

/** What was asked for may be over before an answer comes. */
const LOOK_AGAIN_MS = 250;

export function createSlowed<Item extends Waiting>(throttle: Throttle | undefined, line: Line<Item>, ranks: number): Slowed<Item> {
  const underWay = Array.from({ length: ranks }, () => 0);
  const count = (rank: number, by: 1 | -1): void => {
    underWay[rank] = (underWay[rank] ?? 0) + by;
  };
  const sum = (): number => underWay.reduce((all, one) => all + one, 0);

  const readyMs = (now: number, rank: number): number =>
    throttle === undefined ? now : (throttle.readyMs(now, rank, sum(), underWay) ?? now + LOOK_AGAIN_MS);

  const free = (now: number): Item | undefined => {
    const first = line.first();
    if (first === undefined || throttle === undefined) return first;
    for (let rank = first.rank; rank < ranks; rank++) {
      const item = line.firstOf(rank);
      if (item !== undefined && readyMs(now, rank) <= now) return item;
    }
    return undefined;
  };

  return {
    readyMs,
    // Of those before it only the ones of its class are surely held as it is.
    estimateMs: (now, rank, ahead, hope) => throttle?.estimateMs?.(now, rank, Math.max(0, ahead - line.upTo(rank - 1)) / hope) ?? now,
    first: (now) => free(now) ?? line.first(),
    free,
    nextMs: (now) => {
      let next = Number.POSITIVE_INFINITY;
      if (throttle === undefined) return next;
      for (let rank = 0; rank < ranks; rank++) {
        const ready = line.firstOf(rank) === undefined ? now : readyMs(now, rank);
        if (ready > now) next = Math.min(next, ready);
      }
      return next;
    },
    letBy: (now, rank) => {
      let held = 0;
      if (throttle === undefined) return held;
      for (let before = 0; before < rank; before++) {
        const waiting = line.upTo(before) - line.upTo(before - 1);
        if (waiting > 0 && readyMs(now, before) > now) held += waiting;
      }
      return held;
    },
    left: (now, rank) => {
      count(rank, 1);
      throttle?.left(now, rank);
    },
    ended: (rank) => count(rank, -1),
  };
}
