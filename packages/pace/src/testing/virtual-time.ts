/**
 * Time that passes when it is told to, for tests and simulations: what is due happens in order of time, what is due together in order of its being set.
 *
 * `run` lets callbacks alone pass, some millions a second; `runSettled` lets promises settle between two moments, for code that awaits.
 */

import { createHeap } from "../gate/heap.ts";
import type { Clock } from "../host/clock.ts";
import { settled } from "../host/node/settled.ts";

export interface VirtualTime extends Clock {
  /** Everything due until then happens; `now()` is then. */
  run(untilMs: number): void;
  /** The same, and whatever was awaited goes on before the next moment. */
  runSettled(untilMs: number): Promise<void>;
  /** The date goes elsewhere, `now()` does not. */
  setDate(dateMs: number): void;
}

interface Alarm {
  readonly atMs: number;
  readonly nth: number;
  call: (() => void) | undefined;
}

interface VirtualTimeOptions {
  readonly startMs?: number;
  readonly dateMs?: number;
  /** After each callback of `run`: lets what awaits go on, where a host can do that within a turn. */
  readonly afterEach?: () => void;
}

export function createVirtualTime({ startMs = 0, dateMs = Date.UTC(2026, 0, 1), afterEach }: VirtualTimeOptions = {}): VirtualTime {
  let nowMs = startMs;
  let aheadMs = dateMs - startMs;
  let count = 0;
  const alarms = createHeap<Alarm>((one, other) => one.atMs - other.atMs || one.nth - other.nth);
  const next = (untilMs: number): (() => void) | undefined => {
    for (let first = alarms.first(); first !== undefined && first.atMs <= untilMs; first = alarms.first()) {
      alarms.take();
      if (first.call === undefined) continue;
      nowMs = first.atMs;
      return first.call;
    }
    nowMs = Math.max(nowMs, untilMs);
    return undefined;
  };
  return {
    now: () => nowMs,
    date: () => nowMs + aheadMs,
    wake: (atMs, call) => {
      const alarm: Alarm = { atMs: Math.max(atMs, nowMs), nth: count++, call };
      alarms.add(alarm);
      return () => {
        alarm.call = undefined;
      };
    },
    run: (untilMs) => {
      for (let call = next(untilMs); call !== undefined; call = next(untilMs)) {
        call();
        afterEach?.();
      }
    },
    runSettled: async (untilMs) => {
      await settled();
      for (let call = next(untilMs); call !== undefined; call = next(untilMs)) {
        call();
        await settled();
      }
    },
    setDate: (toMs) => {
      aheadMs = toMs - nowMs;
    },
  };
}
