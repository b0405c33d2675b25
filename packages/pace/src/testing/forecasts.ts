/** Gauges whose fate is known, second by second, and how well it was foretold, for tests and benchmarks. */
import { createForecaster, type Forecaster, leadMsOf } from "../forecast/forecast.ts";
import type { Random } from "../host/random.ts";
import type { Gauge } from "../quota/gauge.ts";
import { seededRandom } from "./draws.ts";

/** Units a second that are wanted at a moment, as a share of what the quota gives in the long run. */
type Demand = (nowMs: number) => number;

/** How demand goes, in windows of the quota. */
const DEMANDS = {
  steady: (random: Random): Demand => {
    const share = 0.3 + 2 * random();
    return () => share;
  },
  ramp: (random: Random, windowMs: number): Demand => {
    const [from, to, over] = [0.5 * random(), 0.5 + 2 * random(), windowMs * (3 + 5 * random())];
    return (now) => from + (to - from) * Math.min(1, now / over);
  },
  burst: (random: Random, windowMs: number): Demand => {
    const [base, height, every, length] = [
      0.2 + 0.4 * random(),
      1 + 3 * random(),
      windowMs * (2 + 3 * random()),
      windowMs * (0.1 + random()),
    ];
    const phase = every * random();
    return (now) => ((now + phase) % every < length ? base + height : base);
  },
  diurnal: (random: Random, windowMs: number): Demand => {
    const [mean, swing, period, phase] = [
      0.4 + 0.8 * random(),
      0.3 + 0.6 * random(),
      windowMs * (6 + 6 * random()),
      2 * Math.PI * random(),
    ];
    return (now) => mean * (1 + swing * Math.sin((2 * Math.PI * now) / period + phase));
  },
  noise: (random: Random, windowMs: number): Demand => {
    const mean = 0.3 + 1.7 * random();
    const pieces = Array.from({ length: 400 }, () => mean * Math.exp(0.5 * (random() + random() + random() - 1.5)));
    return (now) => pieces[Math.floor((now * 10) / windowMs) % pieces.length] as number;
  },
  step: (random: Random, windowMs: number): Demand => {
    const [before, after, at] = [0.2 + 0.5 * random(), 0.8 + 2 * random(), windowMs * (2 + 5 * random())];
    return (now) => (now < at ? before : after);
  },
} as const;

type DemandName = keyof typeof DEMANDS;

interface ForecastCase {
  readonly demand: DemandName;
  readonly shape: "bucket" | "window";
  readonly limit: number;
  readonly windowMs: number;
  readonly seed: number;
}

export interface ForecastFate {
  /** Times that the quota ran out after it had been there for a window. */
  readonly exhaustions: number;
  /** Of these, warned of in time: a lead before. */
  readonly early: number;
  /** Of these not warned of in time, what brought it came less than a lead and the shorter span before. */
  readonly sudden: number;
  readonly warnings: number;
  /** Warnings in which it did not run out, or only after a window: who always warns would always be right. */
  readonly falseAlarms: number;
  /** Of these, the load that it was about ended within a lead and the shorter span. */
  readonly ended: number;
  /** By tenths of the chance that was told: how often, the sum told, and how often it ran out. */
  readonly told: readonly { readonly count: number; readonly chance: number; readonly came: number }[];
}

const WINDOWS = 10;
/** As often as a pace looks at a quota of a minute, and at one of an hour. */
const LOOKS_PER_LEAD = 20;
/** What is told is compared with what came so often: each look would count one fate many times. */
const ASKED_PER_WINDOW = 6;
/** A load is the same while it is so near to what it was at the end. */
const SAME_LOAD = 0.75;

interface Moment {
  readonly atMs: number;
  readonly isOut: boolean;
  readonly isWarning: boolean;
  readonly chance: number | undefined;
  readonly horizonMs: number;
  readonly isAsked: boolean;
}

function playForecast({ demand, shape, limit, windowMs, seed }: ForecastCase, forecaster: Forecaster): ForecastFate {
  const random = seededRandom(seed);
  const demandAt = DEMANDS[demand](random, windowMs);
  const lead = leadMsOf({ windowMs, shape });
  const stepMs = lead / LOOKS_PER_LEAD;
  const moments: Moment[] = [];
  let [used, waiting, endsMs] = [0, 0, windowMs];
  let askMs = 0;
  for (let now = 0; now < WINDOWS * windowMs; now += stepMs) {
    if (shape === "window" && now >= endsMs) [used, endsMs] = [0, endsMs + windowMs];
    if (shape === "bucket") used = Math.max(0, used - (limit * stepMs) / windowMs);
    const perMs = (demandAt(now) * limit) / windowMs;
    const wanted = used + waiting + drawn(random, perMs * stepMs);
    used = Math.min(limit, wanted);
    waiting = Math.min(wanted - used, perMs * lead);
    const resetInMs = shape === "window" ? endsMs - now : (used * windowMs) / limit;
    const gauge: Gauge = { ...GAUGE, shape, limit, windowMs, used, waiting, available: limit - used, resetInMs };
    const told = forecaster.look(now, gauge);
    const isAsked = told !== undefined && now >= askMs;
    if (isAsked) askMs = now + windowMs / ASKED_PER_WINDOW;
    const { isWarning = false, chance, horizonMs = 0 } = told ?? {};
    moments.push({ atMs: now, isOut: used >= limit, isWarning, chance, horizonMs, isAsked });
  }
  const sameLoadMs = (atMs: number): number => {
    let from = atMs;
    while (from > 0 && demandAt(from) >= SAME_LOAD * demandAt(atMs)) from -= stepMs;
    return atMs - from;
  };
  const sameLoadAfterMs = (atMs: number): number => {
    let until = atMs;
    while (until < WINDOWS * windowMs && demandAt(until) >= SAME_LOAD * demandAt(atMs)) until += stepMs;
    return until - atMs;
  };
  return fateOf(moments, { windowMs, leadMs: lead, stepMs, sameLoadMs, sameLoadAfterMs });
}

