/**
 * One run of the lab as one JSON file: what a shrunk failure is kept as, what is replayed, what the real twin does with real processes,
 * what an entry of the ledger of incidents points to.
 *
 * Same seed, same code and same scenario give the same history. What a scenario does not name is drawn from its seed.
 */
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { MAX_MESSAGE_BYTES } from "../packages/perdure/src/wire/limits.ts";
import { DISASTERS, type Disaster } from "./disaster.ts";
import { DEFENCE_NAMES, type DefenceName, drawCensus } from "./town.ts";
import { FAULT_KINDS, type Fault, type FaultKind } from "./weather.ts";

export const HOSTILES = ["nobody", "stranger", "relay"] as const;
export type Hostile = (typeof HOSTILES)[number];

export const SCENARIO_FORMAT = "perdure-scenario/1";
export const MAX_RELAYS = 16;
export const MAX_AGENTS = 256;
const MAX_MINUTES = 60 * 24 * 365;
const MAX_LIST = 1_000_000;
/** Letters of a word of the file in what is said about it. */
const SHOWN = 80;

/** A message somebody's owner has sent. Written as soon as its sender runs, and in the order of the list. */
export interface Letter {
  /** Milliseconds since the town was open. */
  readonly atMs: number;
  /** Names of agents. */
  readonly from: string;
  readonly to: string;
  /** Of the body. */
  readonly sizeBytes: number;
  /** `note` when absent. A `storm` is answered with more of the same. */
  readonly kind?: "note" | "question" | "storm";
  readonly expiresInMs?: number;
  /** Sent under an idempotency key. */
  readonly keyed?: boolean;
}

export interface Scenario {
  readonly format: typeof SCENARIO_FORMAT;
  readonly seed: number;
  /** Virtual minutes of weather and traffic; the town then has time to settle up. */
  readonly minutes: number;
  readonly relays?: number | undefined;
  readonly agents?: number | undefined;
  /** Who means no good. */
  readonly hostile?: Hostile | undefined;
  /** What happens to somebody's folder. */
  readonly disaster?: Disaster | undefined;
  /** Only these kinds of faults, where faults are drawn. */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** Mean pause between two faults, milliseconds, where faults are drawn. */
  readonly calmMs?: number | undefined;
  /** Instead of the weather the seed would draw; `atMs` counts from when the town was open. */
  readonly faults?: readonly Fault[] | undefined;
  /** Instead of what agents would write of themselves. */
  readonly traffic?: readonly Letter[] | undefined;
  /** Whether an ordinary while follows in which nothing may look as if something were broken (`routine.ts`). */
  readonly routine?: boolean | undefined;
  /** Whether the seed goes through the rooms that have a reference first (`rooms/`). */
  readonly rooms?: boolean | undefined;
  /** By name, instead of those of the lab; the rest stays. */
  readonly settings?: Readonly<Record<string, number>> | undefined;
  /** Defences switched off. */
  readonly without?: readonly DefenceName[] | undefined;
  /** A mistake of `lab/mistakes` that is planted in the product. */
  readonly plant?: string | undefined;
  readonly note?: string | undefined;
  /** What a replay must show. Without `invariant` nothing may break. */
  readonly expect?: { readonly invariant?: string | undefined; readonly historyHash?: string | undefined } | undefined;
}

/** Reads a scenario; throws `bad-argument`, naming the field, when it is not one, and `unknown-setting`. */
export function readScenario(text: string): Scenario {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (error) {
    throw new PerdureError("bad-argument", `a scenario is JSON: ${(error as Error).message}`, { cause: error });
  }
  const at = record(said, "the scenario");
  if (at["format"] !== SCENARIO_FORMAT)
    throw new PerdureError("bad-argument", `this is not a scenario: its "format" is ${shown(at["format"])}`, {
      hint: `A scenario begins with {"format": "${SCENARIO_FORMAT}", "seed": 1, "minutes": 5}.`,
    });
  const unknown = Object.keys(at).find((name) => !FIELDS.has(name));
  if (unknown !== undefined)
    throw new PerdureError("bad-argument", `a scenario has no field ${shown(unknown)}`, { hint: `There are ${[...FIELDS].join(", ")}.` });
  const scenario: Scenario = {
    format: SCENARIO_FORMAT,
    seed: whole(at["seed"], "seed", 0, Number.MAX_SAFE_INTEGER),
    minutes: amount(at["minutes"], "minutes", 0, MAX_MINUTES),
    ...given("relays", at, (value) => whole(value, "relays", 1, MAX_RELAYS)),
    ...given("agents", at, (value) => whole(value, "agents", 2, MAX_AGENTS)),
    ...given("hostile", at, (value) => one(value, "hostile", HOSTILES)),
    ...given("disaster", at, (value) => one(value, "disaster", DISASTERS)),
    ...given("kinds", at, (value) => list(value, "kinds", (each, name) => one(each, name, FAULT_KINDS))),
    ...given("calmMs", at, (value) => whole(value, "calmMs", 1, Number.MAX_SAFE_INTEGER)),
    ...given("faults", at, (value) => list(value, "faults", readFault)),
    ...given("traffic", at, (value) => list(value, "traffic", readLetter)),
    ...given("settings", at, (value) =>
      Object.fromEntries(
        Object.entries(record(value, "settings")).map(([name, each]) => [
          name,
          amount(each, `settings.${name.slice(0, SHOWN)}`, 0, Number.MAX_SAFE_INTEGER),
        ]),
      ),
    ),
    ...given("routine", at, (value) => truth(value, "routine")),
    ...given("rooms", at, (value) => truth(value, "rooms")),
    ...given("without", at, (value) => list(value, "without", (each, name) => one(each, name, DEFENCE_NAMES))),
    ...given("plant", at, (value) => words(value, "plant")),
    ...given("note", at, (value) => words(value, "note")),
    ...given("expect", at, (value) => {
      const expected = record(value, "expect");
      return {
        ...given("invariant", expected, (each) => words(each, "expect.invariant")),
        ...given("historyHash", expected, (each) => words(each, "expect.historyHash")),
      };
    }),
  };
  checkNames(scenario);
  createSettings(scenario.settings);
  return scenario;
}

