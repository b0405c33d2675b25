import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bytes } from "./bytes.ts";
import { decodeAck, decodeDeliver, decodeMail } from "./control.ts";
import { decodeEnvelope } from "./envelope.ts";
import { isPerdureError } from "./error.ts";
import { decodeTransport, encodeTransport, FRAME_TYPES, type FrameName } from "./frame.ts";
import { listShapes } from "./shapes.ts";
import { arbitraryOf } from "./test-arbitrary.ts";

const shapes = listShapes();
const decoders: readonly (readonly [string, (bytes: Bytes) => unknown])[] = [
  ["envelope", decodeEnvelope],
  ["transport message", (bytes) => decodeTransport(bytes, 0)],
  ["transport message with a tag", (bytes) => decodeTransport(bytes, 0, () => new Uint8Array(32))],
  ["mail", decodeMail],
  ["deliver", decodeDeliver],
  ["ack", decodeAck],
  ...shapes.map((each) => [each.name, each.decode] as const),
];

/** Bytes that look like something: CBOR heads with wrong lengths, frames, valid values. */
const seeds: fc.Arbitrary<Bytes> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        0x80,
        0x81,
        0x82,
        0x98,
        0x9b,
        0x9f,
        0xa1,
        0x40,
        0x41,
        0x58,
        0x5b,
        0x60,
        0x61,
        0x78,
        0x18,
        0x1b,
        0x20,
        0xc0,
        0xf6,
        0xfb,
        0xff,
        0x00,
      ),
      { maxLength: 60 },
    )
    .map((heads) => Uint8Array.from(heads)),
  fc.constantFrom(...shapes).chain((each) => arbitraryOf(each.field.form).map((value) => each.encode(value))),
  fc
    .constantFrom(...(Object.keys(FRAME_TYPES) as FrameName[]))
    .chain((name) => fc.uint8Array({ maxLength: 60 }).map((payload) => encodeTransport([{ name, payload }], 0))),
);

const mutated: fc.Arbitrary<Bytes> = fc
  .tuple(seeds, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(3))
  .map(([seed, changes, cut]) => {
    const bytes = seed.slice(0, Math.max(0, seed.length - (cut === 1 ? 1 : 0)));
    for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
    return bytes;
  });

describe("decoders", () => {
  it("throw nothing but PerdureErrors, whatever the bytes", () => {
    fc.assert(
      fc.property(mutated, (bytes) => {
        for (const [name, decode] of decoders) {
          try {
            decode(bytes);
          } catch (error) {
            if (!isPerdureError(error) || error.code === "internal") expect.fail(`${name} threw ${String(error)}`);
          }
        }
      }),
      { numRuns: 20_000 },
    );
  }, 120_000);

  it("take no longer for hostile bytes than a scan of them", () => {
    const hostile = [0x9b, 0x81, 0x5b, 0xa1, 0x9f, 0x00, 0x80].flatMap((byte) => [
      new Uint8Array(64 * 1024).fill(byte),
      Uint8Array.from({ length: 64 * 1024 }, (_, index) => (index % 2 === 0 ? byte : 0x80)),
    ]);
    for (const bytes of hostile) for (const [, decode] of decoders) expect(() => decode(bytes)).toThrow();
  }, 20_000);
});
