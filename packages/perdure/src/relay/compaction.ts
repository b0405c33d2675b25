/** Keeps a few messages that wait long from filling the disk with the files they lie in. */
import type { Clock } from "../host/clock.ts";
import { type Points, rarely } from "../host/points.ts";
import type { Settings } from "../settings/register.ts";
import type { RecordLog } from "../store/log/record-log.ts";

export interface CompactionOptions {
  readonly clock: Clock;
  readonly settings: Pick<Settings, "sweepEveryMs" | "storeBytes">;
  readonly log: Pick<RecordLog, "bytesOnDisk" | "compact">;
  /** Does something while no index is being made. */
  readonly alone: (work: () => Promise<boolean>) => Promise<boolean>;
  readonly points: Points | undefined;
  readonly failed: (error: unknown) => void;
}

/** Looks in intervals whether half of the space set for mail is used; returns what ends that. */
export function startCompaction({ clock, settings, log, alone, points, failed }: CompactionOptions): () => void {
  let stopped = false;
  let cancel = (): void => {};
  const round = async (): Promise<void> => {
    const atOnce = rarely(points, "compact-at-once");
    while (!stopped && (atOnce || log.bytesOnDisk * 2 > settings.storeBytes) && (await alone(log.compact)));
  };
  const arm = (): void => {
    cancel = clock.after(settings.sweepEveryMs, () => {
      round()
        .catch(failed)
        .finally(() => {
          if (!stopped) arm();
        });
    });
  };
  arm();
  return () => {
    stopped = true;
    cancel();
  };
}
