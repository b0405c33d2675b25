/** A host's clocks over virtual time: an own rate (drift), an own idea of the date (offset), and jumps of the date. */
import type { Clock } from "../clock.ts";
import { called, type Process, type Schedule } from "./schedule.ts";

export interface ClockErrors {
  /** How far the date is off, milliseconds. */
  offsetMs: number;
  /** How much faster than true time this host's clocks run, parts per million. */
  readonly driftPpm: number;
}

/** The date at which every world begins. */
export const WORLD_EPOCH_MS: number = Date.UTC(2026, 0, 1);

export function createVirtualClock(schedule: Schedule, process: Process, errors: ClockErrors): Clock {
  const rate = 1 + errors.driftPpm / 1_000_000;
  const localUs = (atUs: number): number => Math.floor(atUs * rate);
  const startedUs = localUs(schedule.nowUs);
  const waking = (dueUs: number, stoodUs: number, then: () => void): (() => void) => {
    let cancel = schedule.at(dueUs, "timer", process, () => {
      // Its machine slept meanwhile, and its clock stood still: the rest of the delay is still to come.
      const missedUs = process.stoodUs - stoodUs;
      if (missedUs <= 0) return then();
      cancel = waking(dueUs + missedUs, process.stoodUs, then);
    });
    return () => cancel();
  };

  return {
    wallMs: () => WORLD_EPOCH_MS + Math.floor(localUs(schedule.nowUs) / 1000 + errors.offsetMs),
    monotonicMs: () => (localUs(schedule.nowUs) - startedUs - process.stoodUs) / 1000,
    after: (delayMs, then) => {
      called(process);
      if (!process.alive) return () => {};
      const dueLocalUs = localUs(schedule.nowUs) + Math.max(0, Math.ceil(delayMs * 1000));
      let dueUs = Math.ceil(dueLocalUs / rate);
      // Rounding must not let a timer run before its delay has passed on this host's own clock.
      while (localUs(dueUs) < dueLocalUs) dueUs++;
      return waking(dueUs, process.stoodUs, then);
    },
  };
}
