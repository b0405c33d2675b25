import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bytes, concat } from "./bytes.ts";
import { decodeAck, decodeDeliver, decodeMail, encodeAck, encodeDeliver, encodeMail, mailBytes, putMail } from "./control.ts";
import {
  decodeTransport,
  encodeTransport,
  FRAME_HEADER_BYTES,
  FRAME_TYPES,
  type Frame,
  type FrameName,
  frameBytes,
  MAX_CHANNEL,
  type Tagger,
} from "./frame.ts";
import { MAX_TRANSPORT_BYTES } from "./limits.ts";
import { MailFrames } from "./mail-frames.ts";

const refused = (code: string) => expect.objectContaining({ name: "PerdureError", code });
const tagger =
  (key: string): Tagger =>
  (counted) =>
    new Uint8Array(createHmac("sha256", key).update(counted).digest());
const frame: fc.Arbitrary<Frame> = fc.record({
  name: fc.constantFrom(...(Object.keys(FRAME_TYPES) as FrameName[])),
  payload: fc.uint8Array({ maxLength: 200 }),
});
const frames = fc.array(frame, { minLength: 1, maxLength: 8 });
const counter = fc.oneof(fc.nat(3), fc.maxSafeNat());
const ping: Frame = { name: "ping", payload: new Uint8Array([0x81, 0]) };

const decoded = (message: Bytes, count: number, check?: Tagger): readonly unknown[] =>
  decodeTransport(message, count, check).map(({ name, payload, channel }) => ({ name, payload, channel }));
const onChannel0 = (sent: readonly Frame[]) => sent.map((frame) => ({ ...frame, channel: 0 }));

describe("a transport message", () => {
  it("comes back in mode none", () => {
    fc.assert(
      fc.property(frames, counter, (sent, count) => {
        expect(decoded(encodeTransport(sent, count), count)).toEqual(onChannel0(sent));
      }),
    );
  });

  it("comes back with the channel of each frame", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(frame, fc.nat({ max: MAX_CHANNEL })), { minLength: 1, maxLength: 5 }), (sent) => {
        const [frames, channels] = [sent.map(([each]) => each), sent.map(([, channel]) => channel)];
        const expected = sent.map(([each, channel]) => ({ ...each, channel }));
        expect(decoded(encodeTransport(frames, 0, undefined, channels), 0)).toEqual(expected);
      }),
    );
  });

  it("comes back in mode mac", () => {
    fc.assert(
      fc.property(frames, counter, (sent, count) => {
        expect(decoded(encodeTransport(sent, count, tagger("k")), count, tagger("k"))).toEqual(onChannel0(sent));
      }),
    );
  });

  it("in mode mac is refused when changed, repeated, reordered or made with another key", () => {
    fc.assert(
      fc.property(frames, fc.nat(1000), fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, count, at, change) => {
        const good = encodeTransport(sent, count, tagger("k"));
        const bad = good.slice();
        bad[2 + (at % (bad.length - 2))] = (bad[2 + (at % (bad.length - 2))] as number) ^ change;
        expect(() => decodeTransport(bad, count, tagger("k"))).toThrow(refused("bad-mac"));
        expect(() => decodeTransport(good, count + 1, tagger("k"))).toThrow(refused("bad-mac"));
        expect(() => decodeTransport(good, count, tagger("other"))).toThrow(refused("bad-mac"));
      }),
    );
  });

  it("cannot be moved from one mode to the other", () => {
    const open = encodeTransport([ping], 0);
    const tagged = encodeTransport([ping], 0, tagger("k"));
    expect(() => decodeTransport(open, 0, tagger("k"))).toThrow(refused("malformed"));
    expect(() => decodeTransport(tagged, 0)).toThrow(refused("malformed"));
  });

  const changed = (at: number, value: number): Bytes => {
    const bytes = encodeTransport([ping], 0).slice();
    bytes[at] = value;
    return bytes;
  };
  it.each<[string, Bytes, string]>([
    ["no bytes", new Uint8Array(), "malformed"],
    ["one byte", new Uint8Array(1), "malformed"],
    ["no frames", Uint8Array.of(1, 0), "malformed"],
    ["a newer version", changed(0, 2), "needs-newer-version"],
    ["an unknown mode", changed(1, 2), "malformed"],
    ["an unknown frame type", changed(2, 99), "malformed"],
    ["frame type 0", changed(2, 0), "malformed"],
    ["a flag", changed(3, 1), "malformed"],
    ["a length beyond its end", changed(9, 3), "malformed"],
    ["a length of 4 GiB", changed(6, 255), "malformed"],
    ["bytes after its last frame", changed(9, 1), "malformed"],
    ["a cut frame header", encodeTransport([ping], 0).subarray(0, 2 + FRAME_HEADER_BYTES - 1), "malformed"],
    ["more bytes than any may have", new Uint8Array(MAX_TRANSPORT_BYTES + 1), "too-large"],
  ])("with %s is refused", (_, bytes, code) => {
    expect(() => decodeTransport(bytes, 0)).toThrow(refused(code));
  });

  it("shorter than its tag is refused", () => {
    expect(() => decodeTransport(new Uint8Array([1, 1, 0]), 0, tagger("k"))).toThrow(refused("malformed"));
  });

  it("beyond the limit is not made", () => {
    expect(() => encodeTransport([{ name: "mail", payload: new Uint8Array(MAX_TRANSPORT_BYTES) }], 0)).toThrow(refused("too-large"));
  });
});

