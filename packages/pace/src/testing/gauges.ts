import type { Gauge } from "../quota/gauge.ts";

/** Of 100 requests a minute, nothing of which is used, but for what is said. */
export function gaugeOf(said: Partial<Gauge> = {}): Gauge {
  const usual: Gauge = {
    partition: "https://api.example.com",
    unit: "requests",
    name: "minute",
    limit: 100,
    windowMs: 60_000,
    shape: "window",
    used: 0,
    waiting: 0,
    available: 100,
    resetInMs: 30_000,
    source: "header",
    confidence: 1,
    chargesRefused: undefined,
  };
  const { limit, used } = { ...usual, ...said };
  return { ...usual, available: Math.max(0, limit - used), ...said };
}
