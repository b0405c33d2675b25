/** Whether all is well a minute after a trouble is over, in very many seeds: gates alone, which is what decides it. */
import { playBacklog } from "../../packages/pace/src/testing/backlog.ts";
import { TRACES } from "../../packages/pace/src/testing/traces.ts";
import type { Crew } from "./crew.ts";
import { rounded } from "./figures.ts";
import type { RecoveryOrder } from "./worker.ts";

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
const PLAYED: readonly RecoveryOrder["recovery"][] = [
  { tells: "nothing", instances: 1 },
  { tells: "nothing", instances: 3 },
  { tells: "nothing", instances: 8 },
  { tells: "levels", instances: 3 },
  { tells: "retry-after", instances: 3 },
];
const SHOWN = 10;
/** Seeds of one order: some seconds. */
const AT_ONCE = 20;

/** Goodput of the second minute after the collapse is over. */
export function recoveredIn({ tells, instances }: RecoveryOrder["recovery"], seed: number): number {
  const trace = TRACES.collapse;
  const from = trace.calmFromMs + MINUTE_MS;
  return playBacklog({ trace, instances, seed, provider: { tells, doorMs: 20 }, countFromMs: from, countToMs: from + MINUTE_MS }).goodput;
}

/** So many seeds of each: nothing is told, levels, when to come again; one process, three, eight. */
export async function measureRecovery(seeds: number, crew: Crew, say: (line: string) => void): Promise<readonly Recovery[]> {
  const found: Recovery[] = [];
  for (const recovery of PLAYED) {
    const orders = Array.from({ length: Math.ceil(seeds / AT_ONCE) }, (_, nth) => {
      const first = nth * AT_ONCE + 1;
      return { recovery, seeds: Array.from({ length: Math.min(AT_ONCE, seeds - first + 1) }, (__, at) => first + at) };
    });
    const goodputs = (await Promise.all(orders.map((order) => crew.recover(order)))).flat();
    const missed = goodputs.flatMap((goodput, nth) => (goodput < ENOUGH ? [nth + 1] : []));
    const sorted = [...goodputs].sort((one, other) => one - other);
    const one: Recovery = {
      what: `told ${recovery.tells}, ${recovery.instances}`,
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
