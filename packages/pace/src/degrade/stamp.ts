/**
 * Stamps as a field of an HTTP answer: a list of structured fields (RFC 9651), one item for each stamp.
 *
 *   pace-degraded: "cheaper model";step=saving;gauge="https://api.example.com requests minute";lost="answered by small instead of large"
 *
 * Strings there are of printable ASCII: what is not, and the percent sign, is written as in addresses ("%C3%A9").
 */
import { STEPS, type Step } from "../ladder/step.ts";
import type { Stamp } from "./strategy.ts";

export const STAMP_FIELD = "pace-degraded";

export function fieldOfStamps(stamps: readonly Stamp[]): string {
  return stamps
    .map(({ strategy, step, gauge, lost }) => `${quoted(strategy)};step=${step};gauge=${quoted(gauge)};lost=${quoted(lost)}`)
    .join(", ");
}

const STRING = String.raw`"((?:[^"\\]|\\["\\])*)"`;
const STAMP = new RegExp(String.raw`\s*${STRING};step=(\w+);gauge=${STRING};lost=${STRING}\s*(?:,|$)`, "y");

/** What cannot be read is left out, with all that follows it. */
export function stampsOf(field: string | null): readonly Stamp[] {
  if (field === null) return [];
  const stamps: Stamp[] = [];
  STAMP.lastIndex = 0;
  for (let found = STAMP.exec(field); found !== null; found = STAMP.exec(field)) {
    const [, strategy = "", step = "", gauge = "", lost = ""] = found;
    if (!isStep(step)) break;
    stamps.push({ strategy: unquoted(strategy), step, gauge: unquoted(gauge), lost: unquoted(lost) });
    if (STAMP.lastIndex >= field.length) break;
  }
  return stamps;
}

function isStep(text: string): text is Step {
  return (STEPS as readonly string[]).includes(text);
}

/** Names and losses are sentences; a longer one is cut. */
const MOST_CHARACTERS = 500;

function quoted(text: string): string {
  const plain = text.slice(0, MOST_CHARACTERS).toWellFormed();
  return `"${plain.replace(/[^ -~]|%/gu, (one) => encodeURIComponent(one)).replace(/["\\]/g, "\\$&")}"`;
}

function unquoted(text: string): string {
  const plain = text.replace(/\\(["\\])/g, "$1");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}
