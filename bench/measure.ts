/** How benchmarks measure: after a warm-up, rounds of a fixed time; the median round counts and the spread is kept. */
export interface Measurement {
  /** What was done, and under which conditions. */
  readonly what: string;
  readonly unit: string;
  /** The median round. */
  readonly value: number;
  readonly rounds: readonly number[];
  /** Milliseconds of one operation; only where each is timed. */
  readonly latencyMs?: { readonly p50: number; readonly p99: number };
}

const WARM_UP_MS = 500;
const ROUND_MS = 1_500;
const ROUNDS = 5;

/**
 * Operations per second with `inFlight` of them under way at any time. `operate` resolves when one is complete.
 */
export async function perSecond(what: string, inFlight: number, operate: () => Promise<unknown>): Promise<Measurement> {
  await round(inFlight, WARM_UP_MS, operate);
  const latencies: number[] = [];
  const rounds: number[] = [];
  for (let at = 0; at < ROUNDS; at++) rounds.push(Math.round(await round(inFlight, ROUND_MS, operate, latencies)));
  latencies.sort((a, b) => a - b);
  const latencyMs = { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
  return {
    what,
    unit: "operations per second",
    value: quantile(
      [...rounds].sort((a, b) => a - b),
      0.5,
    ),
    rounds,
    latencyMs,
  };
}

async function round(inFlight: number, durationMs: number, operate: () => Promise<unknown>, latencies: number[] = []): Promise<number> {
  const startedAt = performance.now();
  let done = 0;
  const lane = async (): Promise<void> => {
    for (let before = performance.now(); before - startedAt < durationMs; ) {
      await operate();
      const after = performance.now();
      latencies.push(after - before);
      before = after;
      done++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return done / ((performance.now() - startedAt) / 1000);
}

function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Number(value.toPrecision(4));
}
