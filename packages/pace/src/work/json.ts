import { isPaceError, PaceError } from "../error.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Deeper is a ring, or an attack. */
const DEEPEST = 100;

/** The text of what comes back the same when it is read again. Throws `bad-argument` for all else, with the place: "payload.when", and for what is too large. */
export function jsonText(value: unknown, what: string, mostBytes: number): string {
  let parts = 0;
  const check = (part: unknown, where: string, depth: number): void => {
    // Of what stands in many places each is written: it may grow without end.
    if (++parts > mostBytes) throw tooLarge(what, parts, mostBytes);
    if (part === null || typeof part === "boolean" || typeof part === "string") return;
    // Minus zero comes back as zero, which is the same number.
    if (typeof part === "number" && Number.isFinite(part)) return;
    if (depth >= DEEPEST) throw tooDeep(where);
    if (Array.isArray(part)) {
      // Holes are looked at too: they would come back as null.
      for (let at = 0; at < part.length; at++) check(part[at], `${where}[${at}]`, depth + 1);
      return;
    }
    if (typeof part === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(part)) && !("toJSON" in part)) {
      for (const [name, one] of Object.entries(part)) check(one, `${where}.${name.slice(0, 40)}`, depth + 1);
      return;
    }
    throw noJson(part, where);
  };
  check(value, what, 0);
  return within(JSON.stringify(value), what, mostBytes);
}

/**
 * The text of what came of something, which is not made undone by its form: as JSON writes it, with what says by itself how it is written (dates), the fields of objects of
 * classes, digits of a `bigint`; what is undefined or a function is left out, and null alone or in a list. Throws `bad-argument`, with the place, for what would be lost
 * without a word: numbers that are none, maps, sets, streams and their like, what is in itself, what throws when it is read, and what is too large.
 */
export function resultText(value: unknown, what: string, mostBytes: number): string {
  let parts = 0;
  const written = (part: unknown, where: string, depth: number): Json | undefined => {
    // Of what stands in many places each is written: it may grow without end.
    if (++parts > mostBytes) throw tooLarge(what, parts, mostBytes);
    if (part === null || typeof part === "boolean" || typeof part === "string") return part;
    if (typeof part === "number" && Number.isFinite(part)) return part;
    if (typeof part === "bigint") return String(part);
    if (part === undefined || typeof part === "function" || typeof part === "symbol") return undefined;
    if (depth >= DEEPEST) throw tooDeep(where);
    if (Array.isArray(part)) return Array.from(part, (one: unknown, at) => written(one, `${where}[${at}]`, depth + 1) ?? null);
    if (typeof part !== "object") throw noJson(part, where);
    if ("toJSON" in part && typeof part.toJSON === "function") return written(part.toJSON(""), where, depth + 1);
    const kind = Object.prototype.toString.call(part).slice("[object ".length, -1);
    if (kind !== "Object") throw noJson(part, where, kind);
    const fields = Object.entries(part).map(([name, one]) => [name, written(one, `${where}.${name.slice(0, 40)}`, depth + 1)] as const);
    return Object.fromEntries(fields.filter(([, one]) => one !== undefined)) as Json;
  };
  let json: Json;
  try {
    json = written(value, what, 0) ?? null;
  } catch (cause) {
    if (isPaceError(cause)) throw cause;
    throw new PaceError("bad-argument", `${what} throws when it is read`, "Return what is needed of it.", { cause });
  }
  return within(JSON.stringify(json), what, mostBytes);
}

function within(text: string, what: string, mostBytes: number): string {
  // A character is one to three bytes; only where that leaves doubt they are counted.
  const bytes = text.length * 3 <= mostBytes ? 0 : text.length > mostBytes ? text.length : new TextEncoder().encode(text).length;
  if (bytes > mostBytes) throw tooLarge(what, bytes, mostBytes);
  return text;
}

function noJson(value: unknown, where: string, kind: string = typeof value): PaceError {
  return new PaceError(
    "bad-argument",
    `${where} is no JSON: ${typeof value === "number" ? String(value) : kind}`,
    "Numbers, text, booleans, null, and lists and plain objects of them.",
  );
}

function tooDeep(where: string): PaceError {
  return new PaceError("bad-argument", `${where.slice(0, 80)}… is too deep`, "It may be in itself.");
}

function tooLarge(what: string, bytes: number, mostBytes: number): PaceError {
  return new PaceError(
    "bad-argument",
    `${what} takes ${bytes} bytes or more, and may take ${mostBytes}`,
    "Keep it elsewhere, and its place here.",
  );
}
