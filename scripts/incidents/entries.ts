/** The project's own ledger, `incidents/*.json`: what the product exports of an incident, and what only a project knows. */
import { readdirSync, readFileSync } from "node:fs";
import { MISTAKES } from "../../lab/mistakes/index.ts";
import type { Mistake } from "../../lab/planting.ts";
import { type Incident, readIncident } from "../../packages/perdure/src/protocol/incidents/incident.ts";
import { MADE_MISTAKES } from "./mistakes.ts";

export const INCIDENTS_FOLDER = new URL("../../incidents/", import.meta.url);

/** Towns and rooms of the lab, the same town on real processes, random histories beside a model, killed processes, a reading meant to break it. */
export const FOUND_BY = ["lab", "twin", "model", "soak", "review"] as const;
export type FoundBy = (typeof FOUND_BY)[number];

export interface Entry {
  /** The file without its ending. */
  readonly name: string;
  readonly incident: Incident;
  /** What was not as it must be: an invariant of the protocol, an attack by its name, or words. */
  readonly invariant: string;
  /** What showed it, where that was written down. */
  readonly foundBy: FoundBy | undefined;
  /** Of the fix: the beginning of its hash; empty while it is open. */
  readonly commit: string;
  /** What makes it again: of `lab/mistakes` or of `scripts/incidents/mistakes.ts`. */
  readonly mistake: string | null;
  /** Why there is none. */
  readonly why: string;
}

export interface TestGuard {
  readonly kind: "test";
  readonly file: string;
  /** The name of a test, or its beginning. */
  readonly test: string;
}

/** A scenario that breaks with the mistake and not without. */
export interface ScenarioGuard {
  readonly kind: "scenario";
  readonly file: string;
}

/** The scenario that shows an incident again, where it names one. */
export function scenarioOf({ incident }: Entry): ScenarioGuard | undefined {
  const file = [incident.guard, incident.reproduction].find((text) => text.endsWith(".json"));
  return file === undefined ? undefined : { kind: "scenario", file };
}

export function readEntries(): readonly Entry[] {
  return readdirSync(INCIDENTS_FOLDER)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => readEntry(file.replace(/\.json$/, ""), readFileSync(new URL(file, INCIDENTS_FOLDER), "utf8")));
}

/** Throws when it is not what the product's export is, or says nothing of what a project must know. */
export function readEntry(name: string, text: string): Entry {
  const { project, ...exported } = JSON.parse(text) as { readonly project?: Omit<Entry, "name" | "incident"> };
  if (project === undefined) throw new Error(`${name} says nothing of the project`);
  const { invariant, foundBy, commit, mistake, why } = project;
  const incident = readIncident(exported);
  for (const [field, value] of Object.entries({ invariant, ...(incident.state === "open" ? {} : { commit }) }))
    if (typeof value !== "string" || value === "") throw new Error(`${name}: project.${field} is missing`);
  if (foundBy !== undefined && !FOUND_BY.includes(foundBy)) throw new Error(`${name}: project.foundBy is none of ${FOUND_BY.join(", ")}`);
  if (mistake === null ? !why : findMadeMistake(mistake) === undefined) throw new Error(`${name}: there is no mistake "${mistake}"`);
  return { name, incident, invariant, foundBy, commit, mistake, why: why ?? "" };
}

export function findMadeMistake(id: string): Mistake | undefined {
  return [...MADE_MISTAKES, ...MISTAKES].find((each) => each.id === id);
}

/** What an incident names as its guard: `file > name of a test`, or a scenario; nothing while it is open. */
export function guardOf({ name, incident }: Entry): TestGuard | ScenarioGuard | undefined {
  if (incident.guard === "") return undefined;
  const [file = "", ...test] = incident.guard.split(" > ");
  if (file.endsWith(".json")) return { kind: "scenario", file };
  if (!file.endsWith(".test.ts") || test.length === 0) throw new Error(`${name}: "${incident.guard}" is neither a test nor a scenario`);
  return { kind: "test", file, test: test.join(" > ") };
}
