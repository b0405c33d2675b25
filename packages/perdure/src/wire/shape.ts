/**
 * Deterministic CBOR arrays (RFC 8949 section 4.2, arrays only): the one way control messages, records and kept state
 * are written down.
 *
 * A shape is an ordered list of named fields. On the wire it is an array of the field values in that order: unsigned
 * integers, byte strings, NFC text and arrays of those; no maps, floats, tags, negative numbers, null or booleans.
 * One value has one byte string, and no other is read. The shapes are data: `protocol/` tables are generated from them.
 */
import { type Bytes, utf8 } from "./bytes.ts";
import { PerdureError } from "./error.ts";
import { MAX_CONTROL_BYTES, MAX_LIST_ITEMS, MAX_TEXT_BYTES } from "./limits.ts";
import { decodePlain, encodePlain, isAscii, type Plain } from "./plain-cbor.ts";

/** What a field is, as data: documentation, case files and generators of test values are made from it. */
export type Form =
  | { readonly kind: "uint" | "flag" | "extensions" }
  | { readonly kind: "fixed"; readonly sizeBytes: number }
  | { readonly kind: "bytes" | "text"; readonly maxBytes: number }
  | { readonly kind: "choice"; readonly words: readonly string[] }
  | { readonly kind: "list"; readonly item: Form; readonly maxItems: number }
  | { readonly kind: "optional"; readonly item: Form }
  | { readonly kind: "shape"; readonly name: string; readonly fields: readonly { readonly name: string; readonly form: Form }[] };

/** One field: how its value becomes CBOR, how it is read back, and how the documentation calls it. */
export interface Field<Value> {
  readonly form: Form;
  readonly says: string;
  readonly write: (value: Value) => Plain;
  readonly read: (plain: Plain, path: string) => Value;
}

function wrong(path: string, expected: string): never {
  throw new PerdureError("malformed", `${path}: expected ${expected}`);
}

/** Unsigned integer up to 2^53 - 1. */
export const uint: Field<number> = {
  form: { kind: "uint" },
  says: "uint",
  write: (value) => {
    if (!Number.isSafeInteger(value) || value < 0) wrong("value", "an unsigned integer below 2^53");
    return value === 0 ? 0 : value;
  },
  read: (plain, path) =>
    typeof plain === "number" && Number.isSafeInteger(plain) && plain >= 0 ? plain : wrong(path, "an unsigned integer below 2^53"),
};

/** 0 or 1. */
export const flag: Field<boolean> = {
  form: { kind: "flag" },
  says: "0 or 1",
  write: (value) => (value ? 1 : 0),
  read: (plain, path) => (plain === 0 || plain === 1 ? plain === 1 : wrong(path, "0 or 1")),
};

/** Byte string of exactly `sizeBytes`. */
export function fixed(sizeBytes: number): Field<Bytes> {
  return {
    form: { kind: "fixed", sizeBytes },
    says: `${sizeBytes} bytes`,
    write: (value) => (value.length === sizeBytes ? value : wrong("value", `${sizeBytes} bytes`)),
    read: (plain, path) => (plain instanceof Uint8Array && plain.length === sizeBytes ? plain : wrong(path, `${sizeBytes} bytes`)),
  };
}

/** Byte string of at most `maxBytes`. */
export function bytes(maxBytes: number): Field<Bytes> {
  return {
    form: { kind: "bytes", maxBytes },
    says: `bytes, at most ${maxBytes}`,
    write: (value) => (value.length <= maxBytes ? value : wrong("value", `at most ${maxBytes} bytes`)),
    read: (plain, path) => (plain instanceof Uint8Array && plain.length <= maxBytes ? plain : wrong(path, `at most ${maxBytes} bytes`)),
  };
}

/** NFC text of at most `maxBytes` bytes of UTF-8 that does not begin with a byte order mark, which readers of UTF-8 drop. */
export function text(maxBytes: number = MAX_TEXT_BYTES): Field<string> {
  const fits = (value: string): boolean =>
    value.length <= maxBytes &&
    (isAscii(value) ||
      (utf8(value).length <= maxBytes && value.isWellFormed() && value === value.normalize("NFC") && !value.startsWith("\uFEFF")));
  return {
    form: { kind: "text", maxBytes },
    says: `text, at most ${maxBytes} bytes`,
    write: (value) => (fits(value) ? value : wrong("value", `NFC text of at most ${maxBytes} bytes`)),
    read: (plain, path) => (typeof plain === "string" && fits(plain) ? plain : wrong(path, `NFC text of at most ${maxBytes} bytes`)),
  };
}

/** One of a closed list of words, written as its place in the list. New words are only ever added at the end. */
export function choice<const Words extends readonly string[]>(...words: Words): Field<Words[number]> {
  return {
    form: { kind: "choice", words },
    says: words.map((word, index) => `${index} ${word}`).join(", "),
    write: (value) => {
      const index = words.indexOf(value);
      return index >= 0 ? index : wrong("value", `one of ${words.join(", ")}`);
    },
    read: (plain, path) =>
      typeof plain === "number" && words[plain] !== undefined ? words[plain] : wrong(path, `one of ${words.join(", ")}`),
  };
}

