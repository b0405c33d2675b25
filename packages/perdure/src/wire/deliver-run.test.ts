import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeDeliver } from "./control.ts";
import { DeliverFrames, DeliverRun } from "./deliver-run.ts";
import { encodeTransport, outBytes, type Tagger } from "./frame.ts";

const GENERATION = Uint8Array.from({ length: 8 }, (_, index) => index + 1);
const TAGGER: Tagger = (counted) => new Uint8Array(createHmac("sha256", "key").update(counted).digest());

const number = fc.integer({ min: 1, max: 2 ** 53 - 1 });
const mail = fc.record({ position: number, storedAtMs: number, envelope: fc.uint8Array({ maxLength: 300 }), gap: fc.nat({ max: 20 }) });

it("is what its frames are one by one, in every mode, on every channel, in new memory and in such that was used before", () => {
  const mails = fc.array(mail, { minLength: 1, maxLength: 8 });
  const tagger = fc.constantFrom(undefined, TAGGER);
  fc.assert(
    fc.property(mails, tagger, fc.option(fc.nat({ max: 0xffff })), fc.boolean(), fc.boolean(), (sent, tag, channel, used, after) => {
      const parts = sent.map(({ envelope, gap }) => [new Uint8Array(gap).fill(7), envelope]);
      const bytes = Uint8Array.from(parts.flat().flatMap((part) => [...part]));
      const [starts, ends]: [number[], number[]] = [[], []];
      let at = 0;
      for (const [gap, envelope] of parts) {
        starts.push(at + (gap?.length ?? 0));
        at += (gap?.length ?? 0) + (envelope?.length ?? 0);
        ends.push(at);
      }
      const seen = { written: 0, lent: 0 };
      const run = new DeliverRun({
        generation: GENERATION,
        positions: sent.map(({ position }) => position),
        storedAtMs: sent.map(({ storedAtMs }) => storedAtMs),
        bytes,
        starts,
        ends,
        written: () => void seen.written++,
        memory: (size) => {
          seen.lent++;
          return used ? new Uint8Array(size + 10).fill(0xff).subarray(0, size) : undefined;
        },
      });
      const each = sent.map(({ position, storedAtMs, envelope }) => ({
        name: "deliver" as const,
        payload: encodeDeliver({ generation: GENERATION, position, storedAtMs, envelope }),
      }));
      const others = after ? [{ name: "ping" as const, payload: Uint8Array.of(0x81, 0) }] : [];
      const channels = channel === null ? undefined : [...each, ...others].map(() => channel);
      const together = encodeTransport([run, ...others], 5, tag, channels?.slice(0, 1 + others.length));
      expect(together).toEqual(encodeTransport([...each, ...others], 5, tag, channels));
      // Only a message of its own is made in memory that was used before.
      expect(seen).toEqual({ written: 1, lent: after ? 0 : 1 });
    }),
  );
});

it("follows on in positions where the envelopes lie apart", () => {
  const envelopes = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(envelopes, fc.integer({ min: 1, max: 2 ** 40 }), fc.nat({ max: 0xffff }), (sent, position, channel) => {
      const deliver = { generation: GENERATION, storedAtMs: 5 };
      const single = sent.map((envelope, index) => ({
        name: "deliver" as const,
        payload: encodeDeliver({ ...deliver, position: position + index, envelope }),
      }));
      const together = new DeliverFrames({ ...deliver, position, envelopes: sent });
      const ping = { name: "ping" as const, payload: Uint8Array.of(0x81, 0) };
      expect(outBytes(together)).toBe(single.reduce((sum, each) => sum + outBytes(each), 0));
      expect(encodeTransport([together, ping], 0, undefined, [channel, 2])).toEqual(
        encodeTransport([...single, ping], 0, undefined, [...single.map(() => channel), 2]),
      );
    }),
  );
});
