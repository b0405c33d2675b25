/** When a quota is gone if what is left goes on falling as it did in the last half minute. */
import type { Gauge } from "../quota/gauge.ts";

export interface RunOut {
  /** `undefined` where nothing falls, or it is there again before. */
  look(nowMs: number, gauge: Gauge): number | undefined;
}

const SPAN_MS = 30_000;
/** Less of it tells of chance. */
const LEAST_SPAN_MS = 5000;
/** Of quotas that fill all the time: further ahead nothing stays as it is. */
const HORIZON_MS = 600_000;
/** A look each second. */
const MOST_LOOKS = 120;

export function createRunOut(): RunOut {
  let looks: { readonly atMs: number; readonly available: number }[] = [];
  let limitWas: number | undefined;
  return {
    look: (nowMs, { limit, available, shape, resetInMs }) => {
      const before = looks.at(-1);
      // A window that began anew, or a limit that moved, says that what was seen is over.
      const isNew = limit !== limitWas || (shape === "window" && before !== undefined && available > before.available);
      limitWas = limit;
      looks = [...(isNew ? [] : looks.filter(({ atMs }) => atMs > nowMs - SPAN_MS).slice(-MOST_LOOKS)), { atMs: nowMs, available }];
      const [first] = looks;
      if (first === undefined || nowMs - first.atMs < LEAST_SPAN_MS) return undefined;
      const perMs = (first.available - available) / (nowMs - first.atMs);
      if (perMs <= 0) return undefined;
      const gone = available / perMs;
      return gone < Math.min(HORIZON_MS, shape === "bucket" ? HORIZON_MS : (resetInMs ?? HORIZON_MS)) ? gone : undefined;
    },
  };
}
