/**
 * How short something is: *calm*, *warned* (it is told and nothing else changes), *saving* (work is done with less where it allows that), *emergency* (what must
 * not be lost is kept first, and only what is critical is done in full).
 */
export type Step = "calm" | "warned" | "saving" | "emergency";

/** From the lowest to the highest. */
export const STEPS: readonly Step[] = ["calm", "warned", "saving", "emergency"];

/** The share of a quota from which on a step holds. */
export interface Thresholds {
  readonly warned: number;
  readonly saving: number;
  readonly emergency: number;
}

/** Half is early enough to choose, three quarters is late enough to be sure, and a tenth is what keeping the critical takes. */
export const THRESHOLDS: Thresholds = { warned: 0.5, saving: 0.75, emergency: 0.9 };

/** 0 for calm. */
export function heightOf(step: Step): number {
  return STEPS.indexOf(step);
}

export function isAtLeast(step: Step, least: Step): boolean {
  return heightOf(step) >= heightOf(least);
}

export function higherOf(one: Step, other: Step): Step {
  return heightOf(one) >= heightOf(other) ? one : other;
}

/** Sums of fractions miss a threshold by less. */
const ROUNDING = 1e-9;

export function isReached(use: number, threshold: number): boolean {
  return use + ROUNDING >= threshold;
}

/** The highest step that holds at this use. */
export function stepAt(use: number, { warned, saving, emergency }: Thresholds): Step {
  return isReached(use, emergency) ? "emergency" : isReached(use, saving) ? "saving" : isReached(use, warned) ? "warned" : "calm";
}

/** From which use on a higher step holds; infinity where none does. */
export function aboveStep(step: Step, thresholds: Thresholds): number {
  const next = STEPS[heightOf(step) + 1];
  return next === undefined || next === "calm" ? Number.POSITIVE_INFINITY : thresholds[next];
}
