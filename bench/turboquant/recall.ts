/** How much of what is nearest was found. */
import type { Nearest } from "./truth.ts";

/** Scores this near are one: systems sum up in 32 bits, and each in an order of its own. */
const SAME = 1e-6;

/** Share of `k` places that hold a vector as near as the `k`-th nearest is. */
export function recallAt(k: number, found: readonly number[], { ids, scores }: Nearest): number {
  const least = (scores[Math.min(k, scores.length) - 1] as number) - SAME;
  const near = new Set(ids.filter((_, nth) => (scores[nth] as number) >= least));
  const hits = new Set(found.slice(0, k).filter((id) => near.has(id))).size;
  return Math.min(hits, k) / Math.min(k, ids.length);
}
