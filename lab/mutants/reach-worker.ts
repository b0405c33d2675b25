/** A thread that runs seeds of the product as it is, and tells after each which of its functions ran, and which parts of them. */
import { type Profiler, Session } from "node:inspector";
import { parentPort, workerData } from "node:worker_threads";
import type { SweepOptions } from "../pool.ts";
import type { SeedResult } from "../seed.ts";

/** What it is started with. */
export interface ReachWorkerData {
  /** Where the product lies; nothing else is told of. */
  readonly folder: string;
  readonly rooms: readonly string[];
}

export interface ReachJob {
  readonly seed: number;
  readonly options: SweepOptions;
}

/** What ran since the last time it was asked, by name of the file below the folder. */
export type Ran = readonly { readonly file: string; readonly functions: readonly Profiler.FunctionCoverage[] }[];

export type Reached =
  | { readonly kind: "loaded"; readonly ran: Ran }
  | { readonly kind: "seed"; readonly result: SeedResult; readonly ran: Ran; readonly seconds: number };

const { folder, rooms } = workerData as ReachWorkerData;
const session = new Session();
session.connect();
session.post("Profiler.enable");
session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });

/** In a session within the thread an answer is there when the call returns. */
function take(): Ran {
  const ran: { file: string; functions: Profiler.FunctionCoverage[] }[] = [];
  session.post("Profiler.takePreciseCoverage", (error, { result } = { result: [] }) => {
    if (error !== null) throw error;
    for (const { url, functions } of result) {
      const file = url.slice(folder.length);
      if (url.startsWith(folder) && rooms.some((room) => file.startsWith(`${room}/`))) ran.push({ file, functions });
    }
  });
  return ran;
}

const { createNodeCrypto } = await import("../../packages/perdure/src/host/node/crypto.ts");
const { runSeed } = await import("../seed.ts");
const { hash } = createNodeCrypto();
parentPort?.postMessage({ kind: "loaded", ran: take() } satisfies Reached);

parentPort?.on("message", ({ seed, options }: ReachJob) => {
  const begun = performance.now();
  runSeed({ ...options, seed, hash }).then(
    (result) =>
      parentPort?.postMessage({ kind: "seed", result, ran: take(), seconds: (performance.now() - begun) / 1000 } satisfies Reached),
    (error: unknown) => {
      throw error;
    },
  );
});
