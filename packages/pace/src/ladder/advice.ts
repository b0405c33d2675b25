/** What a ladder's event says to people: what happens by itself now, and what one can do. */
import type { Gauge } from "../quota/gauge.ts";
import type { Unit } from "../quota/reading.ts";
import type { Step } from "./step.ts";

const WILL: Readonly<Record<Step, string>> = {
  calm: "Work is done in full again.",
  warned: "Nothing changes yet.",
  saving: "Work that allows it is done with less, and each result says so.",
  emergency: "What must not be lost is kept first; then only what is critical is done in full.",
};

export function willOf(step: Step): string {
  return WILL[step];
}

/** Nothing was done with less where the step is calm, so nothing is done in full "again". */
export function willOfWarning(step: Step, isOver: boolean): string {
  if (step !== "calm") return WILL[step];
  return isOver ? "It is not expected to run out any more." : WILL.warned;
}

const LESS: Readonly<Record<Unit, string>> = {
  requests: "make fewer calls: let work in the background wait, ask for several things in one call",
  tokens: "send and ask for less text",
  "input-tokens": "send less text",
  "output-tokens": "ask for shorter answers",
  usd: "take a cheaper model",
  "context-tokens": "summarise or put aside what the model need not see",
  "in-flight": "begin less at once",
  cpu: "begin less at once",
  "memory-bytes": "let go of what can be made again",
};

export function choicesOf({ unit, source, resetInMs }: Gauge): readonly string[] {
  const wait = resetInMs === undefined || !Number.isFinite(resetInMs) ? [] : [`wait ${shown(resetInMs)}, until it is there again`];
  const limit = source === "assumed" || source === "learned" ? "say what the limit is, which is a guess so far" : "raise the limit";
  return [LESS[unit], ...wait, limit];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

function shown(ms: number): string {
  if (ms < 2 * MINUTE_MS) return `${Math.ceil(ms / 1000)} s`;
  if (ms < 2 * HOUR_MS) return `${Math.ceil(ms / MINUTE_MS)} min`;
  return ms < 2 * DAY_MS ? `${Math.ceil(ms / HOUR_MS)} h` : `${Math.ceil(ms / DAY_MS)} days`;
}
