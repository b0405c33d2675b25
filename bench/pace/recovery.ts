/** Whether all is well a minute after a trouble is over, in very many seeds: gates alone, which is what decides it. */
import { playBacklog } from "../../packages/pace/src/testing/backlog.ts";
import { TRACES } from "../../packages/pace/src/testing/traces.ts";
import { rounded } from "./figures.ts";

export interface Recovery {
  readonly what: string;
  readonly seeds: number;
  /** Of them, in which the second minute has at least `ENOUGH` of the optimum. */
  readonly recovered: number;
  readonly worst: number;
  readonly median: number;
  /** Seeds of those that have not. */
  readonly missed: readonly number[];
}

const ENOUGH = 0.95;
const MINUTE_MS = 60_000;
const TOLD = ["nothing", "levels", "retry-after"] as const;
const INSTANCES = [1, 3, 8];
const SHOWN = 10;

/** So many seeds of each: the service tells nothing, levels, when to come again; one process, three, eight. */
export async function measureRecovery(seeds: number, say: (line: string) => void): Promise<readonly Recovery[]> {
  const trace = TRACES.collapse;
  const found: Recovery[] = [];
  for (const tells of TOLD)
    for (const instances of INSTANCES) {
      const goodputs: number[] = [];
      for (let seed = 1; seed <= seeds; seed++) {
        const from = trace.calmFromMs + MINUTE_MS;
        const provider = { tells, doorMs: 20 } as const;
        goodputs.push(playBacklog({ trace, instances, seed, provider, countFromMs: from, countToMs: from + MINUTE_MS }).goodput);
        // Signals are heard between two seeds.
        if (seed % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const missed = goodputs.flatMap((goodput, nth) => (goodput < ENOUGH ? [nth + 1] : []));
      const sorted = [...goodputs].sort((one, other) => one - other);
      const one: Recovery = {
        what: `told ${tells}, ${instances}`,
        seeds,
        recovered: seeds - missed.length,
        worst: rounded(sorted[0] ?? 0),
        median: rounded(sorted[seeds >> 1] ?? 0),
        missed: missed.slice(0, SHOWN),
      };
      found.push(one);
      const shown = one.missed.length === 0 ? "" : `; not in seeds ${one.missed.join(", ")}`;
      say(`  ${one.what.padEnd(24)} ${one.recovered} of ${seeds} seeds, worst ${one.worst}, median ${one.median}${shown}`);
    }
  return found;
}