const GAUGE: Omit<Gauge, "shape" | "limit" | "windowMs" | "used" | "waiting" | "available" | "resetInMs"> = {
  partition: "https://api.example.com",
  unit: "requests",
  name: "minute",
  source: "header",
  confidence: 1,
  chargesRefused: undefined,
};

interface Measure {
  readonly windowMs: number;
  readonly leadMs: number;
  readonly stepMs: number;
  /** How long the load of a moment had been there, and how long it stayed. */
  sameLoadMs(atMs: number): number;
  sameLoadAfterMs(atMs: number): number;
}

function fateOf(moments: readonly Moment[], { windowMs, leadMs, stepMs, sameLoadMs, sameLoadAfterMs }: Measure): ForecastFate {
  const fate = { exhaustions: 0, early: 0, sudden: 0, warnings: 0, falseAlarms: 0, ended: 0 };
  const told = Array.from({ length: 10 }, () => ({ count: 0, chance: 0, came: 0 }));
  let lastOutMs = Number.NEGATIVE_INFINITY;
  let warning: { readonly sinceMs: number; readonly isNew: boolean; isTrue: boolean } | undefined;
  for (const { atMs, isOut, isWarning } of moments) {
    if (isWarning && warning === undefined) warning = { sinceMs: atMs, isNew: atMs - lastOutMs > windowMs + stepMs, isTrue: false };
    if (isOut) {
      // One that ran out in every window is one trouble.
      if (atMs - lastOutMs > windowMs + stepMs) {
        fate.exhaustions++;
        const aheadMs = warning === undefined ? 0 : atMs - warning.sinceMs;
        if (aheadMs >= leadMs && aheadMs <= windowMs) fate.early++;
        else if (sameLoadMs(atMs) < leadMs * 1.5) fate.sudden++;
      }
      lastOutMs = atMs;
      if (warning !== undefined && atMs - warning.sinceMs <= windowMs) warning.isTrue = true;
    }
    if (!isWarning && warning !== undefined) {
      // One that comes back while the trouble lasts is the same.
      if (warning.isNew) fate.warnings++;
      if (warning.isNew && !warning.isTrue) {
        fate.falseAlarms++;
        if (sameLoadAfterMs(warning.sinceMs) < leadMs * 1.5) fate.ended++;
      }
      warning = undefined;
    }
  }
  // What began just before the last moment is not known yet.
  const isLate = warning !== undefined && (moments.at(-1)?.atMs ?? 0) - warning.sinceMs > windowMs;
  if (warning?.isNew && (warning.isTrue || isLate)) fate.warnings++;
  if (warning?.isNew && !warning.isTrue && isLate) fate.falseAlarms++;
  for (const [nth, { atMs, chance, horizonMs, isAsked, isOut }] of moments.entries()) {
    if (!isAsked || chance === undefined || isOut) continue;
    const until = atMs + horizonMs;
    if (until > (moments.at(-1)?.atMs ?? 0)) continue;
    let came = false;
    for (let at = nth; !came && at < moments.length && (moments[at] as Moment).atMs < until; at++) came = (moments[at] as Moment).isOut;
    const tenth = told[Math.min(9, Math.floor(chance * 10))] as (typeof told)[number];
    tenth.count++;
    tenth.chance += chance;
    if (came) tenth.came++;
  }
  return { ...fate, told };
}

/** How often something comes that comes so often on average: Poisson's, by its normal neighbour where it is many. */
function drawn(random: Random, mean: number): number {
  if (mean > 30) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(mean + normal * Math.sqrt(mean)));
  }
  const least = Math.exp(-mean);
  let count = 0;
  for (let left = random(); left > least; left *= random()) count++;
  return count;
}

/** Of a minute and of an hour, as services have them. */
const QUOTAS = [
  { limit: 600, windowMs: 60_000 },
  { limit: 5000, windowMs: 3_600_000 },
] as const;

/** Every load with every quota, as bucket and as window, with each of the seeds. */
export function playForecasts(seeds: readonly number[], forecasterOf: () => Forecaster = createForecaster): ForecastFate {
  const all: ForecastFate[] = [];
  for (const demand of Object.keys(DEMANDS) as DemandName[])
    for (const shape of ["bucket", "window"] as const)
      for (const quota of QUOTAS) for (const seed of seeds) all.push(playForecast({ demand, shape, ...quota, seed }, forecasterOf()));
  return sumOfFates(all);
}

function sumOfFates(fates: readonly ForecastFate[]): ForecastFate {
  const sum = (of: (fate: ForecastFate) => number): number => fates.reduce((total, fate) => total + of(fate), 0);
  return {
    exhaustions: sum(({ exhaustions }) => exhaustions),
    early: sum(({ early }) => early),
    sudden: sum(({ sudden }) => sudden),
    warnings: sum(({ warnings }) => warnings),
    falseAlarms: sum(({ falseAlarms }) => falseAlarms),
    ended: sum(({ ended }) => ended),
    told: Array.from({ length: 10 }, (_, tenth) => ({
      count: sum(({ told }) => told[tenth]?.count ?? 0),
      chance: sum(({ told }) => told[tenth]?.chance ?? 0),
      came: sum(({ told }) => told[tenth]?.came ?? 0),
    })),
  };
}
