/** A thread that goes through rooms, and how it ended. */
import { Worker } from "node:worker_threads";
import type { RoomWorkerData, Stage, Visited } from "./room-worker.ts";

/** `stuck`: a room waited for what never comes, or took longer than the patience; `broken`: what is planted cannot be loaded, or ended the thread. */
export type ThreadEnd =
  | { readonly kind: "over" }
  | { readonly kind: "stuck" }
  | { readonly kind: "broken"; readonly loaded: boolean; readonly error: unknown };

/** `patienceMs`: for one room with one part of the seeds. */
export function goThroughRooms(
  workerData: RoomWorkerData,
  told: (visited: Visited) => void,
  patienceMs = Number.POSITIVE_INFINITY,
): Promise<ThreadEnd> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("room-worker.ts", import.meta.url), { workerData });
    const stages = new Set<Stage>();
    let error: unknown;
    let patience: ReturnType<typeof setTimeout> | undefined;
    const wait = (): void => {
      clearTimeout(patience);
      if (patienceMs < Number.POSITIVE_INFINITY) patience = setTimeout(() => void worker.terminate(), patienceMs);
    };
    wait();
    worker.on("message", (said: Visited | Stage) => {
      wait();
      if (typeof said === "string") stages.add(said);
      else told(said);
    });
    worker.on("error", (thrown) => {
      error = thrown;
    });
    worker.on("exit", () => {
      clearTimeout(patience);
      if (error !== undefined) resolve({ kind: "broken", loaded: stages.has("loaded"), error });
      // A thread with nothing left to wait for ends without a word.
      else resolve({ kind: stages.has("over") ? "over" : "stuck" });
    });
  });
}
