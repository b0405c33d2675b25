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

/** Runs the seeds and gives each as soon as it and all before it are there. */
export async function* sweep(seeds: readonly number[], options: SweepOptions, twice: boolean): AsyncGenerator<Swept> {
  const waiting = seeds.map((seed) => ({ job: { seed, options, twice } satisfies Job, ...Promise.withResolvers<Swept>() }));
  for (const { promise } of waiting) promise.catch(() => {});
  const queue = [...waiting];
  const workers = Array.from({ length: Math.min(availableParallelism(), seeds.length) }, () => {
    const worker = new Worker(new URL(import.meta.url));
    let current = queue.shift();
    worker.postMessage(current?.job);
    worker.on("message", (swept: Swept) => {
      current?.resolve(swept);
      current = queue.shift();
      if (current !== undefined) worker.postMessage(current.job);
    });
    worker.on("error", (error) => {
      for (const each of [current, ...queue.splice(0)]) each?.reject(error);
    });
    return worker;
  });
  try {
    for (const { promise } of waiting) yield await promise;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
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
