import type { Measure } from "../../quota/pool.ts";
import type { Clock } from "../clock.ts";

/** Cores are counted over so long: shorter is noise. */
const COUNTED_MS = 1000;
const MICROS_PER_MS = 1000;

/** Of the engine that runs this: pages have none. */
interface Engine {
  cpuUsage(): { readonly user: number; readonly system: number };
  readonly memoryUsage: { rss(): number };
}

/** What this process uses: memory now, cores lately. Nothing where the engine does not tell. */
export function measureProcess(clock: Clock): Measure {
  const engine = (globalThis as { readonly process?: Partial<Engine> }).process;
  if (engine?.cpuUsage === undefined || engine.memoryUsage === undefined) return () => ({});
  const { memoryUsage } = engine;
  const usedMicros = (): number => {
    const { user, system } = engine.cpuUsage?.() ?? { user: 0, system: 0 };
    return user + system;
  };
  let sinceMs = clock.now();
  let since = usedMicros();
  let cpu = 0;
  return () => {
    const passedMs = clock.now() - sinceMs;
    if (passedMs >= COUNTED_MS) {
      const micros = usedMicros();
      cpu = (micros - since) / MICROS_PER_MS / passedMs;
      since = micros;
      sinceMs += passedMs;
    }
    return { "memory-bytes": memoryUsage.rss(), cpu };
  };
}
