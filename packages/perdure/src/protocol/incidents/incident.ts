/**
 * An incident: one thing that went wrong, however often, from its first sight to the test that keeps it from coming back.
 *
 *   open ──► reproduced ──► guarded ──► closed
 *     └────────────────────────▲   │       │
 *     ▲                        └───┴───────┴── seen again: open, `recurrences` + 1
 *
 * What must hold: only what names a guard is guarded, only what is guarded is closed, and what is seen again after either is open again
 * and counts against whoever guarded it. A fingerprint has one incident.
 */
import { PerdureError } from "../../wire/error.ts";

export const INCIDENT_FORMAT = "perdure-incident/1";

export const INCIDENT_STATES = ["open", "reproduced", "guarded", "closed"] as const;
export type IncidentState = (typeof INCIDENT_STATES)[number];

/** `test`: a test, the lab, a reading of the code. `monitor`: what runs noticed it itself. `user`: somebody was hurt first. */
export const DETECTORS = ["test", "monitor", "user"] as const;
export type Detector = (typeof DETECTORS)[number];

/** A setting in force when something went wrong, and who set it. */
export interface SettingThen {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly origin: string;
}

export interface Incident {
  readonly format: typeof INCIDENT_FORMAT;
  /** The first 12 digits of the fingerprint. */
  readonly id: string;
  /** 64 hexadecimal digits: SHA-256 of the kind and of the symptom without what differs from time to time. */
  readonly fingerprint: string;
  readonly kind: string;
  readonly symptom: string;
  readonly state: IncidentState;
  readonly detectedBy: Detector;
  /** Milliseconds since 1970, by the clock of the machine that saw it. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
  /** How often it was seen again after it was guarded or closed. */
  readonly recurrences: number;
  readonly settings: readonly SettingThen[];
  /** Empty texts: not known yet. */
  readonly cause: string;
  readonly fix: string;
  /** What shows it again: a scenario, a test, or words. */
  readonly reproduction: string;
  /** The test that is red with the mistake and green without. */
  readonly guard: string;
  /** When each became known; 0: not yet. */
  readonly diagnosedAtMs: number;
  readonly fixedAtMs: number;
  readonly reproducedAtMs: number;
  readonly guardedAtMs: number;
  readonly closedAtMs: number;
}

/** Letters of UTF-16 in any text of an incident. */
export const INCIDENT_TEXT = 2000;
export const INCIDENT_SYMPTOM = 300;
export const INCIDENT_SETTINGS = 16;

const TEXTS = ["cause", "fix", "reproduction", "guard"] as const;
const TIMES = ["diagnosedAtMs", "fixedAtMs", "reproducedAtMs", "guardedAtMs", "closedAtMs"] as const;
const FIELDS: ReadonlySet<string> = new Set<keyof Incident>([
  "format",
  "id",
  "fingerprint",
  "kind",
  "symptom",
  "state",
  "detectedBy",
  "firstMs",
  "lastMs",
  "count",
  "recurrences",
  "settings",
  ...TEXTS,
  ...TIMES,
]);

/** Reads what JSON gave as an incident; `malformed` names the field that is not as it must be. */
export function readIncident(said: unknown): Incident {
  const at = object(said, "incident");
  for (const name of Object.keys(at)) if (!FIELDS.has(name)) wrong(name, "no field of an incident");
  if (at["format"] !== INCIDENT_FORMAT) wrong("format", `not "${INCIDENT_FORMAT}"`);
  const fingerprint = text(at, "fingerprint", 64);
  if (!/^[0-9a-f]{64}$/.test(fingerprint)) wrong("fingerprint", "not 64 hexadecimal digits");
  if (at["id"] !== idOf(fingerprint)) wrong("id", "not the beginning of the fingerprint");
  const incident: Incident = {
    format: INCIDENT_FORMAT,
    id: idOf(fingerprint),
    fingerprint,
    kind: text(at, "kind", 64),
    symptom: text(at, "symptom", INCIDENT_SYMPTOM),
    state: one(at, "state", INCIDENT_STATES),
    detectedBy: one(at, "detectedBy", DETECTORS),
    firstMs: whole(at, "firstMs"),
    lastMs: whole(at, "lastMs"),
    count: whole(at, "count"),
    recurrences: whole(at, "recurrences"),
    settings: readSettings(at["settings"]),
    ...(Object.fromEntries(TEXTS.map((name) => [name, text(at, name, INCIDENT_TEXT)])) as Pick<Incident, (typeof TEXTS)[number]>),
    ...(Object.fromEntries(TIMES.map((name) => [name, whole(at, name)])) as Pick<Incident, (typeof TIMES)[number]>),
  };
  if (incident.count < 1) wrong("count", "below 1");
  if (incident.lastMs < incident.firstMs) wrong("lastMs", "before firstMs");
  if ((incident.state === "guarded" || incident.state === "closed") && (incident.guard === "" || incident.guardedAtMs === 0))
    wrong("guard", `empty, and the incident is ${incident.state}`);
  return incident;
}

export function idOf(fingerprint: string): string {
  return fingerprint.slice(0, 12);
}

function readSettings(said: unknown): readonly SettingThen[] {
  if (!Array.isArray(said) || said.length > INCIDENT_SETTINGS) return wrong("settings", `not a list of at most ${INCIDENT_SETTINGS}`);
  return said.map((each: unknown) => {
    const at = object(each, "settings");
    const value = at["value"];
    if (typeof value !== "number" || !Number.isFinite(value)) return wrong("settings.value", "not a number");
    return { name: text(at, "name", 64), value, unit: text(at, "unit", 64), origin: text(at, "origin", 64) };
  });
}

type Fields = Readonly<Record<string, unknown>>;

function object(value: unknown, name: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong(name, "not an object");
  return value as Fields;
}

function text(at: Fields, name: string, most: number): string {
  const value = at[name];
  return typeof value === "string" && value.length <= most ? value : wrong(name, `not text of at most ${most} letters`);
}

function whole(at: Fields, name: string): number {
  const value = at[name];
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : wrong(name, "not a whole number");
}

function one<Word extends string>(at: Fields, name: string, of: readonly Word[]): Word {
  const value = at[name] as Word;
  return of.includes(value) ? value : wrong(name, `not one of ${of.join(", ")}`);
}

function wrong(name: string, how: string): never {
  throw new PerdureError("malformed", `incident: ${name} is ${how}`);
}
