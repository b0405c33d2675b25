/** Threads that run scenarios, one at a time each, in the order in which they are asked for. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Planted } from "./planting.ts";
import type { Recording, RecordWish } from "./recorder.ts";
import type { SeedOptions, SeedResult } from "./seed.ts";
import type { SeedWorkerData } from "./seed-worker.ts";
import type { Difference } from "./story/event-log.ts";

/** What one run is: a scenario without what only a file needs. */
export type SweepOptions = Omit<SeedOptions, "seed" | "hash" | "recorder" | "crypto">;

/** What a thread is asked for. */
export interface Job {
  readonly seed: number;
  readonly options: SweepOptions;
  /** The seed runs a second time, and the histories are compared. */
  readonly twice: boolean;
  /** What of the first run comes back besides its result. */
  readonly record?: Omit<RecordWish, "events"> | undefined;
}

export interface Swept {
  readonly result: SeedResult;
  /** The second run had another history. */
  readonly different: boolean;
  /** Where two further runs of it part; absent when they do not. */
  readonly difference: Difference | undefined;
  readonly recording: Recording | undefined;
}

export interface Pool extends AsyncDisposable {
  /** Rejects when the thread dies, or when `signal` ends it; the seed is then not run to its end. */
  run(job: Job, signal?: AbortSignal): Promise<Swept>;
}

export interface PoolOptions {
  /** A mistake that every thread plants before it loads the product. */
  readonly planted?: Planted | undefined;
  /** As many as there are cores when it is left out. */
  readonly threads?: number | undefined;
}

interface Asked {
  readonly job: Job;
  readonly signal: AbortSignal | undefined;
  resolve(swept: Swept): void;
  reject(error: unknown): void;
}

interface Thread {
  readonly worker: Worker;
  /** Seeds it may still run. */
  left: number;
  /** What ended it while it had nothing to do: what a town left behind in it. It fails the next seed, which no thread would answer. */
  failure?: unknown;
}

/** What a process that was killed still waited for is never let go of by the engine; a thread of its own ends it for good. */
const SEEDS_PER_WORKER = 5;
/** A seed that takes longer than this, real milliseconds, goes round in a circle. */
const SEED_DEADLINE_MS = 10 * 60_000;

export function createPool({ planted, threads = availableParallelism() }: PoolOptions = {}): Pool {
  const queue: Asked[] = [];
  const busy = new Set<Worker>();
  const idle: Thread[] = [];
  let closed = false;

  const start = (): Thread => {
    const worker = new Worker(new URL("./seed-worker.ts", import.meta.url), { workerData: { planted } satisfies SeedWorkerData });
    const thread: Thread = { worker, left: SEEDS_PER_WORKER };
    worker.on("error", (error) => {
      thread.failure = error;
    });
    worker.on("exit", () => {
      thread.failure ??= new Error("a thread ended between two seeds");
    });
    return thread;
  };

  const next = (): void => {
    while (!closed && queue.length > 0 && busy.size < threads) {
      const asked = queue.shift() as Asked;
      if (asked.signal?.aborted) asked.reject(asked.signal.reason);
      else employ(idle.pop() ?? start(), asked);
    }
  };

  const employ = (thread: Thread, { job, signal, resolve, reject }: Asked): void => {
    if (thread.failure !== undefined) return reject(thread.failure);
    const { worker } = thread;
    thread.left--;
    busy.add(worker);
    const end = (settle: () => void, keep: boolean): void => {
      if (!busy.delete(worker)) return;
      clearTimeout(deadline);
      signal?.removeEventListener("abort", onAbort);
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
      if (keep && thread.left > 0 && !closed) idle.push(thread);
      else worker.terminate().catch(() => {});
      settle();
      next();
    };
    const onAbort = (): void => end(() => reject(signal?.reason), false);
    const onMessage = (swept: Swept): void => end(() => resolve(swept), true);
    const onError = (error: unknown): void => end(() => reject(error), false);
    const onExit = (): void => end(() => reject(new Error(`the thread of seed ${job.seed} ended`)), false);
    const deadline = setTimeout(
      () => end(() => reject(new Error(`seed ${job.seed} did not end within ${SEED_DEADLINE_MS / 1000} s`)), false),
      SEED_DEADLINE_MS,
    ).unref();
    signal?.addEventListener("abort", onAbort, { once: true });
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
    worker.postMessage(job);
  };

  return {
    run: (job, signal) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error("these threads have ended"));
        queue.push({ job, signal, resolve, reject });
        next();
      }),
    [Symbol.asyncDispose]: async () => {
      closed = true;
      for (const { reject } of queue.splice(0)) reject(new Error("these threads have ended"));
      await Promise.all([...busy, ...idle.splice(0).map(({ worker }) => worker)].map((worker) => worker.terminate()));
    },
  };
}
