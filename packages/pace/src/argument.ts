/**
 * What callers hand over, checked: an option that nobody reads is refused and not passed over, as its default would be taken for what was meant, and what is of another
 * kind is refused before the engine stumbles over it. Types tell only those who write TypeScript.
 *
 * Each throws `bad-argument`, with what is meant as the hint.
 */
import { PaceError } from "./error.ts";

export function bad(message: string, hint: string): PaceError {
  return new PaceError("bad-argument", message, hint);
}

/** Settings as they may be given: each may be left out, or be undefined, which is the same. */
export type Given<Settings> = { readonly [Name in keyof Settings]?: Settings[Name] | undefined };

/** Without those that are there and undefined, which would stand in the place of what is usual. */
export function saidOf<Options extends object>(options: Options): { [Name in keyof Options]: Exclude<Options[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ReturnType<typeof saidOf<Options>>;
}

/** `of`: what is called with them; `elsewhere`: names that others have for what is said otherwise here, and how. */
export function checkNames(of: string, options: unknown, names: readonly string[], elsewhere: Readonly<Record<string, string>> = {}): void {
  if (!isObject(options)) throw bad(`what ${of} is given is no object but ${shown(options)}`, `As in ${exampleOf(names)}. ${allOf(names)}`);
  for (const name of Object.keys(options as object)) {
    if (names.includes(name)) continue;
    const otherwise = Object.hasOwn(elsewhere, name) ? `${elsewhere[name]} ` : meant(name, names);
    throw bad(`${of} has no option ${shown(name)}`, `${otherwise}${allOf(names)}`);
  }
}

function exampleOf([first]: readonly string[]): string {
  return first === undefined ? "{}" : `{ ${first}: … }`;
}

function allOf(names: readonly string[]): string {
  return names.length === 0 ? "It has none." : `There are: ${names.join(", ")}.`;
}

/** `example`: how it is written. */
export function checkObject(what: string, given: unknown, example: string): void {
  if (!isObject(given)) throw bad(`${what} is no object but ${shown(given)}`, `As in ${example}.`);
}

function isObject(given: unknown): boolean {
  return typeof given === "object" && given !== null && !Array.isArray(given);
}

export function checkList(what: string, given: unknown): void {
  if (!Array.isArray(given)) throw bad(`${what} is no list but ${shown(given)}`, "As in [one, other].");
}

export function checkTexts(what: string, given: unknown): void {
  checkList(what, given);
  for (const one of given as readonly unknown[]) checkText(`one of ${what}`, one);
}

/** Not the empty one, which names nothing. */
export function checkText(what: string, given: unknown, example = "search"): void {
  if (typeof given !== "string" || given === "") throw bad(`${what} is ${shown(given)}`, `It is a text, as in "${example}".`);
}

export function checkFlag(what: string, given: unknown): void {
  if (typeof given !== "boolean") throw bad(`${what} is ${shown(given)}`, "It is true or false.");
}

export function checkFunction(what: string, given: unknown): void {
  if (typeof given !== "function") throw bad(`${what} is no function but ${shown(given)}`, "It is called.");
}

/** An object with these functions. */
export function checkMethods(what: string, given: unknown, names: readonly string[]): void {
  const missing = names.find((name) => typeof (given as Readonly<Record<string, unknown>> | null | undefined)?.[name] !== "function");
  if (missing !== undefined) throw bad(`${what} has no function "${missing}"`, `It has: ${names.join(", ")}.`);
}

export function checkSignal(what: string, given: unknown): void {
  if (typeof (given as AbortSignal | null)?.throwIfAborted !== "function" || !("addEventListener" in (given as object)))
    throw bad(`${what} is no AbortSignal but ${shown(given)}`, "The signal of an AbortController is one.");
}

export function checkOneOf(what: string, given: unknown, known: readonly string[]): void {
  if (known.includes(given as string)) return;
  const hint = known.length === 0 ? "There is none." : `${known.length === 1 ? "There is" : "There are"}: ${known.join(", ")}.`;
  throw bad(`${shown(given)} is no ${what}`, `${meant(given, known)}${hint}`);
}

export function checkNumber(what: string, given: unknown, least: number, most: number = Number.MAX_VALUE): void {
  if (typeof given === "number" && given >= least && given <= most) return;
  const range = most === Number.MAX_VALUE ? `of ${least} or more` : `from ${least} to ${most}`;
  throw bad(`${what} is ${shown(given)}`, `It is a number ${range}.`);
}

/** Without end too, unless a most is said. */
export function checkAbove(what: string, given: unknown, most = Number.POSITIVE_INFINITY): void {
  if (typeof given === "number" && given > 0 && given <= most) return;
  throw bad(`${what} is ${shown(given)}`, `It is a number above zero${given === Number.POSITIVE_INFINITY ? ", and has an end" : ""}.`);
}

export function checkWhole(what: string, given: unknown, least: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(given) && (given as number) >= least && (given as number) <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
  throw bad(`${what} is ${shown(given)}`, `It is a whole number ${range}.`);
}

/** A message is read by people. */
const MOST_SHOWN = 80;

/** So that "3" is not taken for 3, and so that nothing that is shown throws or fills a screen. */
export function shown(given: unknown): string {
  if (typeof given === "string") return JSON.stringify(given.length > MOST_SHOWN ? `${given.slice(0, MOST_SHOWN)}…` : given);
  if (typeof given === "function") return "a function";
  if (Array.isArray(given)) return "a list";
  if (typeof given === "object" && given !== null) return "an object";
  return String(given);
}

/** Letters that a slip of the pen changes, adds, leaves out or swaps. */
const MOST_SLIPS = 2;
/** Names that another one begins with are short for it, from so many letters on. */
const LEAST_LETTERS = 3;

/** `Is "deadlineMs" meant? `; nothing where none is near. */
export function meant(given: unknown, names: readonly string[]): string {
  const near = typeof given === "string" ? nearest(given, names) : undefined;
  return near === undefined ? "" : `Is "${near}" meant? `;
}

function nearest(given: string, names: readonly string[]): string | undefined {
  const name = given.slice(0, MOST_SHOWN).toLowerCase();
  let found: { readonly other: string; readonly slips: number } | undefined;
  for (const other of names) {
    const lower = other.toLowerCase();
    const isShort = Math.min(name.length, lower.length) >= LEAST_LETTERS && (lower.startsWith(name) || name.startsWith(lower));
    const slips = isShort ? 1 : slipsBetween(withoutUnit(name), withoutUnit(lower));
    // Of short names half would be near to any.
    if (!isShort && slips > Math.min(MOST_SLIPS, Math.floor(lower.length / LEAST_LETTERS))) continue;
    if (found === undefined || slips < found.slips) found = { other, slips };
  }
  return found?.other;
}

/** `deadline`, `deadlineMs` and `deadlines` are one name. */
function withoutUnit(name: string): string {
  return name.replace(/(?:ms|s)$/, "");
}

/** Optimal string alignment: edits of one letter, and swaps of two that stand beside each other. */
function slipsBetween(one: string, other: string): number {
  let [before, last]: [readonly number[], readonly number[]] = [[], Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let at = 1; at <= other.length; at++) {
      const isSame = one[row - 1] === other[at - 1];
      const isSwapped = at > 1 && one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1];
      next.push(
        Math.min(
          (last[at] as number) + 1,
          (next[at - 1] as number) + 1,
          (last[at - 1] as number) + (isSame ? 0 : 1),
          isSwapped ? (before[at - 2] as number) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [before, last] = [last, next];
  }
  return last[other.length] as number;
}
