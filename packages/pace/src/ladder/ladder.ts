/**
 * How short each limited thing is, and what is told about it.
 *
 * States: a step for each gauge, by its use, and whether its forecast warns. Input: all gauges, looked at again and again; the clock. Each crossing of a threshold is an
 * event, in order and once, and so is each beginning and end of a warning. A gauge that is not seen any more counts as unused: it comes down like any other
 * and is forgotten then. One that says nothing readable stays where it is.
 */

import { bad, checkNames, checkNumber, checkObject, checkWhole, type Given, meant, saidOf } from "../argument.ts";
import { createForecaster, type Forecast, type Forecaster } from "../forecast/forecast.ts";
import type { Clock } from "../host/clock.ts";
import { UNITS } from "../policy.ts";
import type { Gauge } from "../quota/gauge.ts";
import { choicesOf, willOf, willOfWarning } from "./advice.ts";
import { type Climber, createClimber } from "./climber.ts";
import { aboveStep, heightOf, higherOf, type Step, THRESHOLDS, type Thresholds } from "./step.ts";
import { thresholdsOf } from "./thresholds.ts";
import { type GaugeName, gaugeKey, useOf } from "./use.ts";

export interface LadderSettings {
  /** Shares of a limit: 0.5, 0.75 and 0.9 unless said. */
  readonly thresholds?: Given<Thresholds> | undefined;
  /** For some: by unit ("requests"), unit and name ("requests day"), or partition, unit and name. Of several, the one that names most holds. */
  readonly quotas?: Readonly<Record<string, Given<Thresholds>>> | undefined;
  /** So far below a threshold, as a share of the limit, a use has to be to leave its step: 0.05 unless said, more than a use trembles. */
  readonly margin?: number | undefined;
  /** For so long: 10,000 unless said, a sixth of the quotas that are most common. */
  readonly calmMs?: number | undefined;
  /** Events that are remembered: 1000 unless said. */
  readonly record?: number | undefined;
}

interface OfGauge {
  readonly gauge: Gauge;
  readonly use: number;
  readonly atMs: number;
  /** Since 1970, as the machine believes. */
  readonly dateMs: number;
  /** What is ahead, and how sure that is; none before enough was seen. */
  readonly forecast: Forecast | undefined;
  /** What happens by itself. */
  readonly will: string;
  /** What one can do. */
  readonly choices: readonly string[];
}

export type LadderEvent =
  /** A threshold was crossed. `overall`: the highest step of all gauges from now on. */
  | (OfGauge & { readonly kind: "step"; readonly from: Step; readonly to: Step; readonly overall: Step })
  /** A quota is about to run out, or is no more. */
  | (OfGauge & { readonly kind: "warning"; readonly isOver: boolean });

/** Where one gauge is. */
export interface Standing {
  readonly gauge: Gauge;
  readonly use: number;
  readonly step: Step;
  readonly forecast: Forecast | undefined;
}

export interface Ladder {
  /** The highest of all. */
  readonly step: Step;
  readonly standings: readonly Standing[];
  /** The last events, the oldest first. */
  readonly record: readonly LadderEvent[];
  /** What has changed since the last look. */
  look(gauges: readonly Gauge[]): readonly LadderEvent[];
  /** The highest of the gauges that are meant; none where all are calm. */
  highest(isMeant?: (gauge: Gauge) => boolean): Standing | undefined;
  /** From which use on a gauge is higher than it is now; infinity where nothing is. */
  nextOf(gauge: GaugeName): number;
}

const MARGIN = 0.05;
const CALM_MS = 10_000;
const RECORD = 1000;
const SETTING_NAMES = ["thresholds", "quotas", "margin", "calmMs", "record"];

interface Rung {
  readonly climber: Climber;
  readonly forecaster: Forecaster;
  standing: Standing;
  isSeen: boolean;
}