describe("hot frames", () => {
  const seq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  const envelope = fc.uint8Array({ maxLength: 50 });

  it("mail, deliver and ack come back", () => {
    fc.assert(
      fc.property(
        seq,
        fc.nat(255),
        envelope,
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.maxSafeNat(),
        (linkSeq, hopLimit, bytes, generation, storedAtMs) => {
          expect(decodeMail(encodeMail({ linkSeq, hopLimit, envelope: bytes }))).toEqual({ linkSeq, hopLimit, envelope: bytes });
          const deliver = { generation, position: linkSeq, storedAtMs, envelope: bytes };
          expect(decodeDeliver(encodeDeliver(deliver))).toEqual(deliver);
          expect(decodeAck(encodeAck(storedAtMs))).toBe(storedAtMs);
        },
      ),
    );
  });

  it("mail is read where it lies", () => {
    fc.assert(
      fc.property(seq, fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 })), envelope, fc.nat(9), (linkSeq, home, bytes, before) => {
        const payload = encodeMail({ linkSeq, hopLimit: 8, home: home ?? undefined, envelope: bytes });
        const within = concat(new Uint8Array(before).fill(7), payload, new Uint8Array(5).fill(7));
        expect(decodeMail(within, before, before + payload.length)).toEqual(decodeMail(payload));
        expect(() => decodeMail(within, before, before + 15)).toThrow(refused("malformed"));
      }),
    );
  });

  it("mail is made where it goes, whatever lay there, and nothing beside it is touched", () => {
    fc.assert(
      fc.property(seq, fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 })), envelope, fc.nat(9), (linkSeq, home, bytes, before) => {
        const frame = { linkSeq, hopLimit: 8, home: home ?? undefined, envelope: bytes };
        const message = new Uint8Array(before + mailBytes(frame) + 5).fill(7);
        putMail(message, before, frame);
        expect(message).toEqual(concat(new Uint8Array(before).fill(7), encodeMail(frame), new Uint8Array(5).fill(7)));
      }),
    );
  });

  it("mail that goes out together is the frames it would be one by one", () => {
    fc.assert(
      fc.property(seq, fc.array(envelope, { minLength: 1, maxLength: 5 }), fc.nat(MAX_CHANNEL), (linkSeq, envelopes, channel) => {
        const together = new MailFrames(8);
        const first = Math.max(1, linkSeq - envelopes.length);
        const apart = envelopes.map((bytes, index): Frame => {
          const before = together.length;
          const expected = together.lengthWith(bytes);
          together.add(first + index, bytes);
          const payload = encodeMail({ linkSeq: first + index, hopLimit: 8, envelope: bytes });
          expect([together.length, together.length - before]).toEqual([expected, frameBytes(payload.length)]);
          return { name: "mail", payload };
        });
        const channels = apart.map(() => channel);
        expect(encodeTransport([ping, together], 0, undefined, [0, channel])).toEqual(
          encodeTransport([ping, ...apart], 0, undefined, [0, ...channels]),
        );
      }),
    );
  });

  const mail = encodeMail({ linkSeq: 1, hopLimit: 8, envelope: new Uint8Array() });
  it("mail is refused cut, without a number, and with a reserved byte set", () => {
    expect(() => decodeMail(mail.subarray(0, 15))).toThrow(refused("malformed"));
    expect(() => decodeMail(concat(new Uint8Array(8), mail.subarray(8)))).toThrow(refused("malformed"));
    expect(() => decodeMail(concat(new Uint8Array(8).fill(255), mail.subarray(8)))).toThrow(refused("malformed"));
    for (let at = 9; at < 16; at++)
      expect(() => decodeMail(mail.map((byte, index) => (index === at ? 1 : byte))), `byte ${at}`).toThrow(refused("malformed"));
  });

  it("deliver is refused cut, at position 0, and with a time of 64 bits", () => {
    const deliver = encodeDeliver({ generation: new Uint8Array(8), position: 1, storedAtMs: 1, envelope: new Uint8Array() });
    expect(() => decodeDeliver(deliver.subarray(0, 23))).toThrow(refused("malformed"));
    expect(() => decodeDeliver(deliver.map((byte, index) => (index === 15 ? 0 : byte)))).toThrow(refused("malformed"));
    expect(() => decodeDeliver(deliver.map((byte, index) => (index === 16 ? 255 : byte)))).toThrow(refused("malformed"));
  });

  it.each([0, 7, 9])("ack of %i bytes is refused", (length) => {
    expect(() => decodeAck(new Uint8Array(length))).toThrow(refused("malformed"));
  });
});
