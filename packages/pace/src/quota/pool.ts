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
  /** Something was given back. The function returned ends that. */
  whenFree(call: () => void): () => void;
  gauges(waiting: (unit: Unit) => number): readonly Gauge[];
}

export function createPool(limits: readonly HeldLimit[], measure: Measure): Pool {
  const held = new Map<HeldUnit, number>();
  const listeners = new Set<() => void>();
  const used = (unit: HeldUnit): number => Math.max(held.get(unit) ?? 0, measure()[unit] ?? 0);
  // A call is one of those under way, whatever else it takes.
  const unitsOf = (cost: Cost, unit: HeldUnit): number => cost[unit] ?? (unit === "in-flight" ? 1 : 0);
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
        for (const call of [...listeners]) call();
      };
    },
    whenFree: (call) => {
      listeners.add(call);
      return () => listeners.delete(call);
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
