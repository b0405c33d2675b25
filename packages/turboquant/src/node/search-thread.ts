/** A thread of an index: loaded as the entry of a worker it serves; by others it is only asked where it is. */
import { parentPort, workerData } from "node:worker_threads";
import { serveShare } from "../parallel/share.ts";
import type { Posted } from "../parallel/thread.ts";

export const SEARCH_THREAD = import.meta.url;

if (parentPort !== null && workerData === SEARCH_THREAD) {
  const port = parentPort;
  const serve = serveShare((answer) => port.postMessage(answer));
  // What cannot be read would never be answered: better that the thread ends, which is told.
  port.on("messageerror", (error) => {
    throw error;
  });
  port.on("message", (posted: Posted) => serve(posted));
}
