/**
 * What must hold between settings, and between settings and what the machine imposes: one has to stay below another, or what it is for
 * does not work. A `hard` one that does not hold ends work or loses it, and nothing starts with it; another is said once and shown.
 */
import { PerdureError } from "../wire/error.ts";
import type { SettingDefinition } from "./definition.ts";
import { type ExternalRow, UNLIMITED } from "./external.ts";
import { FIXED } from "./fixed.ts";
import { MIDDLEBOXES } from "./middleboxes.ts";
import { SETTINGS, type Settings } from "./register.ts";
import { RELATIONS, type RelationDefinition, type RelationName, type Term, type ValueName } from "./relation-rows.ts";

export interface Contradiction {
  readonly relation: RelationName;
  readonly hard: boolean;
  /** Both sides with their values and who set them. */
  readonly says: string;
  readonly why: string;
  readonly hint: string;
  readonly names: readonly string[];
}

/** The machine as far as it told, and who set which setting. */
export interface Circumstances {
  readonly external?: readonly ExternalRow[];
  readonly origins?: Readonly<Record<string, string>> | undefined;
}

interface Known {
  readonly value: number;
  readonly unit: string;
  readonly origin: string;
}

/** Every relation that does not hold; those about something the machine does not tell are taken to hold. */
export function contradictions(settings: Settings, { external = [], origins = {} }: Circumstances = {}): readonly Contradiction[] {
  const told = new Map(external.map((row) => [row.name, row]));
  const known = (name: ValueName): Known | undefined => {
    if (Object.hasOwn(SETTINGS, name)) return settingOf(name, settings, origins);
    if (Object.hasOwn(FIXED, name)) return { ...FIXED[name as keyof typeof FIXED], origin: "fixed" };
    if (Object.hasOwn(MIDDLEBOXES, name))
      return { value: MIDDLEBOXES[name as keyof typeof MIDDLEBOXES].value, unit: "ms", origin: "middlebox" };
    const row = told.get(name);
    return row?.value === undefined ? undefined : { value: row.value, unit: row.unit, origin: row.origin };
  };
  return Object.entries<RelationDefinition>(RELATIONS).flatMap(([relation, definition]) => {
    const [less, than] = [sumOf(definition.less, known), sumOf(definition.than, known)];
    if (less === undefined || than === undefined || than >= UNLIMITED) return [];
    if (definition.orEqual === true ? less <= than : less < than) return [];
    const { hard = false, why, hint } = definition;
    const says = `${textOf(definition.less, known)} must be ${definition.orEqual === true ? "at most" : "less than"} ${textOf(definition.than, known)}`;
    const names = [...definition.less, ...definition.than].map(([, name]) => name);
    return [{ relation: relation as RelationName, hard, says, why, hint, names }];
  });
}

/** Throws `bad-argument` that names both sides when a hard relation does not hold; gives the others that do not. */
export function requireRelations(settings: Settings, circumstances: Circumstances = {}): readonly Contradiction[] {
  const found = contradictions(settings, circumstances);
  const [first] = found.filter(({ hard }) => hard);
  if (first !== undefined) throw new PerdureError("bad-argument", `${first.says}: ${first.why}`, { hint: first.hint });
  return found;
}

function settingOf(name: string, settings: Settings, origins: Readonly<Record<string, string>>): Known {
  const definition: SettingDefinition = SETTINGS[name as keyof Settings];
  const value = settings[name as keyof Settings];
  return { value, unit: definition.unit, origin: origins[name] ?? (value === definition.value ? "default" : "set") };
}

function sumOf(terms: readonly Term[], known: (name: ValueName) => Known | undefined): number | undefined {
  let sum = 0;
  for (const [times, name] of terms) {
    const each = known(name);
    if (each === undefined) return undefined;
    sum += times * each.value;
  }
  return sum;
}

/** "3 × pingEveryMs (60000 ms, set by flag)" */
function textOf(terms: readonly Term[], known: (name: ValueName) => Known | undefined): string {
  const words = terms.map(([times, name]) => {
    const { value, unit, origin } = known(name) as Known;
    return `${times === 1 ? "" : `${times} × `}${name} (${value} ${unit}, ${origin})`;
  });
  return words.join(" + ");
}
