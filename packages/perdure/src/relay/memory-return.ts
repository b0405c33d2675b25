/**
 * A relay that has become quiet gives back the memory that a burst left it with: what a thousand agents needed to come is more than half
 * of what it holds once they are there.
 *
 * What must hold: never while there is work to wait for it, never where it would take long, and not again until the memory has grown.
 * Spare memory, which is no part of the heap and goes back without a pause, is let go of whenever it is quiet.
 */
import type { Clock } from "../host/clock.ts";
import type { Heap } from "../host/heap.ts";
import type { Log } from "../host/log.ts";
import type { SpareMemory } from "../host/spare-memory.ts";
import type { Settings } from "../settings/register.ts";

const MB = 1024 * 1024;
/** Messages and sessions per second: fewer is quiet. */
const QUIET_PER_SECOND = 1;
/** Less than this is not worth a pause. */
const WORTH_BYTES = 32 * MB;
/** A pause lasts 3 to 4 ms for each megabyte of objects that are needed, measured: above this it could be a second. */
const MOST_TAKEN_BYTES = 256 * MB;

export interface MemoryReturnOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly heap: Heap;
  readonly spare: readonly Pick<SpareMemory, "clear">[];
  readonly settings: Pick<Settings, "memoryBackMs">;
  /** Messages and sessions since the relay began. */
  readonly done: () => number;
}

/** Looks until it is stopped. */
export function createMemoryReturn({ clock, log, heap, spare, settings, done }: MemoryReturnOptions): { stop(): void } {
  const everyMs = settings.memoryBackMs;
  let doneBefore = done();
  /** Held after the last time. */
  let leftBytes = 0;
  let cancel = (): void => {};
  let stopped = false;

  const look = async (): Promise<void> => {
    const doneNow = done();
    const quiet = doneNow - doneBefore <= (QUIET_PER_SECOND * everyMs) / 1000;
    doneBefore = doneNow;
    if (!quiet) return;
    for (const each of spare) each.clear();
    const { heldBytes, takenBytes } = heap.sizes();
    if (heldBytes - leftBytes < WORTH_BYTES || takenBytes > MOST_TAKEN_BYTES) return;
    const startedMs = clock.monotonicMs();
    await heap.tidy();
    leftBytes = heap.sizes().heldBytes;
    log.write("debug", "relay.memory-returned", { heldBytes, leftBytes, tookMs: Math.round(clock.monotonicMs() - startedMs) });
  };

  const later = (): void => {
    cancel = clock.after(everyMs, () => {
      look()
        .catch((error: unknown) => log.write("warn", "relay.memory-kept", { why: String(error) }))
        .finally(() => {
          if (!stopped) later();
        });
    });
  };
  if (everyMs > 0) later();
  return {
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
