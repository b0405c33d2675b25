/** What breaking was worth: how much came back, who found it, and how long it took until a test kept it away. */
import { INCIDENT_STATES, type Incident, type IncidentState } from "./incident.ts";

export interface Dividend {
  readonly incidents: number;
  readonly states: Readonly<Record<IncidentState, number>>;
  readonly occurrences: number;
  /** Incidents seen again after they were guarded or closed, counted each time. */
  readonly recurrences: number;
  /** Of 1: found by tests and by what runs, before a user said so; `undefined` without incidents. */
  readonly foundByUs: number | undefined;
  /** Milliseconds from first sight; `undefined` where none got that far. */
  readonly medianToDiagnosisMs: number | undefined;
  readonly medianToFixMs: number | undefined;
  readonly medianToGuardMs: number | undefined;
  /** The median time to a guard of the older half of those that have one, and of the newer half: learning is when the second is smaller. */
  readonly trend: { readonly olderMs: number; readonly newerMs: number } | undefined;
}

export function dividendOf(incidents: readonly Incident[]): Dividend {
  const of = (state: IncidentState): number => incidents.filter((each) => each.state === state).length;
  const took = (until: (incident: Incident) => number, among = incidents): readonly number[] =>
    among.filter((each) => until(each) > 0).map((each) => Math.max(0, until(each) - each.firstMs));
  const withGuard = incidents.filter(({ guardedAtMs }) => guardedAtMs > 0).toSorted((one, other) => one.firstMs - other.firstMs);
  const middle = Math.floor(withGuard.length / 2);
  const guarded = (each: Incident): number => each.guardedAtMs;
  const olderMs = median(took(guarded, withGuard.slice(0, middle)));
  const newerMs = median(took(guarded, withGuard.slice(middle)));
  return {
    incidents: incidents.length,
    states: Object.fromEntries(INCIDENT_STATES.map((state) => [state, of(state)])) as Record<IncidentState, number>,
    occurrences: incidents.reduce((sum, { count }) => sum + count, 0),
    recurrences: incidents.reduce((sum, { recurrences }) => sum + recurrences, 0),
    foundByUs: incidents.length === 0 ? undefined : incidents.filter(({ detectedBy }) => detectedBy !== "user").length / incidents.length,
    medianToDiagnosisMs: median(took((each) => each.diagnosedAtMs)),
    medianToFixMs: median(took((each) => each.fixedAtMs)),
    medianToGuardMs: median(took(guarded)),
    trend: olderMs === undefined || newerMs === undefined ? undefined : { olderMs, newerMs },
  };
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
