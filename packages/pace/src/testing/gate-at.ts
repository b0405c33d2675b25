import type { PaceError } from "../error.ts";
import { type CallTerms, createGate, type GateSettings, type Pass } from "../gate/gate.ts";
import type { Cost, Reading } from "../quota/reading.ts";
import { createVirtualTime } from "./virtual-time.ts";

export const TOLD: Reading = {
  unit: "requests",
  name: "minute",
  limit: 600,
  windowMs: 60_000,
  remaining: 300,
  resetInMs: 30_000,
  shape: "bucket",
};

/** A gate in virtual time, and what becomes of what enters it. */
export function gateAt(settings: Partial<GateSettings> = {}) {
  const time = createVirtualTime();
  const gate = createGate({ mostWaiting: 100, ranks: 3, ...settings }, { clock: time, random: () => 0.5 });
  /** What became of a call so far. */
  const enter = (terms: Partial<CallTerms> = {}): { pass: Pass | undefined; error: PaceError | undefined } => {
    const fate: { pass: Pass | undefined; error: PaceError | undefined } = { pass: undefined, error: undefined };
    const cost: Cost = { requests: 1 };
    const usual = { cost, isGuess: false, rank: 1, isReserved: false, requester: "", deadlineMs: Number.POSITIVE_INFINITY };
    gate.enter(
      { ...usual, ...terms },
      {
        leave: (pass) => {
          fate.pass = pass;
        },
        refuse: (error) => {
          fate.error = error;
        },
      },
    );
    return fate;
  };
  return { time, gate, enter };
}
