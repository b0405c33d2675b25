/** The product as it is, run with every seed mutants are run with: what each seed comes to, how long it takes, and that nothing breaks. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { PRODUCT_FOLDER } from "../planting.ts";
import type { SweepOptions } from "../pool.ts";
import type { Mutant } from "./generate.ts";
import { createReachMap } from "./reach.ts";
import type { Reached, ReachJob, ReachWorkerData } from "./reach-worker.ts";
import { MUTATED_ROOMS } from "./sources.ts";

/** One seed of the product as it is. */
export interface Surveyed {
  readonly seed: number;
  readonly historyHash: string;
  readonly seconds: number;
  /** What broke although nothing was planted: a seed that shows nothing about mutants. */
  readonly broken: string | undefined;
}

export interface Survey {
  /** In the order of the seeds. */
  readonly seeds: readonly Surveyed[];
  /** By mutant: a character per seed, `1` where the seed comes to it. */
  readonly reach: Readonly<Record<string, string>>;
}

export interface SurveyOptions {
  readonly mutants: readonly Mutant[];
  /** Seeds 1 to this one. */
  readonly seeds: number;
  readonly townOf: (seed: number) => SweepOptions;
  readonly jobs?: number | undefined;
  readonly told?: (surveyed: Surveyed) => void;
}

/** What a town leaves behind in a thread is gone with the thread. */
const SEEDS_PER_THREAD = 10;

export async function survey({ mutants, seeds, townOf, jobs = availableParallelism(), told }: SurveyOptions): Promise<Survey> {
  const all: Surveyed[] = [];
  const reached = new Map<string, Set<number>>(mutants.map(({ id }) => [id, new Set<number>()]));
  const waiting = Array.from({ length: seeds }, (_, index) => index + 1);
  const work = async (): Promise<void> => {
    for (let part = waiting.splice(0, SEEDS_PER_THREAD); part.length > 0; part = waiting.splice(0, SEEDS_PER_THREAD)) {
      await surveyPart(part, townOf, mutants, (surveyed, ids) => {
        all.push(surveyed);
        for (const id of ids) reached.get(id)?.add(surveyed.seed);
        told?.(surveyed);
      });
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  all.sort((a, b) => a.seed - b.seed);
  const reach = mutants.map(({ id }): [string, string] => [id, all.map(({ seed }) => (reached.get(id)?.has(seed) ? "1" : "0")).join("")]);
  return { seeds: all, reach: Object.fromEntries(reach) };
}

function surveyPart(
  seeds: readonly number[],
  townOf: (seed: number) => SweepOptions,
  mutants: readonly Mutant[],
  each: (surveyed: Surveyed, reached: ReadonlySet<string>) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const workerData: ReachWorkerData = { folder: PRODUCT_FOLDER.href, rooms: MUTATED_ROOMS };
    const worker = new Worker(new URL("./reach-worker.ts", import.meta.url), { workerData });
    const map = createReachMap(mutants);
    const left = [...seeds];
    let loading: readonly string[] = [];
    const next = (): void => {
      const seed = left.shift();
      if (seed !== undefined) worker.postMessage({ seed, options: townOf(seed) } satisfies ReachJob);
      else worker.terminate().then(() => resolve(), reject);
    };
    worker.on("message", (reached: Reached) => {
      const ids = map.ranSince(reached.ran);
      if (reached.kind === "loaded") loading = ids;
      else {
        const { seed, historyHash, broken } = reached.result;
        each({ seed, historyHash, seconds: reached.seconds, broken: broken?.what }, new Set([...loading, ...ids]));
      }
      next();
    });
    worker.on("error", reject);
  });
}