/** Throws `bad-argument`. */
export function createLadder(settings: LadderSettings, clock: Clock): Ladder {
  checkNames("a ladder", settings, SETTING_NAMES);
  const { margin = MARGIN, calmMs = CALM_MS, record: most = RECORD } = settings;
  checkNumber("margin", margin, 0, 1);
  checkNumber("calmMs", calmMs, 0);
  checkWhole("record", most, 0);
  checkNames("thresholds", settings.thresholds ?? {}, Object.keys(THRESHOLDS));
  checkQuotas(settings.quotas ?? {});
  const limitsOf = thresholdsOf({ ...THRESHOLDS, ...saidOf(settings.thresholds ?? {}) }, settings.quotas ?? {}, margin);
  // bound: one for each gauge that was handed over, forgotten when it is not any more.
  const rungs = new Map<string, Rung>();
  let record: LadderEvent[] = [];

  const rungOf = (gauge: Gauge): Rung => {
    const key = gaugeKey(gauge);
    const known = rungs.get(key);
    if (known !== undefined) return known;
    const climber = createClimber(limitsOf(gauge), { margin, calmMs });
    const standing: Standing = { gauge, use: 0, step: "calm", forecast: undefined };
    const rung = { climber, forecaster: createForecaster(), standing, isSeen: true };
    rungs.set(key, rung);
    return rung;
  };

  const overall = (): Step => [...rungs.values()].reduce<Step>((highest, { standing }) => higherOf(highest, standing.step), "calm");

  const move = (rung: Rung, gauge: Gauge, use: number, forecast: Forecast | undefined): readonly LadderEvent[] => {
    const [atMs, dateMs] = [clock.now(), clock.date()];
    const { standing: before, climber } = rung;
    const told = { gauge, use, atMs, dateMs, forecast, choices: choicesOf(gauge) };
    const events: LadderEvent[] = [];
    rung.standing = { gauge, use, step: before.step, forecast };
    for (const to of climber.look(atMs, use)) {
      const from = rung.standing.step;
      rung.standing = { ...rung.standing, step: to };
      events.push({ kind: "step", ...told, from, to, overall: overall(), will: willOf(to) });
    }
    const isWarned = forecast?.isWarning ?? false;
    if (isWarned !== (before.forecast?.isWarning ?? false))
      events.push({ kind: "warning", ...told, isOver: !isWarned, will: willOfWarning(rung.standing.step, !isWarned) });
    return events;
  };

  const look = (gauges: readonly Gauge[]): readonly LadderEvent[] => {
    for (const rung of rungs.values()) rung.isSeen = false;
    const events = fullest(gauges).flatMap((gauge) => {
      const rung = rungOf(gauge);
      rung.isSeen = true;
      const use = useOf(gauge);
      return use === undefined ? [] : move(rung, gauge, use, rung.forecaster.look(clock.now(), gauge));
    });
    for (const [key, rung] of rungs) {
      if (rung.isSeen) continue;
      events.push(...move(rung, rung.standing.gauge, 0, undefined));
      if (rung.standing.step === "calm") rungs.delete(key);
    }
    if (events.length > 0) record = [...record, ...events].slice(Math.max(0, record.length + events.length - most));
    return events;
  };

  return {
    get step() {
      return overall();
    },
    get standings() {
      return [...rungs.values()].map(({ standing }) => standing);
    },
    get record() {
      return record;
    },
    look,
    highest: (isMeant = () => true) => {
      let highest: Standing | undefined;
      for (const { standing } of rungs.values())
        if (heightOf(standing.step) > heightOf(highest?.step ?? "calm") && isMeant(standing.gauge)) highest = standing;
      return highest;
    },
    nextOf: (gauge) => aboveStep(rungs.get(gaugeKey(gauge))?.standing.step ?? "calm", limitsOf(gauge)),
  };
}

/** One that names no unit would be of no gauge. */
function checkQuotas(quotas: unknown): void {
  checkObject("quotas of a ladder", quotas, "{ usd: { warned: 0.5 } }");
  for (const [key, thresholds] of Object.entries(quotas as object)) {
    checkObject(`the thresholds of "${key}"`, thresholds, "{ warned: 0.5, saving: 0.75, emergency: 0.9 }");
    const words = key.split(" ");
    if (!UNITS.some((unit) => words.includes(unit)))
      throw bad(`quotas of a ladder: "${key}" has no unit in it`, `${meant(words[0], UNITS)}As in "requests", or "requests day".`);
  }
}

/** Of gauges of one name, as an owner's limit and a service's may be, the one that is nearer to its end. */
function fullest(gauges: readonly Gauge[]): readonly Gauge[] {
  const byKey = new Map<string, Gauge>();
  for (const gauge of gauges) {
    const key = gaugeKey(gauge);
    const other = byKey.get(key);
    if (other === undefined || (useOf(gauge) ?? 0) > (useOf(other) ?? 0)) byKey.set(key, gauge);
  }
  return [...byKey.values()];
}
