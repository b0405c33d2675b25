/**
 * How long loads lasted that would have used up a quota, so that one which comes again and ends each time before it does is no alarm each time.
 *
 * Only a load whose beginning and end were seen is remembered, and one that did use it up is trusted to do so again.
 */
import type { Past } from "./burn.ts";

export interface Surges {
  /** A load is over. */
  ended(past: Past): void;
  /** The present load would use it up; `isGone`: has. */
  threatens(isGone: boolean): void;
  /** Whether one like it, as long as it lasted, would end before this one does its harm in `inMs`. */
  isHarmless(gross: number, loadMs: number, inMs: number): boolean;
}

/** The last of different loads: jobs of one program that come again are not many. */
const MOST = 8;
/** Loads are alike whose rates differ by less, as a share of the one that is remembered. */
const ALIKE = 0.25;
/** A load is over when what follows is less than this part of it. */
const OVER = 0.6;
/** One that lasts so much of a lead longer than its like is another. */
const LONGER = 0.25;

export function createSurges(leadMs: number): Surges {
  // bound: MOST, the newest first.
  let known: readonly { readonly gross: number; readonly ms: number }[] = [];
  let isSurge = false;
  let isHarm = false;
  const alike = (gross: number, other: number): boolean => Math.abs(gross - other) < ALIKE * other;
  return {
    ended: ({ gross, ms, isWhole, after }) => {
      if (!isSurge || after >= OVER * gross) return;
      if (isHarm || isWhole) {
        const others = known.filter((one) => !alike(gross, one.gross));
        known = [{ gross, ms: isHarm ? Number.POSITIVE_INFINITY : ms }, ...others].slice(0, MOST);
      }
      isSurge = false;
      isHarm = false;
    },
    threatens: (isGone) => {
      isSurge = true;
      isHarm ||= isGone;
    },
    isHarmless: (gross, loadMs, inMs) => {
      const like = known.find((one) => alike(gross, one.gross));
      if (like === undefined) return false;
      const endsMs = like.ms + LONGER * leadMs;
      return loadMs <= endsMs && loadMs + inMs > endsMs;
    },
  };
}
