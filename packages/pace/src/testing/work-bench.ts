import type { Handler } from "../work/drain.ts";
import { openShelf } from "../work/shelf.ts";
import { createWork, type Work, type WorkOptions, type WorkStatus } from "../work/work.ts";
import { seededRandom } from "./draws.ts";
import { createMemoryDisk, type MemoryDisk } from "./memory-disk.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";

export const HOUR_MS = 3_600_000;

/** Work on a disk in memory, in virtual time. */
export interface WorkBench {
  readonly time: VirtualTime;
  readonly disk: MemoryDisk;
  /** In the order of their being told. */
  readonly told: WorkStatus[];
  /** Anew, as after a restart. */
  open(options?: WorkOptions): Promise<Work>;
}

export function createWorkBench(): WorkBench {
  const time = createVirtualTime();
  const random = seededRandom(7);
  const disk = createMemoryDisk(random);
  const told: WorkStatus[] = [];
  return {
    time,
    disk,
    told,
    open: async (options = {}) =>
      createWork({ shelf: await openShelf(disk.open()), clock: time, random }, { tell: (status) => told.push(status), ...options }),
  };
}

/** Notes what begins, and ends after a second. */
export function notingHandler(time: VirtualTime, begun: string[]): Handler {
  return async ({ key }) => {
    begun.push(key);
    await new Promise<void>((resolve) => time.wake(time.now() + 1000, resolve));
    return `${key} done`;
  };
}
