/**
 * Files of segments that the log let go of: removed, or used again. While somebody holds a moment of the log, as who copies it does,
 * the files that the log consisted of then stay as they are, and those that it lets go of meanwhile go when the hold ends.
 */
import type { Log } from "../../host/log.ts";
import type { LogHold } from "./record-log.ts";
import type { SegmentFiles } from "./segment-files.ts";
import type { SegmentEnd } from "./segment-format.ts";
import type { SpareSegments } from "./spare-segments.ts";

/** A segment that is not part of the log any more, and what its file takes. */
export interface Dropped {
  readonly segment: number;
  readonly bytes: number;
  /** An index lies beside it. */
  readonly indexed: boolean;
}

export interface SegmentRemoval {
  /** A new segment is durable: the log consists of `parts`, the new one with its first batch alone, and not of `dropped` any more. */
  begun(parts: readonly SegmentEnd[], dropped: readonly Dropped[]): void;
  /** The moment at which the next segment is durable, which its caller begins; fails with what {@link stop} is told when there is none. */
  nextMoment(): Promise<LogHold>;
  /** No further segment comes. */
  stop(why: Error): void;
  /** Resolves when nothing is being removed. */
  idle(): Promise<void>;
}

export function createSegmentRemoval(files: SegmentFiles, spares: SpareSegments | undefined, log: Log): SegmentRemoval {
  // bound: holds, which their owner bounds
  const waiting: { readonly take: (hold: LogHold) => void; readonly fail: (why: Error) => void }[] = [];
  // bound: the same
  const holds = new Set<ReadonlySet<number>>();
  // bound: segments of the log when somebody began to hold it
  let put: Dropped[] = [];
  let removals: Promise<void> = Promise.resolve();

  const isHeld = ({ segment }: Dropped): boolean => [...holds].some((held) => held.has(segment));

  const removeAll = async (dropped: readonly Dropped[]): Promise<void> => {
    for (const { segment, bytes, indexed } of dropped) {
      try {
        await files.remove(segment, spares && ((path) => spares.keep(path, bytes)), indexed);
      } catch (error) {
        // It is not part of the log any more; the next opening removes it.
        log.write("warn", "log.remove-failed", { segment, why: String(error) });
      }
    }
  };

  const holdOf = (parts: readonly SegmentEnd[]): LogHold => {
    const held = new Set(parts.map(({ segment }) => segment));
    holds.add(held);
    return {
      segments: parts,
      release: () => {
        if (!holds.delete(held)) return;
        const free = put.filter((each) => !isHeld(each));
        put = put.filter(isHeld);
        removals = removals.then(() => removeAll(free));
      },
    };
  };

  return {
    begun: (parts, dropped) => {
      put.push(...dropped.filter(isHeld));
      const free = dropped.filter((each) => !isHeld(each));
      for (const { take } of waiting.splice(0)) take(holdOf(parts));
      removals = removals.then(() => removeAll(free)).then(() => spares?.begun());
    },
    nextMoment: () => new Promise((take, fail) => waiting.push({ take, fail })),
    stop: (why) => {
      for (const { fail } of waiting.splice(0)) fail(why);
    },
    idle: () => removals,
  };
}
