import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bytes, concat, fromHex, utf8 } from "./bytes.ts";
import { MAX_NESTING } from "./limits.ts";
import { bytes, choice, extensions, fixed, flag, list, optional, shape, text, uint } from "./shape.ts";
import { listShapes } from "./shapes.ts";
import { arbitraryOf } from "./test-arbitrary.ts";

const number = shape("number", { n: uint });
const word = shape("word", { t: text(8) });
const blob = shape("blob", { b: bytes(8) });
const nested = shape("nested", { l: list(list(uint)) });
const extended = shape("extended", { extensions: extensions([4]) });

const raw = (text: string): Bytes => fromHex(text.replace(/ /g, "")) as Bytes;
const refused = (code: string) => expect.objectContaining({ name: "PerdureError", code });

describe.each(listShapes().map((each) => [each.name, each] as const))("shape %s", (_, each) => {
  const values = arbitraryOf(each.field.form);

  it("reads back what it wrote, and writes what it read in the same bytes", () => {
    fc.assert(
      fc.property(values, (value) => {
        const encoded = each.encode(value);
        expect(each.decode(encoded)).toEqual(value);
        expect(each.encode(each.decode(encoded))).toEqual(encoded);
      }),
      { numRuns: 60 },
    );
  });

  it("refuses every cut and every byte too many", () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, at) => {
        const encoded = each.encode(value);
        expect(() => each.decode(encoded.subarray(0, at % encoded.length))).toThrow(refused("malformed"));
        expect(() => each.decode(concat(encoded, new Uint8Array(1)))).toThrow(refused("malformed"));
      }),
      { numRuns: 30 },
    );
  });

  it("has one byte string per value: a changed one is refused or says something else", () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
        const bad = each.encode(value).slice();
        bad[at % bad.length] = (bad[at % bad.length] as number) ^ change;
        let read: unknown;
        try {
          read = each.decode(bad);
        } catch (error) {
          expect(error).toMatchObject({ name: "PerdureError" });
          return;
        }
        expect(read).not.toEqual(value);
        expect(each.encode(read)).toEqual(bad);
      }),
      { numRuns: 60 },
    );
  });
});

describe("bytes in and out", () => {
  it("are plain byte strings of their own, also for values read from a Buffer", () => {
    const encoded = blob.encode({ b: raw("aabb") });
    expect(Object.getPrototypeOf(encoded)).toBe(Uint8Array.prototype);
    const source = Buffer.from(encoded);
    const { b } = blob.decode(source);
    expect(Object.getPrototypeOf(b)).toBe(Uint8Array.prototype);
    source.fill(0);
    expect(b).toEqual(raw("aabb"));
  });
});

