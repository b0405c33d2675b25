import { decode as decodeCbor, encode as encodeCbor } from "cborg";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Bytes, equalBytes, fromHex } from "./bytes.ts";
import { isPerdureError } from "./error.ts";
import { decodePlain, encodePlain, type Plain } from "./plain-cbor.ts";

const raw = (text: string): Bytes => fromHex(text.replace(/ /g, "")) as Bytes;

const { plain: plains } = fc.letrec<{ plain: Plain; list: Plain[] }>((tie) => ({
  plain: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.maxSafeNat(),
    fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
    fc.string({ unit: "grapheme", maxLength: 100 }).filter((text) => !text.startsWith("\uFEFF")),
    fc.string({ unit: "binary-ascii", maxLength: 300 }),
    fc.constantFrom("x\uFEFF", "\uFFFD", "e\u0301", "\u{1F600}"),
    tie("list"),
  ),
  list: fc.array(tie("plain"), { maxLength: 30 }),
}));

/** The same by a library, with the one rule that only a second encoding can check. */
function byLibrary(encoded: Bytes): Plain | "refused" {
  try {
    const options = { strict: true, allowIndefinite: false, allowUndefined: false, allowInfinity: false, allowNaN: false };
    const plain = decodeCbor(encoded, { ...options, allowBigInt: false }) as Plain;
    return isPlain(plain) && equalBytes(new Uint8Array(encodeCbor(plain)), encoded) ? plain : "refused";
  } catch {
    return "refused";
  }
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  return (Number.isSafeInteger(value) && (value as number) >= 0) || typeof value === "string" || value instanceof Uint8Array;
}

function byUs(encoded: Bytes): Plain | "refused" {
  try {
    return decodePlain(encoded, "test");
  } catch (error) {
    if (isPerdureError(error)) return "refused";
    throw error;
  }
}

it("writes what a library for the whole of CBOR writes, and reads it back", () => {
  fc.assert(
    fc.property(plains, (plain) => {
      const encoded = encodePlain(plain);
      expect(encoded).toEqual(new Uint8Array(encodeCbor(plain)));
      expect(decodePlain(encoded, "test")).toEqual(plain);
    }),
    { numRuns: 1000 },
  );
});

it("takes and refuses what that library does, whatever is changed, cut or added", () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(plains, changes, fc.option(fc.nat()), (plain, changed, cut) => {
      const bad = encodePlain(plain);
      for (const [at, byte] of changed) bad[at % bad.length] = byte;
      const left = cut === null ? bad : bad.subarray(0, cut % (bad.length + 1));
      expect(byUs(left)).toEqual(byLibrary(left));
    }),
    { numRuns: 3000 },
  );
});

it("takes and refuses of bytes that mean nothing what that library does", () => {
  const heads = fc.constantFrom(0x00, 0x18, 0x19, 0x1a, 0x1b, 0x40, 0x41, 0x58, 0x60, 0x62, 0x78, 0x80, 0x81, 0x82, 0x98, 0xa0, 0xf6);
  const junk = fc.array(fc.oneof(heads, fc.nat(255)), { maxLength: 12 }).map((bytes) => Uint8Array.from(bytes));
  fc.assert(
    fc.property(junk, (bytes) => {
      expect(byUs(bytes)).toEqual(byLibrary(bytes));
    }),
    { numRuns: 5000 },
  );
});

it.each([
  ["nothing", "", "malformed"],
  ["a number above 2^53 - 1", "1b 00 20 00 00 00 00 00 00", "malformed"],
  ["text that is no UTF-8", "62 c3 28", "not-deterministic"],
  ["text that begins with a byte order mark", "64 ef bb bf 61", "not-deterministic"],
  ["half of a pair of surrogates", "63 ed a0 80", "not-deterministic"],
  ["text that is no UTF-8, and a byte too many", "62 c3 28 00", "malformed"],
  ["a list that claims four thousand million items", "9a ff ff ff ff 00", "malformed"],
  ["a longer head than needed", "18 17", "not-deterministic"],
  ["a negative number", "20", "malformed"],
])("refuses %s", (_, bytes, code) => {
  expect(() => decodePlain(raw(bytes), "test")).toThrow(expect.objectContaining({ name: "PerdureError", code }));
});

it("gives byte strings that share nothing with what was read, also where that is one of Node's Buffers", () => {
  for (const encoded of [raw("81 42 01 02"), Buffer.from([0x81, 0x42, 1, 2])]) {
    const [bytes] = decodePlain(encoded, "test") as readonly [Uint8Array];
    bytes.slice(0, 1)[0] = 9;
    encoded[2] = 7;
    expect(bytes.constructor).toBe(Uint8Array);
    expect([...bytes]).toEqual([1, 2]);
  }
});
