/** The heap of this process, as V8 keeps it: by itself it gives back little, for the next burst will want it. */
import { Session } from "node:inspector/promises";
import process from "node:process";
import type { Heap } from "../heap.ts";

export function createNodeHeap(): Heap {
  return {
    sizes: () => {
      const { heapTotal, heapUsed } = process.memoryUsage();
      return { heldBytes: heapTotal, takenBytes: heapUsed };
    },
    tidy: async () => {
      const session = new Session();
      session.connect();
      try {
        await session.post("HeapProfiler.collectGarbage");
      } finally {
        session.disconnect();
      }
    },
  };
}
