/**
 * What this process has of its own: calls under way, memory, cores, the window of a model. It is held while a call is under way, and given back at its end.
 *
 * In use is what is held, or what is measured where that is more: others in the process take of it too. Invariant: no call that is not reserved leaves while
 * one of these is used up, and none that would use more than is left.
 */
import type { Gauge } from "./gauge.ts";
import type { Cost, Unit } from "./reading.ts";

/** Units of which a process has its own. */
export const HELD_UNITS = ["context-tokens", "in-flight", "cpu", "memory-bytes"] as const satisfies readonly Unit[];
/** How gauges name whose these are. */
export const HERE = "here";
export type HeldUnit = (typeof HELD_UNITS)[number];

export interface HeldLimit {
  readonly unit: HeldUnit;
  readonly limit: number;
}

/** Units in use, of those that can be measured. */
export type Measure = () => Readonly<Partial<Record<HeldUnit, number>>>;

export interface Pool {
  fits(cost: Cost): boolean;
  /** Whether it ever would. */
  couldFit(cost: Cost): boolean;
  /** What is returned gives it back. */
  hold(cost: Cost): () => void;
  /**
   * Something was given back: told to those of whom somebody waits, the lowest `rank` first, and those of one rank in turn, so that nobody's flood keeps others from
   * what all take of. The function returned ends that.
   */
  whenFree(call: () => void, rank: () => number | undefined): () => void;
  gauges(waiting: (unit: Unit) => number): readonly Gauge[];
}

interface Listener {
  readonly call: () => void;
  /** Of who waits first; none where nobody does. */
  readonly rank: () => number | undefined;
}

export function createPool(limits: readonly HeldLimit[], measure: Measure): Pool {
  const held = new Map<HeldUnit, number>();
  const listeners = new Set<Listener>();
  /** What cannot be measured is what is held: calls that are under way are not left there because a measure fails. */
  const measured = (unit: HeldUnit): number => {
    try {
      return measure()[unit] || 0;
    } catch {
      return 0;
    }
  };
  const used = (unit: HeldUnit): number => Math.max(held.get(unit) ?? 0, measured(unit));
  // A call is one of those under way, whatever else it takes.
  const unitsOf = (cost: Cost, unit: HeldUnit): number => cost[unit] ?? (unit === "in-flight" ? 1 : 0);
  const tell = (): void => {
    const waiting = [...listeners].flatMap((listener) => {
      const rank = listener.rank();
      return rank === undefined ? [] : [{ listener, rank }];
    });
    waiting.sort((one, other) => one.rank - other.rank);
    const first = waiting[0]?.listener;
    // Of like ones another is the first next time.
    if (first !== undefined && listeners.delete(first)) listeners.add(first);
    for (const { listener } of waiting) listener.call();
  };

  return {
    fits: (cost) => limits.every(({ unit, limit }) => used(unit) < limit && used(unit) + unitsOf(cost, unit) <= limit),
    couldFit: (cost) => limits.every(({ unit, limit }) => unitsOf(cost, unit) <= limit),
    hold: (cost) => {
      for (const { unit } of limits) held.set(unit, (held.get(unit) ?? 0) + unitsOf(cost, unit));
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        for (const { unit } of limits) held.set(unit, Math.max(0, (held.get(unit) ?? 0) - unitsOf(cost, unit)));
        tell();
      };
    },
    whenFree: (call, rank) => {
      const listener = { call, rank };
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    gauges: (waiting) =>
      limits.map(({ unit, limit }) => ({
        partition: HERE,
        unit,
        name: unit,
        limit,
        windowMs: undefined,
        shape: "held",
        used: used(unit),
        waiting: waiting(unit),
        available: Math.max(0, limit - used(unit)),
        resetInMs: undefined,
        source: "policy",
        confidence: 1,
        chargesRefused: undefined,
      })),
  };
}
