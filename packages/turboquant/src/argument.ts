/** What programs hand over, looked at before anything is made of it: many are written without types. */
import { TurboQuantError } from "./error.ts";

export function refuse(what: string, hint: string): never {
  throw new TurboQuantError("bad-argument", what, hint);
}

const MOST_SHOWN = 40;

/** As an error may show it: text quoted, short, and nothing in it moves a terminal. */
export function shown(value: unknown): string {
  if (typeof value === "string") {
    const quoted = JSON.stringify(value.slice(0, MOST_SHOWN)).replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, "?");
    return value.length > MOST_SHOWN ? `${quoted}…` : quoted;
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const kind = kindOf(value);
  return kind === "Object" ? "an object" : `${/^[AEIO]/.test(kind) ? "an" : "a"} ${kind}`;
}

/** "Float32Array", "Promise", "Object". Not by its class, which is another one in the sandbox of a test runner, where what comes from outside is of a class outside. */
export function kindOf(value: unknown): string {
  // "[object Float32Array]"
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** What to do about a value that is no promise, where what it promises is meant. */
export function orAwaited(value: unknown, hint: string): string {
  return kindOf(value) === "Promise" ? "It is not here yet: await it." : hint;
}

/** Throws `bad-argument`. */
export function checkWhole(name: string, value: unknown, least: number, most: number): void {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
    refuse(`${name} is ${shown(value)}`, `It is a whole number from ${least} to ${most}.`);
}

/** Throws `bad-argument`. */
export function checkNumber(name: string, value: unknown): void {
  if (typeof value !== "number") refuse(`${name} is ${shown(value)}`, "It is a number.");
}

/** One that may be left out. Throws `bad-argument`. */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") refuse(`${name} is ${shown(value)}`, "It is a function.");
}

/** Throws `bad-argument`. */
export function checkYesOrNo(name: string, value: unknown): void {
  if (typeof value !== "boolean") refuse(`${name} is ${shown(value)}`, "It is true or false.");
}
