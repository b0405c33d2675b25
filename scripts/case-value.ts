/** Values of the wire as JSON for case files: byte strings in hexadecimal, nothing as null, the rest as itself. */
import { type Bytes, concat, fromHex, hex, utf8, viewOf, writeU64 } from "../packages/perdure/src/wire/bytes.ts";
import type { Extension, Form } from "../packages/perdure/src/wire/shape.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export function toJson(form: Form, value: unknown): Json {
  switch (form.kind) {
    case "fixed":
    case "bytes":
      return hex(value as Bytes);
    case "list":
      return (value as readonly unknown[]).map((item) => toJson(form.item, item));
    case "optional":
      return value === undefined ? null : toJson(form.item, value);
    case "extensions":
      return (value as readonly Extension[]).map(({ code, bytes }) => [code, hex(bytes)]);
    case "shape":
      return Object.fromEntries(
        form.fields.map((field) => [field.name, toJson(field.form, (value as Record<string, unknown>)[field.name])]),
      );
    default:
      return value as Json;
  }
}

export function fromJson(form: Form, json: Json): unknown {
  switch (form.kind) {
    case "fixed":
    case "bytes":
      return bytesOf(json);
    case "list":
      return (json as readonly Json[]).map((item) => fromJson(form.item, item));
    case "optional":
      return json === null ? undefined : fromJson(form.item, json);
    case "extensions":
      return (json as readonly (readonly [number, string])[]).map(([code, bytes]) => ({ code, bytes: bytesOf(bytes) }));
    case "shape":
      return Object.fromEntries(
        form.fields.map((field) => [field.name, fromJson(field.form, (json as Record<string, Json>)[field.name] ?? null)]),
      );
    default:
      return json;
  }
}

/** Hexadecimal, or a list of [hexadecimal, how often]. */
export function bytesOf(json: Json | undefined): Bytes {
  if (Array.isArray(json)) {
    const runs = json as readonly (readonly [string, number])[];
    return concat(...runs.map(([piece, times]) => repeat(bytesOf(piece), times)));
  }
  const bytes = typeof json === "string" ? fromHex(json) : undefined;
  if (bytes === undefined) throw new TypeError(`not hexadecimal: ${JSON.stringify(json)}`);
  return bytes;
}

function repeat(piece: Bytes, times: number): Bytes {
  const whole = new Uint8Array(piece.length * times);
  if (piece.length === 1) return whole.fill(piece[0] as number);
  for (let time = 0; time < times; time++) whole.set(piece, time * piece.length);
  return whole;
}

/** Short bytes as hexadecimal; long ones with what repeats in them written once: a list of [hexadecimal, how often]. */
export function packBytes(bytes: Bytes): Json {
  if (bytes.length <= LONGEST_PLAIN_BYTES) return hex(bytes);
  const runs: [string, number][] = [];
  let plainFrom = 0;
  const endPlain = (at: number): void => {
    if (at > plainFrom) runs.push([hex(bytes.slice(plainFrom, at)), 1]);
  };
  for (let at = 0; at < bytes.length; ) {
    const run = longestRun(bytes, at);
    if (run === undefined) {
      at++;
      continue;
    }
    endPlain(at);
    runs.push([hex(bytes.slice(at, at + run.period)), run.times]);
    at += run.period * run.times;
    plainFrom = at;
  }
  endPlain(bytes.length);
  return runs;
}

const LONGEST_PLAIN_BYTES = 1024;
const LONGEST_PERIOD = 64;
const LEAST_RUN_BYTES = 128;

/** The repetition that begins at `at` and covers most. */
function longestRun(bytes: Bytes, at: number): { readonly period: number; readonly times: number } | undefined {
  let best: { readonly period: number; readonly times: number } | undefined;
  for (let period = 1; period <= LONGEST_PERIOD; period++) {
    let end = at + period;
    while (end < bytes.length && bytes[end] === bytes[end - period]) end++;
    const times = Math.floor((end - at) / period);
    if (times * period >= LEAST_RUN_BYTES && times > 1 && times * period > (best === undefined ? 0 : best.period * best.times))
      best = { period, times };
  }
  return best;
}

/** A value of a form: everything empty and zero, or everything filled. */
export function sampleOf(form: Form, filled: boolean, place = 1): unknown {
  switch (form.kind) {
    case "uint":
      return filled ? ([1, 23, 24, 255, 256, 65_536, 1_800_000_000_000] as const)[place % 7] : 0;
    case "flag":
      return filled;
    case "fixed":
      return new Uint8Array(form.sizeBytes).fill(filled ? place : 0);
    case "bytes":
      return new Uint8Array(filled ? Math.min(3, form.maxBytes) : 0).fill(place);
    case "text":
      return filled ? "h\u00e4 \u2713".slice(0, form.maxBytes) : "";
    case "choice":
      return filled ? form.words.at(-1) : form.words[0];
    case "list":
      return filled ? [sampleOf(form.item, true, place), sampleOf(form.item, true, place + 1)] : [];
    case "optional":
      return filled ? sampleOf(form.item, true, place) : undefined;
    case "extensions":
      return filled
        ? [
            { code: 1, bytes: new Uint8Array([0xff]) },
            { code: 1001, bytes: new Uint8Array() },
          ]
        : [];
    case "shape":
      return Object.fromEntries(form.fields.map((field, index) => [field.name, sampleOf(field.form, filled, place + index)]));
  }
}

/** CBOR as small as it gets, also of values that no shape allows; a second opinion on the encoder under test. */
export function encodeCbor(value: unknown): Bytes {
  if (value === null) return Uint8Array.of(0xf6);
  if (typeof value === "number") return value < 0 ? headOf(1, -1 - value) : headOf(0, value);
  if (value instanceof Uint8Array) return concat(headOf(2, value.length), value);
  if (typeof value === "string") return concat(headOf(3, utf8(value).length), utf8(value));
  if (Array.isArray(value)) return concat(headOf(4, value.length), ...value.map(encodeCbor));
  return headOf(5, 0);
}

function headOf(major: number, argument: number): Bytes {
  const first = major << 5;
  if (argument < 24) return Uint8Array.of(first | argument);
  const width = [1, 2, 4, 8].findIndex((bytes) => argument < 256 ** bytes);
  const wide = new Uint8Array(8);
  writeU64(viewOf(wide), 0, argument);
  return concat(Uint8Array.of(first | (24 + width)), wide.slice(8 - 2 ** width));
}
