/** Where two payloads differ, in a few words for people; what stands there is not said, as it may be nobody else's business. */
import { stableText } from "../degrade/json.ts";
import type { Json } from "./json.ts";

const MOST_NAMED = 3;
const MOST_NAME_CHARACTERS = 40;

/** Nothing where they are the same, in whatever order their names stand. */
export function differenceOf(kept: Json, given: Json): string | undefined {
  if (isSame(kept, given)) return undefined;
  const [before, now] = [kindOf(kept), kindOf(given)];
  if (before !== now) return `it is ${now} and was ${before}`;
  if (before === "a list" || before === "an object") return `it differs in ${namesOf(kept as Fields, given as Fields)}`;
  return `it is another ${before.replace(/^an? /, "")}`;
}

type Fields = Readonly<Record<string, Json>>;

function namesOf(kept: Fields, given: Fields): string {
  const names = [...new Set([...Object.keys(kept), ...Object.keys(given)])].filter((name) => !isSame(own(kept, name), own(given, name)));
  const shown = names.slice(0, MOST_NAMED).map((name) => JSON.stringify(name.slice(0, MOST_NAME_CHARACTERS)));
  const more = names.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function own(fields: Fields, name: string): Json | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function isSame(one: Json | undefined, other: Json | undefined): boolean {
  return stableText(one) === stableText(other);
}

function kindOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : typeof value === "string" ? "a text" : `a ${typeof value}`;
}
