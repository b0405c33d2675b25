/** What waits to be read by all sessions together, bounded: readers that are slow share less when there are many of them. */
import type { Clock } from "../host/clock.ts";
import type { Settings } from "../settings/register.ts";
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";

export interface SendQueues {
  /** Whether so much is more than may be queued for one session now. Of little it says no without adding anything up. */
  isOver(bytes: number): boolean;
  /** Whether it is more than twice that and a message. */
  isGlut(bytes: number): boolean;
}

/** A session may have this much queued however many there are, so that everybody is served. */
const LEAST_BYTES = 64 * 1024;
/** The sum is as old as this at most: adding up thousands of sessions for every frame would cost more than sending it. */
const STALE_MS = 50;

export function createSendQueues(
  clock: Clock,
  settings: Pick<Settings, "sendQueueBytes" | "allQueuesBytes">,
  queued: () => Iterable<number>,
): SendQueues {
  let addedUpAt = Number.NEGATIVE_INFINITY;
  let glut = false;
  const allowance = (): number => {
    const now = clock.monotonicMs();
    if (now - addedUpAt >= STALE_MS) {
      addedUpAt = now;
      let total = 0;
      for (const bytes of queued()) total += bytes;
      glut = total > settings.allQueuesBytes;
    }
    return glut ? LEAST_BYTES : settings.sendQueueBytes;
  };
  const isOver = (bytes: number): boolean => bytes > Math.min(LEAST_BYTES, settings.sendQueueBytes) && bytes > allowance();
  return { isOver, isGlut: (bytes) => isOver((bytes - MAX_TRANSPORT_BYTES) / 2) };
}
