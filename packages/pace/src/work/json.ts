import { PaceError } from "../error.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Deeper is a ring, or an attack. */
const DEEPEST = 100;

/** The text of what comes back the same when it is read again. Throws `bad-argument` for all else, with the place: "payload.when". */
export function jsonText(value: unknown, what: string, mostBytes: number): string {
  check(value, what, 0);
  const text = JSON.stringify(value);
  // A character is one to three bytes; only where that leaves doubt they are counted.
  const bytes = text.length * 3 <= mostBytes ? 0 : text.length > mostBytes ? text.length : new TextEncoder().encode(text).length;
  if (bytes > mostBytes)
    throw new PaceError(
      "bad-argument",
      `${what} takes ${bytes} bytes or more, and may take ${mostBytes}`,
      "Keep it elsewhere, and its place here.",
    );
  return text;
}

function check(value: unknown, where: string, depth: number): void {
  if (value === null || typeof value === "boolean" || typeof value === "string") return;
  if (typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0)) return;
  if (depth >= DEEPEST) throw new PaceError("bad-argument", `${where.slice(0, 80)}… is too deep`, "It may be in itself.");
  if (Array.isArray(value)) {
    // Holes are looked at too: they would come back as null.
    for (let at = 0; at < value.length; at++) check(value[at], `${where}[${at}]`, depth + 1);
    return;
  }
  if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value)) && !("toJSON" in value)) {
    for (const [name, part] of Object.entries(value)) check(part, `${where}.${name.slice(0, 40)}`, depth + 1);
    return;
  }
  throw new PaceError(
    "bad-argument",
    `${where} is no JSON: ${typeof value === "number" ? String(value) : typeof value}`,
    "Numbers, text, booleans, null, and lists and plain objects of them.",
  );
}
