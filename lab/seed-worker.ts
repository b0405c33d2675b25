/** A thread that runs seeds: it plants its mistake, if it has one, and only then loads the product. */
import { parentPort, workerData } from "node:worker_threads";
import { type Planted, plant } from "./planting.ts";
import type { Job, Said, Swept } from "./sweep.ts";

/** What a thread of {@link sweep} is started with. */
export interface SeedWorkerData {
  readonly planted: Planted | undefined;
}

const { planted } = workerData as SeedWorkerData;
if (planted !== undefined) plant(planted);
const { createNodeCrypto } = await import("../packages/perdure/src/host/node/crypto.ts");
const { runSeed } = await import("./seed.ts");

const { hash } = createNodeCrypto();
const say = (said: Said): void => parentPort?.postMessage(said);
parentPort?.on("message", ({ seed, options, twice, traced }: Job) => {
  const work = async (): Promise<Swept> => {
    const result = await runSeed({ ...options, seed, hash, ...(traced ? { trace: (line) => say({ line }) } : {}) });
    const again = twice ? await runSeed({ ...options, seed, hash }) : result;
    return { result, different: again.historyHash !== result.historyHash || again.events !== result.events };
  };
  work().then(
    (swept) => say({ swept }),
    (error: unknown) => {
      throw error;
    },
  );
});