describe("deterministic CBOR", () => {
  it.each([
    ["one byte for a number below 24", "81 18 17"],
    ["two bytes for a number below 256", "81 19 00ff"],
    ["four bytes for a number below 65,536", "81 1a 0000ffff"],
    ["eight bytes for a number below 2^32", "81 1b 00000000ffffffff"],
    ["a long array head", "98 01 00"],
  ])("refuses %s", (_, encoded) => {
    expect(() => number.decode(raw(encoded))).toThrow(refused("not-deterministic"));
  });

  it("refuses a long byte string head and a long text head", () => {
    expect(() => blob.decode(raw("81 58 01 00"))).toThrow(refused("not-deterministic"));
    expect(() => word.decode(raw("81 78 01 61"))).toThrow(refused("not-deterministic"));
  });

  it.each([
    ["an indefinite array", "9f 00 ff"],
    ["an indefinite byte string", "81 5f 41 00 ff"],
    ["a reserved head", "81 1c"],
    ["a negative number", "81 20"],
    ["a map", "81 a0"],
    ["a map at the top", "a1 00 00"],
    ["a tag", "81 c1 00"],
    ["false", "81 f4"],
    ["null", "81 f6"],
    ["undefined", "81 f7"],
    ["half a float", "81 f9 0000"],
    ["a float", "81 fa 00000000"],
    ["a double", "81 fb 0000000000000000"],
    ["no bytes", ""],
    ["a bare number", "00"],
    ["a number above 2^53 - 1", "81 1b 0020000000000000"],
    ["a number of 64 bits", "81 1b ffffffffffffffff"],
    ["a promise of 2^53 items", "9b 001fffffffffffff"],
    ["a promise of 2^53 bytes", "81 5b 001fffffffffffff"],
    ["an array of another length", "82 00 00"],
    ["an empty array", "80"],
    ["two items", "81 00 81 00"],
  ])("refuses %s", (_, encoded) => {
    expect(() => number.decode(raw(encoded))).toThrow(refused("malformed"));
  });

  it("refuses text that is not UTF-8, not NFC, or begins with a byte order mark", () => {
    expect(() => word.decode(raw("81 62 c328"))).toThrow(refused("not-deterministic"));
    expect(() => word.decode(concat(raw("81 63"), utf8("e\u0301")))).toThrow(refused("malformed"));
    expect(() => word.decode(concat(raw("81 64"), utf8("\uFEFFa")))).toThrow(refused("not-deterministic"));
    expect(() => word.encode({ t: "\uFEFFa" })).toThrow(refused("malformed"));
    expect(() => word.encode({ t: "e\u0301" })).toThrow(refused("malformed"));
    expect(() => word.encode({ t: "\uD800" })).toThrow(refused("malformed"));
  });

  it("stops before hostile depth", () => {
    const deep = (depth: number): Bytes => concat(new Uint8Array(depth).fill(0x81), raw("00"));
    expect(() => nested.decode(deep(MAX_NESTING + 1))).toThrow(refused("malformed"));
    expect(() => nested.decode(deep(60_000))).toThrow(refused("malformed"));
    expect(() => nested.decode(new Uint8Array(65_536).fill(0x81))).toThrow(refused("malformed"));
    expect(() => nested.decode(new Uint8Array(65_536).fill(0xa1))).toThrow(refused("malformed"));
  });

  it("refuses more bytes than the shape allows before it reads them", () => {
    expect(() => number.decode(new Uint8Array(64 * 1024 + 1))).toThrow(refused("too-large"));
    expect(() => shape("small", { b: bytes(64) }, 32).encode({ b: new Uint8Array(64) })).toThrow(refused("too-large"));
  });
});

describe("fields", () => {
  it("refuse to write what they would not read", () => {
    for (const n of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
      expect(() => number.encode({ n })).toThrow(refused("malformed"));
    expect(number.encode({ n: -0 })).toEqual(raw("81 00"));
    expect(() => shape("s", { f: fixed(2) }).encode({ f: new Uint8Array(1) })).toThrow(refused("malformed"));
    expect(() => shape("s", { b: bytes(2) }).encode({ b: new Uint8Array(3) })).toThrow(refused("malformed"));
    expect(() => shape("s", { l: list(uint, 1) }).encode({ l: [1, 2] })).toThrow(refused("malformed"));
    expect(() => shape("s", { c: choice("a", "b") }).encode({ c: "c" as "a" })).toThrow(refused("malformed"));
  });

  it("refuse values out of their bounds", () => {
    expect(() => shape("s", { f: flag }).decode(raw("81 02"))).toThrow(refused("malformed"));
    expect(() => shape("s", { c: choice("a", "b") }).decode(raw("81 02"))).toThrow(refused("malformed"));
    expect(() => shape("s", { o: optional(uint) }).decode(raw("81 82 00 00"))).toThrow(refused("malformed"));
    expect(() => shape("s", { l: list(uint, 1) }).decode(raw("81 82 00 00"))).toThrow(refused("malformed"));
  });

  it("say in the error which field of which shape is wrong", () => {
    expect(() => nested.decode(raw("81 81 81 40"))).toThrow(/nested\.l\[0\]\[0\]/);
    expect(() => number.encode({ n: -1 })).toThrow(/number\.n/);
  });
});

describe("extensions", () => {
  it("keep unknown odd codes as they are", () => {
    const value = {
      extensions: [
        { code: 3, bytes: raw("aa") },
        { code: 4, bytes: raw("bb") },
      ],
    };
    expect(extended.decode(extended.encode(value))).toEqual(value);
  });

  it("stop at an unknown even code", () => {
    expect(() => extended.decode(raw("81 81 82 02 40"))).toThrow(refused("needs-newer-version"));
  });

  it("are sorted, each code once, reading and writing", () => {
    expect(() => extended.decode(raw("81 82 82 03 40 82 01 40"))).toThrow(refused("malformed"));
    expect(() => extended.decode(raw("81 82 82 03 40 82 03 40"))).toThrow(refused("malformed"));
    const one = { code: 1, bytes: new Uint8Array() };
    expect(() => extended.encode({ extensions: [{ ...one, code: 3 }, one] })).toThrow(refused("malformed"));
    expect(() => extended.encode({ extensions: [one, one] })).toThrow(refused("malformed"));
  });
});
