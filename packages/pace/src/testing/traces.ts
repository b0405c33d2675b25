/** How the limit of a service moves, and how many calls the best of all clients gets through: all that it lets in. */
export interface Trace {
  /** Units a second. */
  readonly perSecond: (nowMs: number) => number;
  readonly endMs: number;
  /** When the last change is over. */
  readonly calmFromMs: number;
}

const MINUTE_MS = 60_000;

/** Half an hour: 600 a minute, from the tenth minute on 240, from the twentieth on 900. */
const step: Trace = {
  perSecond: (nowMs) => (nowMs < 10 * MINUTE_MS ? 10 : nowMs < 20 * MINUTE_MS ? 4 : 15),
  endMs: 30 * MINUTE_MS,
  calmFromMs: 20 * MINUTE_MS,
};

/** 600 a minute, from the tenth minute to the twentieth 60. */
const collapse: Trace = {
  perSecond: (nowMs) => (nowMs >= 10 * MINUTE_MS && nowMs < 20 * MINUTE_MS ? 1 : 10),
  endMs: 30 * MINUTE_MS,
  calmFromMs: 20 * MINUTE_MS,
};

/** Twelve minutes, 600 a minute. */
const steady: Trace = { perSecond: () => 10, endMs: 12 * MINUTE_MS, calmFromMs: 0 };

/** Two days of ten minutes each: between 1,080 a minute and 120, as a sine. */
const diurnal: Trace = {
  perSecond: (nowMs) => 10 + 8 * Math.sin((2 * Math.PI * nowMs) / (10 * MINUTE_MS)),
  endMs: 20 * MINUTE_MS,
  calmFromMs: 20 * MINUTE_MS,
};

/** 600 a minute, from the tenth minute to the twentieth 120: a cut by 80 in 100. */
const cut: Trace = {
  perSecond: (nowMs) => (nowMs >= 10 * MINUTE_MS && nowMs < 20 * MINUTE_MS ? 2 : 10),
  endMs: 30 * MINUTE_MS,
  calmFromMs: 20 * MINUTE_MS,
};

/** A minute and a half, for real time: 600 a minute, from the thirtieth second on 240, from the sixtieth on 900. */
const short: Trace = {
  perSecond: (nowMs) => (nowMs < 30_000 ? 10 : nowMs < 60_000 ? 4 : 15),
  endMs: 90_000,
  calmFromMs: 60_000,
};

export const TRACES = { step, collapse, steady, diurnal, cut, short } as const;

/** Units that are let in from one moment to another, in steps of a second. */
export function unitsOf({ perSecond }: Trace, fromMs: number, toMs: number): number {
  const STEP_MS = 1000;
  let sum = 0;
  for (let at = fromMs; at < toMs; at += STEP_MS) sum += (perSecond(at) * Math.min(STEP_MS, toMs - at)) / 1000;
  return sum;
}
