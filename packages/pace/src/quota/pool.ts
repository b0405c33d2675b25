/**
 * What this process has of its own: calls under way, memory, cores, the window of a model. It is held while a call is under way, and given back at its end.
 *
 * In use is what is held, or what is measured where that is more: others in the process take of it too. Invariant: no call that is not reserved leaves while
 * one of these is used up, and none that would use more than is left.
 */
import type { Gauge } from "./gauge.ts";
import type { Cost, Unit } from "./reading.ts";
import { createTurns, type Seat } from "./turns.ts";

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
  /** Of which it takes more than there ever is; none where it fits when enough was given back. */
  tooSmall(cost: Cost): HeldLimit | undefined;
  /** What is returned gives it back. */
  hold(cost: Cost): () => void;
  /**
   * Something was given back: told to those of whom somebody waits, the lowest `rank` first, and those of one rank in turn, so that nobody's flood keeps others from
   * what all take of. The function returned ends that.
   */
  whenFree(call: () => void, rank: () => number | undefined): () => void;
  /** The same, for one of the gates that take of it: large calls of one have their turn among small ones of others. */
  door(): Pool;
  gauges(waiting: (unit: Unit) => number): readonly Gauge[];
}

interface Listener {
  readonly call: () => void;
  /** Of who waits first; none where nobody does. */
  readonly rank: () => number | undefined;
}

export function createPool(limits: readonly HeldLimit[], measure: Measure): Pool {
  const held = new Map<HeldUnit, number>();
  const turns = new Map(limits.map(({ unit }) => [unit, createTurns(false)]));
  const listeners = new Set<Listener>();
  /** What cannot be measured is what is held: calls that are under way are not left there because a measure fails. */
  const measured = (unit: HeldUnit): number => {
    try {
      return measure()[unit] || 0;
    } catch {
      return 0;
    }
  };
  const heldOf = (unit: HeldUnit): number => held.get(unit) ?? 0;
  const used = (unit: HeldUnit): number => Math.max(heldOf(unit), measured(unit));
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
  const tooSmall = (cost: Cost): HeldLimit | undefined => limits.find(({ unit, limit }) => unitsOf(cost, unit) > limit);

  const door = (): Pool => {
    const own = new Set<Listener>();
    const rankHere = (): number | undefined => {
      const ranks = [...own].map(({ rank }) => rank()).filter((rank) => rank !== undefined);
      return ranks.length === 0 ? undefined : Math.min(...ranks);
    };
    const seats = new Map([...turns].map(([unit, of]): [HeldUnit, Seat] => [unit, of.seat(rankHere)]));
    let asked: Cost | undefined;

    /** Others leave room for what will be there when they have given back, and for nothing that never will be. */
    const comesBack = (cost: Cost): boolean =>
      limits.every(({ unit, limit }) => Math.max(0, used(unit) - heldOf(unit)) + unitsOf(cost, unit) <= limit);

    return {
      fits: (cost) => {
        asked = cost;
        const isThere = limits.every(({ unit, limit }) => used(unit) < limit && used(unit) + unitsOf(cost, unit) <= limit);
        if (!isThere) {
          const isDue = comesBack(cost);
          for (const [unit, seat] of seats)
            if (isDue) seat.short(unitsOf(cost, unit));
            else seat.there();
          return false;
        }
        const isLeft = limits.every(({ unit, limit }) => {
          const units = unitsOf(cost, unit);
          return units === 0 || used(unit) + units + (seats.get(unit)?.leaves() ?? 0) <= limit;
        });
        if (isLeft) for (const seat of seats.values()) seat.there();
        return isLeft;
      },
      tooSmall,
      hold: (cost) => {
        for (const { unit } of limits) {
          held.set(unit, heldOf(unit) + unitsOf(cost, unit));
          seats.get(unit)?.took(unitsOf(cost, unit), cost === asked);
        }
        let isHeld = true;
        return () => {
          if (!isHeld) return;
          isHeld = false;
          for (const { unit } of limits) held.set(unit, Math.max(0, heldOf(unit) - unitsOf(cost, unit)));
          tell();
        };
      },
      whenFree: (call, rank) => {
        const listener = { call, rank };
        listeners.add(listener);
        own.add(listener);
        return () => {
          listeners.delete(listener);
          own.delete(listener);
        };
      },
      door,
      gauges,
    };
  };

  const gauges: Pool["gauges"] = (waiting) =>
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
    }));

  return door();
}
