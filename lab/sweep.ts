/** Many seeds, on as many threads as the machine has cores; results come in order of their seeds. */
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { runSeed, type SeedOptions, type SeedResult } from "./seed.ts";

export type SweepOptions = Omit<SeedOptions, "seed" | "hash" | "trace" | "crypto">;

interface Job {
  readonly seed: number;
  readonly options: SweepOptions;
  readonly twice: boolean;
}

export interface Swept {
  readonly result: SeedResult;
  /** The second run had another history. */
  readonly different: boolean;
}

/** What a process that was killed still waited for is never let go of by the engine; a thread of its own ends it for good. */
const SEEDS_PER_WORKER = 5;

/** Runs the seeds and gives each as soon as it and all before it are there. */
export async function* sweep(seeds: readonly number[], options: SweepOptions, twice: boolean): AsyncGenerator<Swept> {
  const waiting = seeds.map((seed) => ({ job: { seed, options, twice } satisfies Job, ...Promise.withResolvers<Swept>() }));
  for (const { promise } of waiting) promise.catch(() => {});
  const queue = [...waiting];
  const workers = new Set<Worker>();
  const employ = (): void => {
    const worker = new Worker(new URL(import.meta.url));
    workers.add(worker);
    let left = SEEDS_PER_WORKER;
    let current = queue.shift();
    worker.postMessage(current?.job);
    worker.on("message", (swept: Swept) => {
      current?.resolve(swept);
      current = --left > 0 ? queue.shift() : undefined;
      if (current !== undefined) return worker.postMessage(current.job);
      workers.delete(worker);
      worker.terminate().catch(() => {});
      if (queue.length > 0) employ();
    });
    worker.on("error", (error) => {
      for (const each of [current, ...queue.splice(0)]) each?.reject(error);
    });
  };
  for (let count = Math.min(availableParallelism(), seeds.length); count > 0; count--) employ();
  try {
    for (const { promise } of waiting) yield await promise;
  } finally {
    queue.length = 0;
    await Promise.all([...workers].map((worker) => worker.terminate()));
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const { hash } = createNodeCrypto();
  port.on("message", ({ seed, options, twice }: Job) => {
    const work = async (): Promise<Swept> => {
      const result = await runSeed({ ...options, seed, hash });
      const again = twice ? await runSeed({ ...options, seed, hash }) : result;
      return { result, different: again.historyHash !== result.historyHash || again.events !== result.events };
    };
    work().then(
      (swept) => port.postMessage(swept),
      (error: unknown) => {
        throw error;
      },
    );
  });
}
