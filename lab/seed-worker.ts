/** A thread that runs seeds: it plants its mistake, if it has one, and only then loads the product. */
import { enableCompileCache, flushCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { type Planted, plant } from "./planting.ts";
import type { Job, SweepOptions, Swept } from "./pool.ts";
import type { Difference } from "./story/event-log.ts";

/** What a thread of {@link createPool} is started with. */
export interface SeedWorkerData {
  readonly planted: Planted | undefined;
}

// Three quarters of a thread's start are types stripped and sources compiled; kept by content, so that a mistake is never taken for the original.
enableCompileCache(fileURLToPath(new URL("../.runtime/compiled/", import.meta.url)));
const { planted } = workerData as SeedWorkerData;
if (planted !== undefined) plant(planted);
const { createNodeCrypto } = await import("../packages/perdure/src/host/node/crypto.ts");
const { createRecorder } = await import("./recorder.ts");
const { runSeed } = await import("./seed.ts");
const { createEventLog, firstDifference } = await import("./story/event-log.ts");
if (planted === undefined) flushCompileCache();

const { hash } = createNodeCrypto();

/** Runs it again until two runs differ, and says where. What differs by chance may not do so again. */
async function part(seed: number, options: SweepOptions): Promise<Difference | undefined> {
  const runs = [createEventLog(), createEventLog()] as const;
  for (const events of runs) await runSeed({ ...options, seed, hash, recorder: createRecorder({ events }) });
  return firstDifference(...runs);
}

parentPort?.on("message", ({ seed, options, twice, record }: Job) => {
  const work = async (): Promise<Swept> => {
    const recorder = record === undefined ? undefined : createRecorder(record);
    const result = await runSeed({ ...options, seed, hash, recorder });
    const again = twice ? await runSeed({ ...options, seed, hash }) : result;
    const different = again.historyHash !== result.historyHash || again.events !== result.events;
    return {
      result,
      different,
      difference: different ? await part(seed, options) : undefined,
      recording: recorder?.recording(),
    };
  };
  work().then(
    (swept) => parentPort?.postMessage(swept),
    (error: unknown) => {
      throw error;
    },
  );
});
