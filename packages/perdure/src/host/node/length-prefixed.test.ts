import fc from "fast-check";
import { expect, test } from "vitest";
import { concat, utf8 } from "../../wire/bytes.ts";
import { createMessageReader, lengthPrefix } from "./length-prefixed.ts";

const MAX_BYTES = 300;

test("messages come out as they went in, however the stream was cut", () => {
  const message = fc.uint8Array({ maxLength: MAX_BYTES });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }), (messages, cuts) => {
      const stream = concat(...messages.flatMap((each) => [lengthPrefix(each.length), each]));
      const received: Uint8Array[] = [];
      const reader = createMessageReader(MAX_BYTES, (each) => received.push(each));
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const end = at + (cuts[turn % cuts.length] as number);
        expect(reader.push(stream.subarray(at, end))).toBe(true);
        at = end;
      }
      expect(received).toEqual(messages);
    }),
  );
});

test("a length over the limit breaks the stream for good, after what came before it", () => {
  const received: Uint8Array[] = [];
  const reader = createMessageReader(MAX_BYTES, (message) => received.push(message));
  expect(reader.push(concat(lengthPrefix(2), utf8("ok"), lengthPrefix(MAX_BYTES + 1)))).toBe(false);
  expect(reader.push(concat(lengthPrefix(2), utf8("no")))).toBe(false);
  expect(received).toEqual([utf8("ok")]);
});

test("the largest length that can be written is over any limit, not negative", () => {
  const reader = createMessageReader(MAX_BYTES, () => {});
  expect(reader.push(lengthPrefix(0xffff_ffff))).toBe(false);
});