export function list<Value>(item: Field<Value>, maxItems: number = MAX_LIST_ITEMS): Field<readonly Value[]> {
  return {
    form: { kind: "list", item: item.form, maxItems },
    says: `list of (${item.says}), at most ${maxItems}`,
    write: (value) => (value.length <= maxItems ? value.map(item.write) : wrong("value", `at most ${maxItems} items`)),
    read: (plain, path) =>
      Array.isArray(plain) && plain.length <= maxItems
        ? plain.map((each: Plain, index: number) => item.read(each, `${path}[${index}]`))
        : wrong(path, `a list of at most ${maxItems} items`),
  };
}

/** Nothing or one value, written as an empty or one-element list. */
export function optional<Value>(item: Field<Value>): Field<Value | undefined> {
  return {
    form: { kind: "optional", item: item.form },
    says: `nothing or (${item.says})`,
    write: (value) => (value === undefined ? [] : [item.write(value)]),
    read: (plain, path) => {
      if (!Array.isArray(plain) || plain.length > 1) return wrong(path, "an empty or one-element list");
      return plain.length === 0 ? undefined : item.read(plain[0] as Plain, path);
    },
  };
}

/** What a later version added: `[code, bytes]`, sorted by code. Even codes must be understood, odd ones may be ignored. */
export interface Extension {
  readonly code: number;
  readonly bytes: Bytes;
}

/** The last field of every signed array. Unknown odd codes are kept verbatim; an unknown even code is `needs-newer-version`. */
export function extensions(understood: readonly number[] = []): Field<readonly Extension[]> {
  return {
    form: { kind: "extensions" },
    says: "extensions [[code, bytes], ...] sorted by code",
    write: (value) => {
      const rising = value.every((each, index) => index === 0 || each.code > (value[index - 1] as Extension).code);
      if (!rising || value.length > MAX_LIST_ITEMS) return wrong("value", "extension codes in rising order");
      return value.map((each) => [uint.write(each.code), each.bytes]);
    },
    read: (plain, path) => {
      if (!Array.isArray(plain) || plain.length > MAX_LIST_ITEMS) return wrong(path, "a list of extensions");
      let last = -1;
      return plain.map((each: Plain) => {
        if (!Array.isArray(each) || each.length !== 2) return wrong(path, "[code, bytes] pairs");
        const code = uint.read(each[0] as Plain, path);
        const value = bytes(MAX_CONTROL_BYTES).read(each[1] as Plain, path);
        if (code <= last) return wrong(path, "extension codes in rising order");
        last = code;
        if (code % 2 === 0 && !understood.includes(code)) {
          throw new PerdureError("needs-newer-version", `${path}: extension ${code} must be understood`, {
            hint: "Update perdure; the sender uses a newer version.",
          });
        }
        return { code, bytes: value };
      });
    },
  };
}

type FieldsOf = Readonly<Record<string, Field<never>>>;
type ValueOf<F> = F extends Field<infer Value> ? Value : never;
/** The object a shape reads and writes. */
export type ShapeValue<S> = S extends Shape<infer Value> ? Value : never;

export interface Shape<Value> {
  readonly name: string;
  readonly fields: readonly { readonly name: string; readonly says: string; readonly form: Form }[];
  /** Largest encoding, in bytes. */
  readonly maxBytes: number;
  /** `free`: so many bytes are left before it. */
  readonly encode: (value: Value, free?: number) => Bytes;
  readonly decode: (bytes: Bytes) => Value;
  /** The shape as a field of another shape (a nested array). */
  readonly field: Field<Value>;
}

/** Declares a shape. The order of the keys is the order on the wire. */
export function shape<const Fields extends Readonly<Record<string, unknown>>>(
  name: string,
  fields: Fields,
  maxBytes: number = MAX_CONTROL_BYTES,
): Shape<{ readonly [Key in keyof Fields]: ValueOf<Fields[Key]> }> {
  type Value = { readonly [Key in keyof Fields]: ValueOf<Fields[Key]> };
  const entries = Object.entries(fields as unknown as FieldsOf);
  const ownPaths = entries.map(([key]) => `${name}.${key}`);
  const field: Field<Value> = {
    form: { kind: "shape", name, fields: entries.map(([key, each]) => ({ name: key, form: each.form })) },
    says: name,
    write: (value) =>
      entries.map(([key, each]) => {
        try {
          return each.write(value[key as keyof Value] as never);
        } catch (error) {
          if (error instanceof PerdureError) throw new PerdureError(error.code, `${name}.${key}: ${error.message}`, { cause: error });
          throw error;
        }
      }),
    read: (plain, path) => {
      if (!Array.isArray(plain) || plain.length !== entries.length) return wrong(path, `${name}, an array of ${entries.length}`);
      const value: Record<string, unknown> = {};
      const paths = path === name ? ownPaths : entries.map(([key]) => `${path}.${key}`);
      for (let index = 0; index < entries.length; index++) {
        const [key, each] = entries[index] as (typeof entries)[number];
        value[key] = each.read(plain[index] as Plain, paths[index] as string);
      }
      return value as Value;
    },
  };
  return {
    name,
    fields: entries.map(([key, each]) => ({ name: key, says: each.says, form: each.form })),
    maxBytes,
    field,
    encode: (value, free = 0) => {
      const encoded = encodePlain(field.write(value), free);
      const size = encoded.length - free;
      if (size > maxBytes) throw new PerdureError("too-large", `${name} is ${size} bytes, more than ${maxBytes}`);
      return encoded;
    },
    decode: (encoded) => {
      if (encoded.length > maxBytes) throw new PerdureError("too-large", `${name} is ${encoded.length} bytes, more than ${maxBytes}`);
      return field.read(decodePlain(encoded, name), name);
    },
  };
}
