import type { Gauge } from "../quota/gauge.ts";

/** What waits counts for quotas of minutes, as it will be spent within them; a day's is not used up by what waits for this minute. */
const MOST_WINDOW_OF_RATE_MS = 15 * 60_000;

export type GaugeName = Pick<Gauge, "partition" | "unit" | "name">;

/** One gauge among all: the same for the same limited thing. */
export function gaugeKey({ partition, unit, name }: GaugeName): string {
  return `${partition} ${unit} ${name}`;
}

/**
 * The share of its limit that a gauge is at; above one where more waits than fits. `undefined` where it says nothing that can be read. What has no room at all is
 * full, and what has no limit is empty.
 */
export function useOf({ limit, windowMs, shape, used, waiting }: Gauge): number | undefined {
  const isRate = shape !== "held" && windowMs !== undefined && windowMs <= MOST_WINDOW_OF_RATE_MS;
  const wanted = Math.max(0, used) + (isRate ? Math.max(0, waiting) : 0);
  if (Number.isNaN(wanted) || Number.isNaN(limit)) return undefined;
  if (limit === Number.POSITIVE_INFINITY) return 0;
  return shareOf(wanted, limit);
}

/** What has no room at all is full. */
export function shareOf(units: number, limit: number): number {
  return limit > 0 ? units / limit : 1;
}
