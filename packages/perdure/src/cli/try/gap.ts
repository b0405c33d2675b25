/** The longest time in which nothing moved, between a beginning and the last movement. */
import type { Clock } from "../../host/clock.ts";

export interface Gap {
  readonly ms: number;
  /** What had moved last before it. */
  readonly after: string;
}

export interface GapMeter {
  /** Measures from here on and forgets what was before. */
  begin(what: string): void;
  moved(what: string): void;
  longest(): Gap;
}

export function createGapMeter(clock: Clock): GapMeter {
  let lastMs: number | undefined;
  let lastWhat = "";
  let longest: Gap = { ms: 0, after: "the beginning" };
  return {
    begin: (what) => {
      lastMs = clock.monotonicMs();
      lastWhat = what;
      longest = { ms: 0, after: what };
    },
    moved: (what) => {
      const nowMs = clock.monotonicMs();
      if (lastMs !== undefined && nowMs - lastMs > longest.ms) longest = { ms: nowMs - lastMs, after: lastWhat };
      lastMs = nowMs;
      lastWhat = what;
    },
    longest: () => longest,
  };
}
