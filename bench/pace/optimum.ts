/** What the best of all clients gets done, that knows everything: all that the service lets in, or all the work there is. */
import type { Trace } from "../../packages/pace/src/testing/traces.ts";

export interface Wish {
  readonly atMs: number;
  /** The last moment it may leave. */
  readonly untilMs: number;
}

const STEP_MS = 50;

/**
 * The most jobs that can be let in before their deadlines: whenever there is a unit, of those that are there and not late the one whose deadline is next takes it.
 * No other order lets more of them in (jobs of one unit, Lawler 1976). `wishes` by `atMs`.
 */
export function mostInTime(wishes: readonly Wish[], { perSecond, endMs }: Trace, burst: number): number {
  let level = burst;
  let [done, next] = [0, 0];
  const waiting = new Map<number, number>();
  for (let now = 0; now < endMs; now += STEP_MS) {
    level = Math.min(burst, level + (perSecond(now) * STEP_MS) / 1000);
    for (let wish = wishes[next]; wish !== undefined && wish.atMs <= now; wish = wishes[++next])
      waiting.set(wish.untilMs, (waiting.get(wish.untilMs) ?? 0) + 1);
    if (waiting.size === 0 || level < 1) continue;
    for (const untilMs of [...waiting.keys()].sort((one, other) => one - other)) {
      const count = waiting.get(untilMs) ?? 0;
      const served = untilMs < now ? 0 : Math.min(count, Math.floor(level));
      level -= served;
      done += served;
      if (served === count || untilMs < now) waiting.delete(untilMs);
      else waiting.set(untilMs, count - served);
      if (level < 1) break;
    }
  }
  return done;
}
