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

/** What a rate counts, when it is not operations. */
export interface Counted {
  readonly unit: string;
  /** Of this unit in one operation. */
  readonly each: number;
}

const WARM_UP_MS = 500;
const ROUND_MS = 1_500;
const ROUNDS = 5;
const OPERATIONS: Counted = { unit: "operations per second", each: 1 };

/**
 * Operations per second with `inFlight` of them under way at any time. `operate` resolves when one is complete.
 */
export async function perSecond(
  what: string,
  inFlight: number,
  operate: () => Promise<unknown>,
  { unit, each }: Counted = OPERATIONS,
): Promise<Measurement> {
  await round(inFlight, WARM_UP_MS, operate);
  const latencies: number[] = [];
  const rounds: number[] = [];
  for (let at = 0; at < ROUNDS; at++) rounds.push(rounded((await round(inFlight, ROUND_MS, operate, latencies)) * each));
  return { ...ofRounds(what, unit, rounds), latencyMs: latencyOf(latencies) };
}

/**
 * Operations, one after the other, per second of the machine's work on this process: of one core, however many others want it. The
 * work of all threads counts, those of the garbage collector and of WebCrypto included.
 */
export async function perCoreSecond(what: string, operate: () => Promise<unknown>): Promise<Measurement> {
  await round(1, WARM_UP_MS, operate);
  const rounds: number[] = [];
  for (let at = 0; at < ROUNDS; at++) {
    const [startedAt, before] = [performance.now(), process.cpuUsage()];
    const perSecond = await round(1, ROUND_MS, operate);
    const seconds = (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(before);
    rounds.push(rounded((perSecond * seconds) / ((user + system) / 1_000_000)));
  }
  return ofRounds(what, "operations per second of one core", rounds);
}

/** A measurement of rounds that were measured elsewhere. */
export function ofRounds(what: string, unit: string, rounds: readonly number[]): Measurement {
  return { what, unit, value: median(rounds), rounds: rounds.map(rounded) };
}

export function median(rounds: readonly number[]): number {
  return quantile([...rounds].sort(ascending), 0.5);
}

function latencyOf(latencies: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = [...latencies].sort(ascending);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
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
  return rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function ascending(a: number, b: number): number {
  return a - b;
}
