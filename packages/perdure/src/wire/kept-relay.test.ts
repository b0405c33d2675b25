import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wholePiece } from "./bytes.ts";
import { isPerdureError } from "./error.ts";
import { decodeKept, decodeKeptMail, encodeKept, encodeKeptMail, KEPT_MAIL_HEADER_BYTES } from "./kept-relay.ts";

const bytes = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size });
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe("mail a relay keeps", () => {
  it("comes back as it was written", () => {
    const kept = fc.record({
      link: bytes(8),
      linkSeq: number,
      position: number.map((value) => Math.max(1, value)),
      storedAtMs: number,
      envelope: fc.uint8Array({ maxLength: 300 }),
    });
    fc.assert(fc.property(kept, (mail) => void expect(decodeKeptMail(wholePiece(encodeKeptMail(mail)))).toEqual(mail)));
  });

  it("is malformed when its head is cut", () => {
    const record = wholePiece(
      encodeKeptMail({ link: new Uint8Array(8), linkSeq: 1, position: 1, storedAtMs: 1, envelope: new Uint8Array(0) }),
    );
    for (let size = 0; size < KEPT_MAIL_HEADER_BYTES; size++)
      expect(() => decodeKeptMail(record.subarray(0, size))).toThrowError(expect.objectContaining({ code: "malformed" }));
  });
});

describe("small state a relay keeps", () => {
  it("comes back as it was written", () => {
    const settled = fc.record({ agentId: bytes(32), ranges: fc.array(fc.tuple(number, number), { maxLength: 512 }) });
    fc.assert(fc.property(settled, (value) => void expect(decodeKept(encodeKept("settled", value))).toEqual({ kind: "settled", value })));
    const link = fc.record({ sender: bytes(32), link: bytes(8), upTo: number, refused: fc.array(number, { maxLength: 256 }) });
    fc.assert(fc.property(link, (value) => void expect(decodeKept(encodeKept("link", value))).toEqual({ kind: "link", value })));
  });

  it("of an unknown kind asks for a newer version", () => {
    expect(() => decodeKept(Uint8Array.of(99, 0x80))).toThrowError(expect.objectContaining({ code: "needs-newer-version" }));
  });

  it("made of noise is an error of ours, whatever it is", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          decodeKept(noise);
        } catch (error) {
          expect(isPerdureError(error)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
