import { describe, expect, it } from "vitest";
import { crc32c } from "./crc32c.ts";

describe("CRC-32C", () => {
  it.each([
    // RFC 3720, appendix B.4; the last is the check value of the catalogue of CRCs.
    ["32 zeroes", new Uint8Array(32), 0x8a9136aa],
    ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["rising", Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    ["falling", Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
    ["the digits", new TextEncoder().encode("123456789"), 0xe3069283],
    ["nothing", new Uint8Array(0), 0],
  ])("of %s is that of the standard", (_name, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });

  it("of two pieces is that of both, wherever the cut", () => {
    const bytes = Uint8Array.from({ length: 61 }, (_, at) => at * 7);
    for (let cut = 0; cut <= bytes.length; cut++) expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc32c(bytes));
  });
});
