import { availableParallelism } from "node:os";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { checkOptions } from "../options.ts";
import { openParallelIndex, PARALLEL_OPTIONS, type ParallelIndex, type ParallelOptions } from "../parallel/parallel-index.ts";
import type { Answer, StartThread } from "../parallel/thread.ts";
import { SEARCH_THREAD } from "./search-thread.ts";

export interface ThreadedOptions extends Omit<ParallelOptions, "threads"> {
  /** As many as this machine runs at once unless said. */
  readonly threads?: number;
}

/** An index whose vectors are shared out among threads, each with memory of its own. Throws what `createVectorIndex` does, and `thread-failed`. */
export async function createParallelIndex(options: ThreadedOptions): Promise<ParallelIndex> {
  checkOptions("createParallelIndex", options, PARALLEL_OPTIONS);
  const { threads = availableParallelism(), ...rest } = options;
  return await openParallelIndex({ ...rest, threads }, startThread);
}

const startThread: StartThread = (tell, ended) => {
  const worker = new Worker(new URL(SEARCH_THREAD), { workerData: SEARCH_THREAD, ...(isTyped() ? { execArgv: [] } : {}) });
  worker.on("message", (answer: Answer) => tell(answer));
  worker.on("messageerror", (error) => ended("an answer could not be read", error));
  worker.on("error", (error) => ended(String(error), error));
  worker.on("exit", (code) => ended(`exit code ${code}`));
  return {
    post: (message, transfer) => worker.postMessage(message, [...transfer]),
    hold: (isAwaited) => (isAwaited ? worker.ref() : worker.unref()),
    end: async () => {
      await worker.terminate();
    },
  };
};

/** Of a program that is given as text, `--input-type` says what it is; a worker, which is a file, does not start with it. */
function isTyped(): boolean {
  return process.execArgv.some((word) => word.startsWith("--input-type"));
}
