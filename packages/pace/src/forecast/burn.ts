/**
 * What one gauge lost lately, over any span of the near past: how fast, and how unevenly.
 *
 * Input: the gauge at moments that never go back, sooner or later after each other. What comes back is counted where it comes back all the time (a bucket, what is
 * held); a window that begins anew gives back nothing, it is a new one. A limit that moved says nothing of what was spent, and that stretch is left out.
 */
import type { Gauge } from "../quota/gauge.ts";

export interface Burned {
  /** Units a second; below zero where more came back than was taken. */
  readonly perSecond: number;
  /** Of the sum over one second, from one second to the next. */
  readonly variance: number;
  /** That was looked at; less than was asked for at the beginning. */
  readonly spanMs: number;
}

export interface Burn {
  look(nowMs: number, gauge: Gauge): void;
  /** In the last `spanMs`; none before there are two looks. */
  over(nowMs: number, spanMs: number): Burned | undefined;
}

interface Sample {
  readonly atMs: number;
  /** Units lost since the beginning, without what came back. */
  readonly lost: number;
}

/** Looks closer together than a part of the span are seen as one: enough parts to tell how uneven they are, and few to keep. */
const PARTS = 48;

/** `keptMs`: the longest span that will be asked for. */
export function createBurn(keptMs: number): Burn {
  let samples: Sample[] = [];
  let last: { readonly gauge: Gauge; readonly atMs: number; readonly lost: number } | undefined;
  const stepMs = keptMs / PARTS;

  return {
    look: (nowMs, gauge) => {
      const now = Math.max(nowMs, last?.atMs ?? nowMs);
      const lost = last === undefined ? 0 : last.lost + lostBetween(last.gauge, gauge, now - last.atMs);
      last = { gauge, atMs: now, lost };
      const newest = samples.at(-1);
      if (newest !== undefined && now - newest.atMs < stepMs) return;
      samples.push({ atMs: now, lost });
      // One that is older is kept: the span begins between it and the next.
      const first = samples.findIndex(({ atMs }) => atMs > now - keptMs);
      if (first > 1) samples = samples.slice(first - 1);
    },
    over: (nowMs, spanMs) => {
      if (last === undefined) return undefined;
      const from = Math.max(0, samples.findIndex(({ atMs }) => atMs >= nowMs - spanMs) - 1);
      const parts = [...samples.slice(from).filter(({ atMs }) => atMs < (last?.atMs ?? 0)), last];
      const [first, end] = [parts[0] as Sample, last];
      const span = end.atMs - first.atMs;
      if (span <= 0) return undefined;
      const perMs = (end.lost - first.lost) / span;
      let squares = 0;
      for (let nth = 1; nth < parts.length; nth++) {
        const [before, after] = [parts[nth - 1] as Sample, parts[nth] as Sample];
        const passed = after.atMs - before.atMs;
        if (passed > 0) squares += (after.lost - before.lost - perMs * passed) ** 2 / passed;
      }
      const variance = parts.length > 2 ? (squares / (parts.length - 2)) * 1000 : Math.abs(perMs) * 1000;
      return { perSecond: perMs * 1000, variance, spanMs: span };
    },
  };
}

function lostBetween(before: Gauge, after: Gauge, passedMs: number): number {
  const waited = after.waiting - before.waiting;
  if (before.limit !== after.limit || before.shape !== after.shape) return finite(waited);
  if (after.shape !== "window") return finite(before.available - after.available + waited);
  const isNew = after.used < before.used || passedMs > (before.resetInMs ?? Number.POSITIVE_INFINITY);
  return finite((isNew ? after.used : after.used - before.used) + waited);
}

function finite(units: number): number {
  return Number.isFinite(units) ? units : 0;
}