/** The text {@link readScenario} reads, one fault and one message a line. */
export function writeScenario(scenario: Scenario): string {
  const lines = Object.entries({ ...scenario, format: SCENARIO_FORMAT })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const text =
        Array.isArray(value) && value.length > 0 && typeof value[0] === "object"
          ? `[\n${value.map((each) => `    ${JSON.stringify(each)}`).join(",\n")}\n  ]`
          : JSON.stringify(value);
      return `  ${JSON.stringify(name)}: ${text}`;
    });
  return `{\n${lines.join(",\n")}\n}\n`;
}

/** Who lives in the town of a scenario that says how many; `undefined` where its seed draws that. */
function checkNames({ relays, agents, faults = [], traffic = [] }: Scenario): void {
  const census = drawCensus(relays ?? MAX_RELAYS, agents ?? MAX_AGENTS, true);
  const known = new Set([...census.relays, ...census.agents]);
  const check = (name: string, field: string): void => {
    if (!known.has(name))
      throw new PerdureError("bad-argument", `${field} names ${shown(name)}, who does not live in this town`, {
        hint: `There are ${[...known].slice(0, 6).join(", ")}${known.size > 6 ? " and so on" : ""}.`,
      });
  };
  for (const [at, { host, other }] of faults.entries()) {
    check(host, `faults[${at}].host`);
    if (other !== "") check(other, `faults[${at}].other`);
  }
  for (const [at, { from, to }] of traffic.entries()) {
    check(from, `traffic[${at}].from`);
    check(to, `traffic[${at}].to`);
  }
}

function readFault(said: unknown, name: string): Fault {
  const at = record(said, name);
  return {
    atMs: amount(at["atMs"], `${name}.atMs`, 0, MAX_MINUTES * 60_000),
    kind: one(at["kind"], `${name}.kind`, FAULT_KINDS),
    host: words(at["host"], `${name}.host`),
    other: at["other"] === undefined ? "" : words(at["other"], `${name}.other`),
    durationMs: at["durationMs"] === undefined ? 0 : amount(at["durationMs"], `${name}.durationMs`, 0, MAX_MINUTES * 60_000),
    amount: at["amount"] === undefined ? 0 : amount(at["amount"], `${name}.amount`, 0, 1),
  };
}

function readLetter(said: unknown, name: string): Letter {
  const at = record(said, name);
  return {
    atMs: amount(at["atMs"], `${name}.atMs`, 0, MAX_MINUTES * 60_000),
    from: words(at["from"], `${name}.from`),
    to: words(at["to"], `${name}.to`),
    sizeBytes: whole(at["sizeBytes"], `${name}.sizeBytes`, 0, MAX_MESSAGE_BYTES),
    ...given("kind", at, (value) => one(value, `${name}.kind`, ["note", "question", "storm"] as const)),
    ...given("expiresInMs", at, (value) => whole(value, `${name}.expiresInMs`, 1, MAX_MINUTES * 60_000)),
    ...given("keyed", at, (value) => truth(value, `${name}.keyed`)),
  };
}

const FIELDS: ReadonlySet<string> = new Set<keyof Scenario>([
  "format",
  "seed",
  "minutes",
  "relays",
  "agents",
  "hostile",
  "disaster",
  "kinds",
  "calmMs",
  "faults",
  "traffic",
  "routine",
  "rooms",
  "settings",
  "without",
  "plant",
  "note",
  "expect",
]);

function given<Name extends string, Value>(
  name: Name,
  at: Readonly<Record<string, unknown>>,
  read: (value: unknown) => Value,
): { readonly [Key in Name]?: Value } {
  return (at[name] === undefined ? {} : { [name]: read(at[name]) }) as { readonly [Key in Name]?: Value };
}

/** Of whatever a file says there, so much that a person knows where to look: it may be endless. */
function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return JSON.stringify(typeof value === "string" ? value.slice(0, SHOWN) : value);
}

function wrong(name: string, wanted: string, value: unknown): PerdureError {
  return new PerdureError("bad-argument", `${name} is ${shown(value)}`, { hint: `It takes ${wanted}.` });
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, "an object", value);
  return value as Readonly<Record<string, unknown>>;
}

function list<Item>(value: unknown, name: string, read: (each: unknown, name: string) => Item): readonly Item[] {
  if (!Array.isArray(value) || value.length > MAX_LIST) throw wrong(name, `a list of at most ${MAX_LIST}`, value);
  return value.map((each, at) => read(each, `${name}[${at}]`));
}

function amount(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== "number" || !(value >= least && value <= most)) throw wrong(name, `a number from ${least} to ${most}`, value);
  return value;
}

function whole(value: unknown, name: string, least: number, most: number): number {
  if (!Number.isSafeInteger(value)) throw wrong(name, `a whole number from ${least} to ${most}`, value);
  return amount(value, name, least, most);
}

function one<Word extends string>(value: unknown, name: string, of: readonly Word[]): Word {
  if (!of.includes(value as Word)) throw wrong(name, `one of ${of.join(", ")}`, value);
  return value as Word;
}

function truth(value: unknown, name: string): boolean {
  if (typeof value !== "boolean") throw wrong(name, "true or false", value);
  return value;
}

function words(value: unknown, name: string): string {
  if (typeof value !== "string") throw wrong(name, "text", value);
  return value;
}
