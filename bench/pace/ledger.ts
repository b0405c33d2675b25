/** Writes down what happens in a run, and says what it comes to. */

import type { Job, JobEnd } from "./contestant.ts";
import { type Figures, jain, quantile } from "./figures.ts";

export interface LedgerSettings {
  readonly instances: number;
  readonly endMs: number;
  /** The trouble, where there is one. */
  readonly troubledMs?: { readonly from: number; readonly to: number };
  /** Of the first attempts that may leave at the deadline the answer comes later. */
  readonly graceMs: number;
}

export interface Optimum {
  readonly all: number;
  /** From the second minute after the trouble to the third. */
  readonly afterTrouble?: number;
}

export interface Ledger {
  attempted(nowMs: number, nth: number): void;
  answered(status: number): void;
  ended(nowMs: number, instance: number, job: Pick<Job, "class" | "deadlineMs">, beganMs: number, end: JobEnd): void;
  figures(optimum: Optimum, foreign: { readonly asked: number; readonly got: number }): Figures;
}

/** From the end of the trouble, and for how long recovery is looked at. */
export const RECOVERY_MS = 60_000;
/** Who was told at his deadline was not told before it, whatever sums of fractions say. */
const ROUNDING_MS = 1;

export function createLedger({ instances, endMs, troubledMs, graceMs }: LedgerSettings): Ledger {
  const done = new Array<number>(instances).fill(0);
  const retries = new Uint32Array(Math.ceil(endMs / 1000) + 1);
  const latencies: number[] = [];
  const interactive = { calm: [] as number[], troubled: [] as number[] };
  const heartbeats = { due: 0, onTime: 0 };
  let [accepted, refused, overloaded, ended, lost, turnedAway, late, inTime, recovered] = [0, 0, 0, 0, 0, 0, 0, 0, 0];

  const isTroubled = (nowMs: number): boolean => troubledMs !== undefined && nowMs >= troubledMs.from && nowMs < troubledMs.to;
  const recovery = troubledMs === undefined ? undefined : troubledMs.to + RECOVERY_MS;

  return {
    attempted: (nowMs, nth) => {
      if (nth > 1) retries[Math.floor(nowMs / 1000)] = (retries[Math.floor(nowMs / 1000)] ?? 0) + 1;
    },
    answered: (status) => {
      if (status === 200) accepted++;
      else if (status === 429) refused++;
      else overloaded++;
    },
    ended: (nowMs, instance, job, beganMs, end) => {
      ended++;
      const tookMs = nowMs - beganMs;
      const isInTime = tookMs <= job.deadlineMs + graceMs;
      if (end === "done" && isInTime) {
        inTime++;
        done[instance] = (done[instance] ?? 0) + 1;
        latencies.push(tookMs);
        if (recovery !== undefined && nowMs >= recovery && nowMs < recovery + RECOVERY_MS) recovered++;
      } else if (end === "turned-away") turnedAway++;
      else if (end === "given-up" && tookMs < job.deadlineMs - ROUNDING_MS) lost++;
      else late++;
      if (job.class === "interactive")
        interactive[isTroubled(beganMs) ? "troubled" : "calm"].push(end === "done" ? tookMs : job.deadlineMs);
      if (job.class === "heartbeat") {
        heartbeats.due++;
        if (end === "done" && tookMs <= job.deadlineMs) heartbeats.onTime++;
      }
    },
    figures: (optimum, foreign) => {
      const sorted = latencies.sort((one, other) => one - other);
      const p99 = (all: number[]): number =>
        quantile(
          all.sort((one, other) => one - other),
          0.99,
        );
      const mostRetries = retries.reduce((most, one) => Math.max(most, one), 0);
      const meanRetries = retries.reduce((sum, one) => sum + one, 0) / retries.length;
      return {
        goodput: inTime / Math.max(1, optimum.all),
        refusalsPerSuccess: refused / Math.max(1, accepted),
        overloadsPerSuccess: overloaded / Math.max(1, accepted),
        lost: lost / Math.max(1, ended),
        turnedAway: turnedAway / Math.max(1, ended),
        late: late / Math.max(1, ended),
        fairness: jain(done),
        mostRetriesPerSecond: mostRetries,
        retryWave: meanRetries === 0 ? 0 : mostRetries / meanRetries,
        ...(optimum.afterTrouble === undefined ? {} : { recovered: recovered / optimum.afterTrouble }),
        p50Ms: quantile(sorted, 0.5),
        p99Ms: quantile(sorted, 0.99),
        ...(interactive.troubled.length === 0
          ? {}
          : { interactive: { calmP99Ms: p99(interactive.calm), troubledP99Ms: p99(interactive.troubled) } }),
        ...(heartbeats.due === 0 ? {} : { heartbeats: heartbeats.onTime / heartbeats.due }),
        ...(foreign.asked === 0 ? {} : { foreign: foreign.got / foreign.asked }),
      };
    },
  };
}
