/**
 * When work must begin, whatever room there is, to be done by its deadline.
 *
 * Inputs: all that has a deadline, what is under way, how long each takes, time. It is as if all of it began now, the nearest deadline first, so many at once: where one would end
 * less than so long before its deadline, the first must begin. Invariants: nothing of that is too late by more than a look; of a kind of which nothing is known
 * one goes ahead, and the others wait for what it shows, as long as their own time lasts.
 */
import { createHeap } from "../gate/heap.ts";
import type { Planned } from "./agenda.ts";
import type { Durations } from "./durations.ts";
import type { WorkSettings } from "./piece.ts";

export interface Under {
  readonly kind: string;
  /** On the clock that does not jump. */
  readonly beganMs: number;
}

export interface LastCall {
  /** Whether the one in line with the nearest deadline must begin. */
  isFor(urgent: Planned, dateMs: number): boolean;
  /** Date by which one that has so many before it, of its kind, must begin. */
  latestMs(kind: string, deadlineMs: number, before: number): number;
  /** It is under way now. */
  began(kind: string): void;
}

export interface LastCallPorts {
  readonly durations: Durations;
  readonly now: () => number;
  /** All that have a deadline and a handler. */
  readonly dated: () => readonly Planned[];
  readonly under: () => Iterable<Under>;
}

/** Of many it is thought over again after so long, of very many more rarely: it looks at each of them. */
const LOOK_MS = 1000;
const LOOK_PER_PIECE_MS = 0.1;

export function createLastCall(
  { atOnce, lastCallMs }: Pick<WorkSettings, "atOnce" | "lastCallMs">,
  { durations, now, dated, under }: LastCallPorts,
): LastCall {
  /** Date from which it is on, as far as the last look showed. */
  let dueMs = Number.POSITIVE_INFINITY;
  /** The deadline that is in danger then: to begin what comes later does not help. */
  let dangerMs = Number.NEGATIVE_INFINITY;
  let lookAgainMs = Number.NEGATIVE_INFINITY;

  /** Of unknown kinds the one that went ahead shows how long they take at least. */
  const shown = (): ReadonlyMap<string, number> => {
    const longest = new Map<string, number>();
    for (const { kind, beganMs } of under())
      if (!durations.isKnown(kind)) longest.set(kind, Math.max(longest.get(kind) ?? 0, now() - beganMs));
    return longest;
  };

  /** From now until each that is under way ends; one that takes longer than usual, as much longer again. */
  const ends = (): readonly number[] => [...under()].map(({ kind, beganMs }) => Math.abs(durations.mostMs(kind) - (now() - beganMs)));

  const look = (urgent: Planned, dateMs: number): void => {
    const pieces = dated().toSorted((one, other) => one.deadlineMs - other.deadlineMs);
    const places = createPlaces(atOnce, ends());
    const atLeast = shown();
    let spareMs = Number.POSITIVE_INFINITY;
    for (const { kind, deadlineMs } of pieces) {
      const leftMs = deadlineMs - dateMs;
      const endMs = places.take(atLeast.get(kind) ?? durations.mostMs(kind), leftMs);
      // What comes before the first that may begin is not helped by it.
      if (deadlineMs < urgent.deadlineMs || leftMs - endMs > spareMs) continue;
      spareMs = leftMs - endMs;
      dangerMs = deadlineMs;
    }
    dueMs = dateMs + spareMs - lastCallMs;
    lookAgainMs = now() + Math.max(LOOK_MS, LOOK_PER_PIECE_MS * pieces.length);
  };

  const latestMs = (kind: string, deadlineMs: number, before: number): number =>
    deadlineMs - Math.max(1, Math.ceil(before / atOnce)) * durations.mostMs(kind) - lastCallMs;

  return {
    isFor: (urgent, dateMs) => {
      if (latestMs(urgent.kind, urgent.deadlineMs, 1) <= dateMs) return true;
      if (now() >= lookAgainMs) look(urgent, dateMs);
      return dueMs <= dateMs && urgent.deadlineMs <= dangerMs;
    },
    latestMs,
    began: (kind) => {
      if (!durations.isKnown(kind)) dueMs = Number.POSITIVE_INFINITY;
    },
  };
}

interface Places {
  /** Gives when it ends, from now, where it takes the place that is free first. None is held beyond its deadline. */
  take(takesMs: number, leftMs: number): number;
}

interface Place {
  readonly freeMs: number;
  readonly nth: number;
}

function createPlaces(atOnce: number, ends: readonly number[]): Places {
  const taken = createHeap<Place>((one, other) => one.freeMs - other.freeMs || one.nth - other.nth);
  let count = 0;
  for (const freeMs of ends) taken.add({ freeMs, nth: count++ });
  return {
    take: (takesMs, leftMs) => {
      const freeMs = taken.size < atOnce ? 0 : (taken.take()?.freeMs ?? 0);
      const endMs = freeMs + takesMs;
      taken.add({ freeMs: Math.max(freeMs, Math.min(endMs, leftMs)), nth: count++ });
      return endMs;
    },
  };
}
