import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base32, compareBytes, concat, equalBytes, fromBase32, fromHex, hex, readU64, viewOf, writeU64 } from "./bytes.ts";

const anyBytes = fc.uint8Array({ maxLength: 100 });

describe("bytes", () => {
  it("hex and base32 come back", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(fromHex(hex(bytes))).toEqual(bytes);
        expect(fromBase32(base32(bytes))).toEqual(bytes);
      }),
    );
  });

  it("base32 has one text per byte string", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz234567"), maxLength: 60 }), (text) => {
        const bytes = fromBase32(text);
        if (bytes !== undefined) expect(base32(bytes)).toBe(text);
      }),
    );
  });

  it.each(["a", "ab1", "AB", "a=", "b"])("base32 refuses %j", (text) => {
    expect(fromBase32(text)).toBeUndefined();
  });

  it("base32 as in RFC 4648 section 10", () => {
    expect(["", "f", "fo", "foo", "foob", "fooba", "foobar"].map((text) => base32(new TextEncoder().encode(text)))).toEqual([
      "",
      "my",
      "mzxq",
      "mzxw6",
      "mzxw6yq",
      "mzxw6ytb",
      "mzxw6ytboi",
    ]);
  });

  it.each(["a", "0g", "0x00"])("hex refuses %j", (text) => {
    expect(fromHex(text)).toBeUndefined();
  });

  it("order is total and agrees with equality", () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(-Math.sign(compareBytes(b, a)) + 0);
        expect(compareBytes(a, b) === 0).toBe(equalBytes(a, b));
        expect(compareBytes(a, concat(a, new Uint8Array(1)))).toBeLessThan(0);
      }),
    );
  });

  it("64-bit numbers come back up to 2^53 - 1 and are refused above", () => {
    const view = viewOf(new Uint8Array(8));
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        writeU64(view, 0, value);
        expect(readU64(view, 0)).toBe(value);
        expect(view.getBigUint64(0)).toBe(BigInt(value));
      }),
    );
    view.setBigUint64(0, 2n ** 53n);
    expect(readU64(view, 0)).toBeUndefined();
  });
});
