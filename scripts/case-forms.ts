/**
 * Cases of a shape, made from its fields: values at every border, and for each field what it must refuse. Everything is written by the
 * encoder of `case-value.ts`, which shares nothing with the one under test; each case has one thing wrong.
 */
import { type Bytes, concat, EMPTY, hex, utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { MAX_LIST_ITEMS } from "../packages/perdure/src/wire/limits.ts";
import type { Form, Shape } from "../packages/perdure/src/wire/shape.ts";
import { encodeCbor, type Json, packBytes, sampleOf, toJson } from "./case-value.ts";

/** One field written down, and what is wrong with it. */
interface Wrong {
  readonly name: string;
  readonly raw: Bytes;
  readonly error: string;
}
interface Right {
  readonly name: string;
  readonly value: unknown;
}

const MALFORMED = "malformed";
const NOT_DETERMINISTIC = "not-deterministic";
/** Values with longer fields are not written out in the case files. */
const LONGEST_VALUE_BYTES = 1024;

export function shapeCases(shape: Shape<unknown>): Json {
  const form = shape.field.form;
  const samples = [false, true].map((filled) => ({ name: filled ? "filled" : "empty", value: sampleOf(form, filled) }));
  const empty = samples[0]?.value as Readonly<Record<string, unknown>>;
  const plain = shape.field.write(empty) as readonly unknown[];
  const fields = shape.fields.map((field, index) => ({ ...field, index }));
  const valid = [
    ...samples,
    ...fields.flatMap(({ name, form: of }) =>
      rightOf(of).map((right) => ({ name: `${name}: ${right.name}`, value: { ...empty, [name]: right.value } })),
    ),
  ].filter(({ value }) => encodeCbor(shape.field.write(value)).length <= shape.maxBytes);
  const invalid = [
    ...wrongWholes(plain, shape.maxBytes),
    ...fields.flatMap(({ name, form: of, index }) =>
      wrongOf(of).map((wrong) => ({
        name: `${name}: ${wrong.name}`,
        bytes: concat(headOf(plain), ...plain.map((each, place) => (place === index ? wrong.raw : encodeCbor(each)))),
        error: wrong.error,
      })),
    ),
  ].map((each) => (each.bytes.length > shape.maxBytes ? { ...each, error: "too-large" } : each));
  return {
    valid: valid.map(({ name, value }) => ({ name, value: toJson(form, value), bytes: packBytes(encodeCbor(shape.field.write(value))) })),
    invalid: invalid.map((each) => ({ ...each, bytes: packBytes(each.bytes) })),
  };
}

function wrongWholes(
  plain: readonly unknown[],
  maxBytes: number,
): readonly { readonly name: string; readonly bytes: Bytes; readonly error: string }[] {
  const least = encodeCbor(plain);
  const said = (name: string, bytes: Bytes, error = MALFORMED) => ({ name, bytes, error });
  const raw = (...bytes: readonly number[]): Bytes => Uint8Array.from(bytes);
  return [
    said("no bytes", EMPTY),
    said("the last byte is missing", least.slice(0, -1)),
    said("a byte too many", concat(least, new Uint8Array(1))),
    said("twice", concat(least, least)),
    said("a field too few", encodeCbor(plain.slice(0, -1))),
    said("a field too many", encodeCbor([...plain, 0])),
    said("a map", encodeCbor({})),
    said("an indefinite array", concat(raw(0x9f), least.slice(headOf(plain).length), raw(0xff))),
    said(
      "an array head that is too long",
      concat(plain.length < 24 ? raw(0x98, plain.length) : raw(0x99, 0, plain.length), least.slice(headOf(plain).length)),
      NOT_DETERMINISTIC,
    ),
    said("a tag around it", concat(raw(0xc1), least)),
    said("in a byte string", encodeCbor(least)),
    said("in an array of its own", encodeCbor([plain])),
    said("an array of more items than there are bytes", raw(0x9a, 0xff, 0xff, 0xff, 0xff)),
    said("a reserved length of the head", raw(0x9c)),
    said("larger than this shape may be", new Uint8Array(maxBytes + 1), "too-large"),
  ];
}

function headOf(plain: readonly unknown[]): Bytes {
  const whole = encodeCbor(plain.map(() => 0));
  return whole.slice(0, whole.length - plain.length);
}

/** Values at the borders of what a form takes. */
function rightOf(form: Form): readonly Right[] {
  switch (form.kind) {
    case "uint":
      return [23, 24, 255, 256, 65_536, 2 ** 32, Number.MAX_SAFE_INTEGER].map((value) => ({ name: String(value), value }));
    case "choice":
      return form.words.map((value) => ({ name: value, value }));
    case "bytes":
      return form.maxBytes <= LONGEST_VALUE_BYTES ? [{ name: "as long as may be", value: new Uint8Array(form.maxBytes).fill(0xab) }] : [];
    case "text":
      return form.maxBytes <= LONGEST_VALUE_BYTES
        ? [
            { name: "as long as may be", value: "x".repeat(form.maxBytes) },
            { name: "as long as may be, in letters of three bytes", value: "\u2713".repeat(Math.floor(form.maxBytes / 3)) },
            { name: "every plane", value: "\u0000\u00e9\u2713\u{1f4ee}" },
            { name: "a byte order mark inside", value: "a\ufeff" },
          ]
        : [];
    case "list":
      return form.maxItems <= 16
        ? [{ name: "as many as may be", value: Array.from({ length: form.maxItems }, () => sampleOf(form.item, false)) }]
        : [];
    case "optional":
      return rightOf(form.item).slice(0, 2);
    case "extensions":
      return [
        { name: "an odd code", value: [{ code: 1, bytes: utf8("kept") }] },
        {
          name: "codes far apart",
          value: [
            { code: 1, bytes: EMPTY },
            { code: Number.MAX_SAFE_INTEGER, bytes: EMPTY },
          ],
        },
      ];
    default:
      return [];
  }
}

/** What a form must refuse. */
function wrongOf(form: Form): readonly Wrong[] {
  const of = (name: string, value: unknown, error = MALFORMED): Wrong => ({ name, raw: encodeCbor(value), error });
  const raw = (name: string, bytes: readonly number[], error = MALFORMED): Wrong => ({ name, raw: Uint8Array.from(bytes), error });
  const foreign = [raw("null", [0xf6]), raw("a negative number", [0x20]), raw("a float", [0xf9, 0x3c, 0x00])];
  switch (form.kind) {
    case "uint":
      return [
        ...foreign,
        of("text", "1"),
        of("a byte string", Uint8Array.of(1)),
        raw("2^53", [0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0]),
        raw("2^64 - 1", [0x1b, ...new Array<number>(8).fill(0xff)]),
        raw("a bignum", [0xc2, 0x41, 1]),
        raw("0 in two bytes", [0x18, 0], NOT_DETERMINISTIC),
        raw("255 in three bytes", [0x19, 0, 255], NOT_DETERMINISTIC),
        raw("65535 in five bytes", [0x1a, 0, 0, 255, 255], NOT_DETERMINISTIC),
        raw("2^32 - 1 in nine bytes", [0x1b, 0, 0, 0, 0, 255, 255, 255, 255], NOT_DETERMINISTIC),
      ];
    case "flag":
      return [of("2", 2), raw("true", [0xf5]), of("an empty array", [])];
    case "choice":
      return [of("a number behind the last word", form.words.length), of("the word itself", form.words[0]), of("2^32", 2 ** 32)];
    case "fixed":
      return [
        of("a byte too short", new Uint8Array(form.sizeBytes - 1)),
        of("a byte too long", new Uint8Array(form.sizeBytes + 1)),
        of("empty", EMPTY),
        of("text of that length", "x".repeat(form.sizeBytes)),
        raw("in chunks", [0x5f, 0x40, 0xff]),
      ];
    case "bytes":
      return [
        of("a byte too long", new Uint8Array(form.maxBytes + 1)),
        of("text", "x"),
        of("an array", [0]),
        raw("in chunks", [0x5f, 0x40, 0xff]),
        raw("an empty one with a long head", [0x58, 0], NOT_DETERMINISTIC),
        raw("longer than what is left", [0x5b, 0, 0, 0, 1, 0, 0, 0, 0]),
      ];
    case "text":
      return [
        of("a byte too long", "x".repeat(form.maxBytes + 1)),
        of("too long in bytes, not in letters", "\u00e9".repeat(Math.floor(form.maxBytes / 2) + 1)),
        of("bytes", utf8("x")),
        of("not NFC", "e\u0301"),
        of("a byte order mark first", "\ufeffx", NOT_DETERMINISTIC),
        raw("no UTF-8", [0x61, 0xff], NOT_DETERMINISTIC),
        raw("a lone surrogate", [0x63, 0xed, 0xa0, 0x80], NOT_DETERMINISTIC),
        raw("a letter in more bytes than it needs", [0x62, 0xc1, 0x81], NOT_DETERMINISTIC),
        raw("a letter that is cut off", [0x62, 0x61, 0xc3], NOT_DETERMINISTIC),
        raw("in chunks", [0x7f, 0x60, 0xff]),
      ];
    case "list": {
      const [wrong] = wrongOf(form.item);
      return [
        of("a number", 0),
        of("a byte string", EMPTY),
        { name: "an item too many", raw: listOf(form.maxItems + 1, encodeSample(form.item)), error: MALFORMED },
        ...(wrong === undefined ? [] : [{ ...wrong, name: `an item: ${wrong.name}`, raw: concat(Uint8Array.of(0x81), wrong.raw) }]),
        { name: "arrays in arrays, too deep", raw: nested(9), error: MALFORMED },
      ];
    }
    case "optional": {
      const [wrong] = wrongOf(form.item);
      const sample = encodeSample(form.item);
      return [
        of("a number", 0),
        { name: "two", raw: concat(Uint8Array.of(0x82), sample, sample), error: MALFORMED },
        ...(wrong === undefined ? [] : [{ ...wrong, name: `something: ${wrong.name}`, raw: concat(Uint8Array.of(0x81), wrong.raw) }]),
      ];
    }
    case "extensions":
      return [
        of("one that must be understood", [[2, EMPTY]], "needs-newer-version"),
        of(
          "one that must be understood behind one that need not",
          [
            [1, EMPTY],
            [1000, EMPTY],
          ],
          "needs-newer-version",
        ),
        of("code 0", [[0, EMPTY]], "needs-newer-version"),
        of("not sorted", [
          [3, EMPTY],
          [1, EMPTY],
        ]),
        of("one twice", [
          [1, EMPTY],
          [1, EMPTY],
        ]),
        of("a code alone", [[1]]),
        of("three things", [[1, EMPTY, 0]]),
        of("text for bytes", [[1, "x"]]),
        of("a code of bytes", [[EMPTY, EMPTY]]),
        of("a number", 0),
        { name: "too many", raw: listOf(MAX_LIST_ITEMS + 1, encodeCbor([1, EMPTY])), error: MALFORMED },
      ];
    case "shape": {
      const inside = sampleOf(form, false);
      const plain = form.fields.map((field) => encodeSample(field.form, (inside as Readonly<Record<string, unknown>>)[field.name]));
      const [first] = form.fields;
      const [wrong] = first === undefined ? [] : wrongOf(first.form);
      return [
        of("a number", 0),
        { name: "a field too few", raw: concat(arrayHead(plain.length - 1), ...plain.slice(0, -1)), error: MALFORMED },
        { name: "a field too many", raw: concat(arrayHead(plain.length + 1), ...plain, Uint8Array.of(0)), error: MALFORMED },
        ...(first === undefined || wrong === undefined
          ? []
          : [{ ...wrong, name: `its ${first.name}: ${wrong.name}`, raw: concat(arrayHead(plain.length), wrong.raw, ...plain.slice(1)) }]),
      ];
    }
  }
}

/** Arrays inside arrays, `depth` of them, the innermost with one item. */
function nested(depth: number): Bytes {
  return concat(new Uint8Array(depth).fill(0x81), Uint8Array.of(0));
}

function listOf(count: number, item: Bytes): Bytes {
  return concat(arrayHead(count), ...Array.from({ length: count }, () => item));
}

function arrayHead(count: number): Bytes {
  const whole = encodeCbor(new Array<number>(count).fill(0));
  return whole.slice(0, whole.length - count);
}

/** A form's smallest value, encoded. */
function encodeSample(form: Form, value: unknown = sampleOf(form, false)): Bytes {
  switch (form.kind) {
    case "flag":
      return encodeCbor(value === true ? 1 : 0);
    case "choice":
      return encodeCbor(form.words.indexOf(value as string));
    case "optional":
    case "list":
    case "extensions":
      return encodeCbor([]);
    case "shape":
      return concat(
        arrayHead(form.fields.length),
        ...form.fields.map((field) => encodeSample(field.form, (value as Readonly<Record<string, unknown>>)[field.name])),
      );
    default:
      return encodeCbor(value);
  }
}

/** Every place at which `bytes` can be cut, as cases that are refused. */
export function cutCases(bytes: Bytes, places: readonly number[], error = MALFORMED): readonly Json[] {
  return places.map((at) => ({ name: `cut off after ${at} bytes`, bytes: hex(bytes.slice(0, at)), error }));
}
