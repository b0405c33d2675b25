import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../wire/bytes.ts";
import { crc32 } from "./crc32.ts";

describe("crc32", () => {
  test.each([
    ["", 0x00000000],
    ["a", 0xe8b7be43],
    ["abc", 0x352441c2],
    ["123456789", 0xcbf43926],
    ["The quick brown fox jumps over the lazy dog", 0x414fa339],
  ])("of %j is the published value", (text, expected) => {
    expect(crc32(utf8(text))).toBe(expected);
  });

  test("agrees with zlib for any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => crc32(bytes) === zlibCrc32(bytes)));
  });

  test("continues where an earlier one ended", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        (a, b) => crc32(b, crc32(a)) === zlibCrc32(b, zlibCrc32(a)),
      ),
    );
  });
});
