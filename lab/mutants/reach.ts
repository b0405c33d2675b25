/**
 * Which mutants a seed ever comes to. Where a seed never runs the place that is written differently, its history is what it was, so that
 * it need not be run again to know that it notices nothing.
 */
import type { Mutant } from "./generate.ts";
import type { Ran } from "./reach-worker.ts";

type Place = Pick<Mutant, "id" | "file" | "start">;

interface Span {
  readonly startOffset: number;
  readonly endOffset: number;
}

/** What one thread tells, in the order in which it tells it. */
export interface ReachMap {
  /** Ids of the places that ran since the last time. */
  ranSince(ran: Ran): readonly string[];
}

/** For one thread: the engine tells of functions that never ran only once. */
export function createReachMap(places: readonly Place[]): ReachMap {
  const byFile = Map.groupBy(places, ({ file }) => file);
  const known = new Map<string, Map<string, Span>>();
  return {
    ranSince(ran) {
      const ids: string[] = [];
      for (const { file, functions } of ran) {
        const spans = known.get(file) ?? new Map<string, Span>();
        known.set(file, spans);
        const now = new Map<string, Ran[number]["functions"][number]>();
        for (const each of functions) {
          const [whole] = each.ranges;
          if (whole === undefined) continue;
          const name = `${whole.startOffset}-${whole.endOffset}`;
          spans.set(name, whole);
          now.set(name, each);
        }
        for (const { id, start } of byFile.get(file) ?? []) {
          const around = innermost([...spans.values()], start);
          const told = around && now.get(`${around.startOffset}-${around.endOffset}`);
          if (told !== undefined && (innermost(told.ranges, start)?.count ?? 0) > 0) ids.push(id);
        }
      }
      return ids;
    },
  };
}

/** The shortest span that has the place in it. */
function innermost<Each extends Span>(spans: readonly Each[], at: number): Each | undefined {
  let best: Each | undefined;
  for (const span of spans) {
    if (at < span.startOffset || at >= span.endOffset) continue;
    if (best === undefined || span.endOffset - span.startOffset <= best.endOffset - best.startOffset) best = span;
  }
  return best;
}
