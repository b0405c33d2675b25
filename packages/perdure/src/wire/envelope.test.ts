import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bytes, concat, equalBytes } from "./bytes.ts";
import { boundHeaderOf, decodeEnvelope, digestMatches, type EnvelopeHeader, encodeBoundHeader, encodeEnvelope } from "./envelope.ts";
import { MAX_ENVELOPE_BODY_BYTES } from "./limits.ts";

const sha256 = (bytes: Bytes): Bytes => new Uint8Array(createHash("sha256").update(bytes).digest());
const refused = (code: string) => expect.objectContaining({ name: "PerdureError", code });
const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });

const sealedHeader: fc.Arbitrary<EnvelopeHeader> = fc.record({
  class: fc.constantFrom("mail", "receipt"),
  from: exactly(32),
  to: exactly(32),
  stream: exactly(8),
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  expiresAtMs: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  inboxKeyId: exactly(8),
  suite: fc.constant(1),
});
const noticeHeader: fc.Arbitrary<EnvelopeHeader> = sealedHeader.map((header) => ({
  ...header,
  class: "notice",
  inboxKeyId: new Uint8Array(8),
  suite: 0,
}));
const header = fc.oneof(sealedHeader, noticeHeader);

const sample = (): Bytes =>
  encodeEnvelope(
    {
      class: "mail",
      from: new Uint8Array(32).fill(1),
      to: new Uint8Array(32).fill(2),
      stream: new Uint8Array(8).fill(3),
      seq: 4,
      expiresAtMs: 5,
      inboxKeyId: new Uint8Array(8).fill(6),
      suite: 1,
    },
    new Uint8Array(10).fill(7),
    sha256,
  ).bytes;
const changed = (...changes: readonly (readonly [number, number])[]): Bytes => {
  const bytes = sample().slice();
  for (const [at, value] of changes) bytes[at] = value;
  return bytes;
};

describe("an envelope", () => {
  it("comes back as it was, read in place", () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 500 }), (said, body) => {
        const envelope = encodeEnvelope(said, body, sha256);
        const read = decodeEnvelope(envelope.bytes);
        expect(read).toEqual(envelope);
        expect(digestMatches(read, sha256)).toBe(true);
        expect(equalBytes(boundHeaderOf(read), encodeBoundHeader(said, body.length))).toBe(true);
        expect(read.body.buffer).toBe(envelope.bytes.buffer);
      }),
    );
  });

  it("has a digest that any changed byte breaks", () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), (said, body, at) => {
        const bytes = encodeEnvelope(said, body, sha256).bytes.slice();
        bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ 1;
        try {
          expect(digestMatches(decodeEnvelope(bytes), sha256)).toBe(false);
        } catch (error) {
          expect(error).toMatchObject({ name: "PerdureError" });
        }
      }),
    );
  });

  it("lies where the layout says", () => {
    const view = new DataView(sample().buffer);
    expect(view.getUint32(4)).toBe(10);
    expect([view.getUint8(8), view.getUint8(40), view.getUint8(72), view.getUint8(96), view.getUint8(128)]).toEqual([1, 2, 3, 6, 7]);
    expect(view.getBigUint64(80)).toBe(4n);
    expect(view.getBigUint64(88)).toBe(5n);
    expect(view.getUint16(104)).toBe(1);
  });

  it.each<[string, Bytes, string]>([
    ["no bytes", new Uint8Array(), "malformed"],
    ["a cut header", sample().subarray(0, 127), "malformed"],
    ["a cut body", sample().subarray(0, 137), "malformed"],
    ["a byte too many", concat(sample(), new Uint8Array(1)), "malformed"],
    ["a newer version", changed([0, 2]), "needs-newer-version"],
    ["an unknown class", changed([1, 3]), "malformed"],
    ["the flag that is reserved", changed([3, 1]), "malformed"],
    ["a body beyond the limit", changed([4, 255]), "too-large"],
    ["sequence number 0", changed([87, 0]), "malformed"],
    ["a sequence number of 64 bits", changed([80, 255]), "malformed"],
    ["no expiry", changed([95, 0]), "malformed"],
    ["an expiry of 64 bits", changed([88, 255]), "malformed"],
    ["an unknown suite", changed([105, 9]), "needs-newer-version"],
    ["mail that is not sealed", changed([105, 0]), "malformed"],
    ["a sealed notice", changed([1, 2]), "malformed"],
    ["a notice that names an inbox key", changed([1, 2], [105, 0]), "malformed"],
    ["reserved byte 106", changed([106, 1]), "malformed"],
    ["reserved byte 111", changed([111, 1]), "malformed"],
  ])("with %s is refused", (_, bytes, code) => {
    expect(() => decodeEnvelope(bytes)).toThrow(refused(code));
  });

  it("of the largest body is taken, a larger one is not made", () => {
    const said: EnvelopeHeader = {
      class: "mail",
      from: new Uint8Array(32),
      to: new Uint8Array(32),
      stream: new Uint8Array(8),
      seq: 1,
      expiresAtMs: 1,
      inboxKeyId: new Uint8Array(8),
      suite: 1,
    };
    expect(decodeEnvelope(encodeEnvelope(said, new Uint8Array(MAX_ENVELOPE_BODY_BYTES), sha256).bytes).body).toHaveLength(
      MAX_ENVELOPE_BODY_BYTES,
    );
    expect(() => encodeEnvelope(said, new Uint8Array(MAX_ENVELOPE_BODY_BYTES + 1), sha256)).toThrow(refused("too-large"));
  });
});
