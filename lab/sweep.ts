/** Many seeds, on as many threads as the machine has cores; results come in order of their seeds. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Planted } from "./planting.ts";
import type { SeedOptions, SeedResult } from "./seed.ts";
import type { SeedWorkerData } from "./seed-worker.ts";

export type SweepOptions = Omit<SeedOptions, "seed" | "hash" | "trace" | "crypto">;

/** What a thread is asked for. */
export interface Job {
  readonly seed: number;
  readonly options: SweepOptions;
  readonly twice: boolean;
  /** Whether every fault and fact is told as a line. */
  readonly traced: boolean;
}

/** What a thread says: lines while it runs, then the result. */
export type Said = { readonly line: string } | { readonly swept: Swept };

export interface Swept {
  readonly result: SeedResult;
  /** The second run had another history. */
  readonly different: boolean;
}

export interface SweepWay {
  /** Each seed runs a second time, and the histories are compared. */
  readonly twice: boolean;
  /** A mistake that every thread plants before it loads the product. */
  readonly planted?: Planted | undefined;
  /** Called with a line per fault and fact, of the first run of each seed. */
  readonly trace?: ((line: string) => void) | undefined;
  /** How many threads; as many as there are cores when it is left out. */
  readonly threads?: number | undefined;
}

/** What a process that was killed still waited for is never let go of by the engine; a thread of its own ends it for good. */
const SEEDS_PER_WORKER = 5;
/** A seed that takes longer than this, real milliseconds, goes round in a circle. */
const SEED_DEADLINE_MS = 10 * 60_000;

/** Runs the seeds and gives each as soon as it and all before it are there; what they are run with may depend on the seed. */
export async function* sweep(
  seeds: readonly number[],
  options: SweepOptions | ((seed: number) => SweepOptions),
  { twice, planted, trace, threads = availableParallelism() }: SweepWay,
): AsyncGenerator<Swept> {
  const optionsOf = typeof options === "function" ? options : () => options;
  const waiting = seeds.map((seed) => ({
    job: { seed, options: optionsOf(seed), twice, traced: trace !== undefined } satisfies Job,
    ...Promise.withResolvers<Swept>(),
  }));
  for (const { promise } of waiting) promise.catch(() => {});
  const queue = [...waiting];
  const workers = new Set<Worker>();
  const employ = (): void => {
    const worker = new Worker(new URL("./seed-worker.ts", import.meta.url), { workerData: { planted } satisfies SeedWorkerData });
    workers.add(worker);
    let left = SEEDS_PER_WORKER;
    let current: (typeof queue)[number] | undefined;
    let deadline: NodeJS.Timeout | undefined;
    const fail = (error: Error): void => {
      clearTimeout(deadline);
      for (const each of [current, ...queue.splice(0)]) each?.reject(error);
    };
    const next = (): boolean => {
      clearTimeout(deadline);
      current = left-- > 0 ? queue.shift() : undefined;
      if (current === undefined) return false;
      const { job } = current;
      worker.postMessage(job);
      deadline = setTimeout(() => {
        fail(new Error(`seed ${job.seed} did not end within ${SEED_DEADLINE_MS / 1000} s`));
        worker.terminate().catch(() => {});
      }, SEED_DEADLINE_MS).unref();
      return true;
    };
    worker.on("message", (said: Said) => {
      if ("line" in said) return trace?.(said.line);
      current?.resolve(said.swept);
      if (next()) return;
      workers.delete(worker);
      worker.terminate().catch(() => {});
      if (queue.length > 0) employ();
    });
    worker.on("error", fail);
    next();
  };
  for (let count = Math.min(threads, seeds.length); count > 0; count--) employ();
  try {
    for (const { promise } of waiting) yield await promise;
  } finally {
    queue.length = 0;
    await Promise.all([...workers].map((worker) => worker.terminate()));
  }
}
